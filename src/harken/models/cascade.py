"""A listener that writes down what it hears, and a reader that sees only what was written.

``cascade:LISTENER+READER``, each any model by name: transcripts with
``cascade:asr:openai/whisper-tiny+openai:llm@…``, captions with
``cascade:openai:captioner@…+openai:llm@…``. What a cascade reaches on a benchmark is what can be
reached without hearing more than those words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from harken.audio import Clip, canonical, digest
from harken.errors import ConfigError, ModelError
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling
from harken.models.replies import Replies
from harken.progress import track

Kind = Literal["transcript", "caption"]

REQUESTS: dict[str, str] = {
    "transcript": "Write down exactly what is said in this recording, and nothing else.",
    "caption": "Describe everything that can be heard in this recording, in one or two sentences.",
}
"""What a listener is asked, by what it shall write."""

_ROOM = Sampling(max_tokens=2048)  # words that are cut off all the same are a failure


def build(target: str, *, kind: Kind | None = None) -> Cascade:
    """The cascade ``LISTENER+READER``; `kind` defaults to what the listener is made for."""
    from harken.models import load_model

    listener, plus, reader = target.partition("+")
    if not (listener and plus and reader):
        raise ConfigError(
            f"{target!r} names no listener and reader",
            where="cascade:",
            mend="Write cascade:LISTENER+READER, as in cascade:asr:openai/whisper-tiny+MODEL",
        )
    heard = load_model(listener)
    usual: Kind = "transcript" if listener.startswith("asr:") else "caption"
    own: Kind | None = getattr(heard, "writes", None)
    return Cascade(heard, load_model(reader), kind or own or usual)


class Listener:
    """A model that writes down what it hears, one clip at a time, each distinct clip once.

    Attributes:
        kind: what it writes, ``"transcript"`` or ``"caption"``.
    """

    def __init__(self, model: Model, kind: Kind = "transcript") -> None:
        """`model` hears at least one clip."""
        if model.hears < 1:
            raise ConfigError(f"{model.name} hears nothing, so it cannot be a listener")
        if kind not in REQUESTS:
            raise ConfigError(f"kind is {kind!r}", mend="Use transcript or caption.")
        self.model = model
        self.kind = kind
        self.name = model.name
        self._heard: dict[str, Reply] = {}
        self._kept: Replies | None = None

    def identity(self) -> str:
        """Hash of the model and of what it is asked."""
        asked = [self.kind, REQUESTS[self.kind], _ROOM.max_tokens]
        return digest(canonical([self.model.identity(), *asked]))

    def keep(self, folder: Path | str) -> None:
        """Keep what is written in `folder`, and use what is there: nothing is heard twice."""
        if callable(kept := getattr(self.model, "keep", None)):
            kept(folder)
        elif self._kept is None or self._kept.folder != Path(folder):
            self._kept = Replies(folder)

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
                read.append(_failed(f"{self.name}: {bad[0].error}"))
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
            found = self.model.generate(prompts, _ROOM)
            if len(found) != len(prompts):
                raise ModelError(f"{self.name} gave {len(found)} replies to {len(prompts)} prompts")
        except Exception as error:  # a model is asked not to raise; one that does loses one clip
            if len(prompts) == 1:
                return [_failed(f"{type(error).__name__}: {error}")]
            return [reply for prompt in prompts for reply in self._ask([prompt])]
        return [_whole(reply) for reply in found]

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


class Cascade:
    """A model made of two.

    Attributes:
        hears: any number of clips: the listener is given one at a time.
        style: the reader's.
        batch: the reader's.
    """

    hears = 1_000_000

    def __init__(self, listener: Model, reader: Model, kind: Kind = "transcript") -> None:
        """`listener` hears at least one clip; `kind` says what it writes down."""
        self.listener = Listener(listener, kind)
        self.reader = reader
        self.name = f"cascade:{listener.name}+{reader.name}"
        self.batch = int(getattr(reader, "batch", 16))

    @property
    def kind(self) -> Kind:
        """What the listener writes."""
        return self.listener.kind

    @property
    def style(self) -> PromptStyle:
        """As the reader likes it."""
        return self.reader.style

    def identity(self) -> str:
        """Hash of both and of what passes between them."""
        return digest(canonical([self.listener.identity(), self.reader.identity()]))

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The reader's replies; a prompt with a clip that the listener fails on fails with it."""
        read = self.listener.read(prompts)
        able = [i for i, prompt in enumerate(read) if isinstance(prompt, Prompt)]
        replies = [prompt if isinstance(prompt, Reply) else _failed("no reply") for prompt in read]
        texts = [prompt for prompt in read if isinstance(prompt, Prompt)]
        found = self.reader.generate(texts, sampling) if texts else []
        for i, reply in zip(able, found, strict=True):
            replies[i] = reply
        return replies

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The reader's; None where the listener fails."""
        read = self.listener.read(prompts)
        able = [i for i, prompt in enumerate(read) if isinstance(prompt, Prompt)]
        answers: list[tuple[float, ...] | None] = [None] * len(prompts)
        texts = [prompt for prompt in read if isinstance(prompt, Prompt)]
        found = self.reader.choice_logprobs(texts) if texts else []
        for i, values in zip(able, found, strict=True):
            answers[i] = values
        return answers

    def keep(self, folder: Path | str) -> None:
        """Let the listener keep its words, and the reader its replies where it does."""
        self.listener.keep(Path(folder) / "listener")
        if callable(kept := getattr(self.reader, "keep", None)):
            kept(Path(folder) / "reader")

    def report(self) -> dict[str, Any]:
        """What both report, and how many clips were written down."""
        told = getattr(self.reader, "report", None)
        return {**self.listener.report(), **({"reader": told()} if callable(told) else {})}


def _whole(reply: Reply) -> Reply:
    """A reply that is there and not cut off; half a transcript is no transcript."""
    if reply.stop == "failed" or reply.error is not None:
        return _failed(reply.error or "the request failed")
    if reply.stop == "length":
        return _failed(f"the words were cut off after {_ROOM.max_tokens} tokens")
    return reply


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)
