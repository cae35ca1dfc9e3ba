"""A model that writes down what it hears, one clip at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from harken.audio.clip import Clip
from harken.errors import ConfigError, ModelError
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling
from harken.models.reply_store import ReplyStore
from harken.progress import track

Kind = Literal["transcript", "caption"]


REQUESTS: dict[str, str] = {
    "transcript": "Write down exactly what is said in this recording, and nothing else.",
    "caption": "Describe everything that can be heard in this recording, in one or two sentences.",
}


"""What a listener is asked, by what it shall write."""


SAMPLING = Sampling(max_tokens=2048)  # words that are cut off all the same are a failure


class ClipListener:
    """A model that writes down what it hears, one clip at a time, each distinct clip once.

    Attributes:
        kind: what it writes, ``"transcript"`` or ``"caption"``.
    """

    def __init__(self, model: Model, kind: Kind = "transcript") -> None:
        """`model` hears at least one clip."""
        if model.max_clips < 1:
            raise ConfigError(f"{model.name} hears nothing, so it cannot be a listener")
        if kind not in REQUESTS:
            raise ConfigError(f"kind is {kind!r}", hint="Use transcript or caption.")
        self.model = model
        self.kind = kind
        self.name = model.name
        self._heard: dict[str, Reply] = {}
        self._kept: ReplyStore | None = None

    def identity(self) -> str:
        """Hash of the model and of what it is asked."""
        asked = [self.kind, REQUESTS[self.kind], SAMPLING.max_tokens]
        return digest(canonical([self.model.identity(), *asked]))

    def keep(self, folder: Path | str) -> None:
        """Keep what is written in `folder`, and use what is there: nothing is heard twice."""
        if callable(kept := getattr(self.model, "keep", None)):
            kept(folder)
        elif self._kept is None or self._kept.folder != Path(folder):
            self._kept = ReplyStore(folder)

    def report(self) -> dict[str, Any]:
        """How many clips were written down, and what the model reports."""
        told = getattr(self.model, "report", None)
        return {"clips_heard": len(self._heard), **({"listener": told()} if callable(told) else {})}

    def written(self, clips: Sequence[Clip]) -> list[Reply]:
        """What is written of each clip; asked once a clip, failures again each time."""
        self._recall(clips)
        new = list({clip.key: clip for clip in clips if clip.key not in self._heard}.values())
        request = REQUESTS[self.kind]
        replies = dict(self._heard)
        step = max(1, int(getattr(self.model, "batch", 16)))
        batches = [new[i : i + step] for i in range(0, len(new), step)]
        for batch in track(batches, f"{self.kind}s by {self.name}") if batches[1:] else batches:
            prompts = [Prompt((clip, request), request, style=PromptStyle(False)) for clip in batch]
            for clip, reply in zip(batch, self._ask(prompts), strict=True):
                replies[clip.key] = reply
                if reply.stop == "failed":
                    continue
                self._heard[clip.key] = reply
                if self._kept is not None:
                    self._kept.add(self._key(clip), {"text": reply.text})
        return [replies[clip.key] for clip in clips]

    def read(self, prompts: Sequence[Prompt]) -> list[Prompt | Reply]:
        """Each prompt with words in the place of clips, or the failure of a clip."""
        clips = list({clip.key: clip for prompt in prompts for clip in prompt.clips}.values())
        heard = dict(zip([clip.key for clip in clips], self.written(clips), strict=True))
        read: list[Prompt | Reply] = []
        for prompt in prompts:
            bad = [heard[clip.key] for clip in prompt.clips if heard[clip.key].stop == "failed"]
            if bad:
                read.append(failed_reply(f"{self.name}: {bad[0].error}"))
                continue
            parts = tuple(
                part if isinstance(part, str) else self._quoted(heard[part.key].text)
                for part in prompt.parts
            )
            read.append(replace(prompt, parts=parts))
        return read

    def _ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """The listener's replies; where a batch breaks, each alone, and what breaks has failed."""
        try:
            found = self.model.generate(prompts, SAMPLING)
            if len(found) != len(prompts):
                raise ModelError(f"{self.name} gave {len(found)} replies to {len(prompts)} prompts")
        except Exception as error:  # a model is asked not to raise; one that does loses one clip
            if len(prompts) == 1:
                return [failed_reply(f"{type(error).__name__}: {error}")]
            return [reply for prompt in prompts for reply in self._ask([prompt])]
        return [complete_reply(reply) for reply in found]

    def _recall(self, clips: Sequence[Clip]) -> None:
        """Take up what was kept of these clips."""
        if self._kept is None:
            return
        for clip in clips:
            held = self._kept.get(self._key(clip)) if clip.key not in self._heard else None
            if held is not None:
                self._heard[clip.key] = Reply(held["text"])

    def _key(self, clip: Clip) -> str:
        return digest(canonical([self.identity(), clip.key]))

    def _quoted(self, text: str) -> str:
        """As a JSON string: what was said cannot close its quotes and speak to the reader."""
        return f"{self.kind} of the recording: {json.dumps(text.strip(), ensure_ascii=False)}"


def complete_reply(reply: Reply) -> Reply:
    """A reply that is there and not cut off; half a transcript is no transcript."""
    if reply.stop == "failed" or reply.error is not None:
        return failed_reply(reply.error or "the request failed")
    if reply.stop == "length":
        return failed_reply(f"the words were cut off after {SAMPLING.max_tokens} tokens")
    return reply


def failed_reply(error: str) -> Reply:
    """A reply that stands for a failed request."""
    return Reply("", stop="failed", error=error)
