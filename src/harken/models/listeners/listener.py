"""A model as a writer of transcripts or captions, one clip at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from harken.audio.clip import Clip
from harken.errors import ConfigError, ModelError
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling, capabilities
from harken.models.listeners.repetition import LOOP
from harken.models.reply_store import ReplyStore
from harken.progress import track

Kind = Literal["transcript", "caption"]


REQUESTS: dict[str, str] = {
    "transcript": "Write down exactly what is said in this recording, and nothing else.",
    "caption": "Describe everything that can be heard in this recording, in one or two sentences.",
}
"""The request to a listener, by what it is to write."""

SAMPLING = Sampling(max_tokens=2048)  # a text that is cut off even so counts as failed


class ClipListener:
    """A model that writes a transcript or caption of each distinct clip once.

    Attributes:
        kind: what it writes, ``"transcript"`` or ``"caption"``.
    """

    def __init__(self, model: Model, kind: Kind = "transcript") -> None:
        """`model` takes at least one clip.

        Raises:
            ConfigError: `model` takes no audio, or `kind` is unknown.
        """
        if model.max_clips < 1:
            raise ConfigError(f"{model.name} takes no audio, so it cannot be a listener")
        if kind not in REQUESTS:
            raise ConfigError(f"kind is {kind!r}", hint="Use transcript or caption.")
        self.model = model
        self.kind = kind
        self.name = model.name
        self._texts: dict[str, Reply] = {}
        self._store: ReplyStore | None = None

    def identity(self) -> str:
        """Hash of the model and of what it is asked for."""
        asked = [self.kind, REQUESTS[self.kind], SAMPLING.max_tokens]
        return digest(canonical([self.model.identity(), *asked]))

    def keep(self, folder: Path | str) -> None:
        """Store texts in `folder` and use those stored there: no clip is sent twice."""
        if keep := capabilities(self.model).keep:
            keep(folder)
        elif self._store is None or self._store.folder != Path(folder):
            self._store = ReplyStore(folder)

    def report(self) -> dict[str, Any]:
        """How many clips have a text, and what the model reports."""
        report = capabilities(self.model).report
        heard = [reply for reply in self._texts.values() if reply.stop != "failed"]
        own = {"clips_heard": len(heard)}
        return {**own, **({"listener": report()} if callable(report) else {})}

    def written(self, clips: Sequence[Clip]) -> list[Reply]:
        """The text of each clip, in order; failed ones are requested again on each call.

        Except those whose transcript repeats itself: it would again.
        """
        self._recall(clips)
        new = list({clip.key: clip for clip in clips if clip.key not in self._texts}.values())
        request = REQUESTS[self.kind]
        replies = dict(self._texts)
        step = max(1, capabilities(self.model).batch)
        batches = [new[i : i + step] for i in range(0, len(new), step)]
        for batch in track(batches, f"{self.kind}s by {self.name}") if batches[1:] else batches:
            prompts = [Prompt((clip, request), request, style=PromptStyle(False)) for clip in batch]
            for clip, reply in zip(batch, self._ask(prompts), strict=True):
                replies[clip.key] = reply
                looped = _looped(reply)
                if reply.stop == "failed" and not looped:
                    continue
                self._texts[clip.key] = reply
                if self._store is not None:
                    own = {"text": reply.text, **({"failed": reply.error} if looped else {})}
                    self._store.add(self._key(clip), own)
        return [replies[clip.key] for clip in clips]

    def read(self, prompts: Sequence[Prompt]) -> list[Prompt | Reply]:
        """Each prompt with texts in place of its clips, or the failed reply of a clip."""
        clips = list({clip.key: clip for prompt in prompts for clip in prompt.clips}.values())
        texts = dict(zip([clip.key for clip in clips], self.written(clips), strict=True))
        read: list[Prompt | Reply] = []
        for prompt in prompts:
            failed = [texts[clip.key] for clip in prompt.clips if texts[clip.key].stop == "failed"]
            if failed:
                read.append(failed_reply(f"{self.name}: {failed[0].error}"))
                continue
            parts = tuple(
                part if isinstance(part, str) else self._quoted(texts[part.key].text)
                for part in prompt.parts
            )
            read.append(replace(prompt, parts=parts))
        return read

    def _ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """The model's replies; if a batch raises, one by one, and what raises alone has failed."""
        try:
            found = self.model.generate(prompts, SAMPLING)
            if len(found) != len(prompts):
                raise ModelError(f"{self.name} gave {len(found)} replies to {len(prompts)} prompts")
        except Exception as error:  # models should not raise; one that does loses one clip
            if len(prompts) == 1:
                return [failed_reply(f"{type(error).__name__}: {error}")]
            return [reply for prompt in prompts for reply in self._ask([prompt])]
        return [complete_reply(reply) for reply in found]

    def _recall(self, clips: Sequence[Clip]) -> None:
        """Read the stored texts of these clips."""
        if self._store is None:
            return
        for clip in clips:
            stored = self._store.get(self._key(clip)) if clip.key not in self._texts else None
            if stored is not None:
                error = stored.get("failed")
                self._texts[clip.key] = failed_reply(error) if error else Reply(stored["text"])

    def _key(self, clip: Clip) -> str:
        return digest(canonical([self.identity(), clip.key]))

    def _quoted(self, text: str) -> str:
        """As a JSON string, so that the text cannot close its quotes and instruct the reader."""
        return f"{self.kind} of the recording: {json.dumps(text.strip(), ensure_ascii=False)}"


def _looped(reply: Reply) -> bool:
    """Whether it failed since its transcript repeats itself."""
    return reply.stop == "failed" and str(reply.error).startswith(LOOP)


def complete_reply(reply: Reply) -> Reply:
    """`reply` if it is complete, else a failed one: half a transcript is no transcript."""
    if reply.stop == "failed" or reply.error is not None:
        return failed_reply(reply.error or "the request failed")
    if reply.stop == "length":
        return failed_reply(f"the text was cut off after {SAMPLING.max_tokens} tokens")
    return reply


def failed_reply(error: str) -> Reply:
    """A reply that stands for a failed request."""
    return Reply("", stop="failed", error=error)
