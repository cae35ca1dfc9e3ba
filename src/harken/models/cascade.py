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
from harken.errors import ConfigError
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling

Kind = Literal["transcript", "caption"]

REQUESTS: dict[str, str] = {
    "transcript": "Write down exactly what is said in this recording, and nothing else.",
    "caption": "Describe everything that can be heard in this recording, in one or two sentences.",
}
"""What a listener is asked, by what it shall write."""

_ROOM = Sampling(max_tokens=256)


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
        if listener.hears < 1:
            raise ConfigError(f"{listener.name} hears nothing, so it cannot be a listener")
        if kind not in REQUESTS:
            raise ConfigError(f"kind is {kind!r}", mend="Use transcript or caption.")
        self.listener = listener
        self.reader = reader
        self.kind = kind
        self.name = f"cascade:{listener.name}+{reader.name}"
        self.batch = int(getattr(reader, "batch", 16))
        self._heard: dict[Clip, Reply] = {}

    @property
    def style(self) -> PromptStyle:
        """As the reader likes it."""
        return self.reader.style

    def identity(self) -> str:
        """Hash of both and of what passes between them."""
        both = [self.listener.identity(), self.reader.identity()]
        return digest(canonical([*both, self.kind, REQUESTS[self.kind]]))

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The reader's replies; a prompt with a clip that the listener fails on fails with it."""
        read = self._read(prompts)
        able = [i for i, prompt in enumerate(read) if isinstance(prompt, Prompt)]
        replies = [prompt if isinstance(prompt, Reply) else _failed("no reply") for prompt in read]
        texts = [prompt for prompt in read if isinstance(prompt, Prompt)]
        found = self.reader.generate(texts, sampling) if texts else []
        for i, reply in zip(able, found, strict=True):
            replies[i] = reply
        return replies

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The reader's; None where the listener fails."""
        read = self._read(prompts)
        able = [i for i, prompt in enumerate(read) if isinstance(prompt, Prompt)]
        answers: list[tuple[float, ...] | None] = [None] * len(prompts)
        texts = [prompt for prompt in read if isinstance(prompt, Prompt)]
        found = self.reader.choice_logprobs(texts) if texts else []
        for i, values in zip(able, found, strict=True):
            answers[i] = values
        return answers

    def keep(self, folder: Path | str) -> None:
        """Let both keep their replies, where they do."""
        for name, model in (("listener", self.listener), ("reader", self.reader)):
            if callable(kept := getattr(model, "keep", None)):
                kept(Path(folder) / name)

    def report(self) -> dict[str, Any]:
        """What both report, and how many clips were written down."""
        found: dict[str, Any] = {"clips_heard": len(self._heard)}
        for name, model in (("listener", self.listener), ("reader", self.reader)):
            if callable(told := getattr(model, "report", None)):
                found[name] = told()
        return found

    def written(self, clips: Sequence[Clip]) -> list[Reply]:
        """What the listener writes of each clip; asked once a clip, failures again each time."""
        new = [clip for clip in dict.fromkeys(clips) if clip not in self._heard]
        request = REQUESTS[self.kind]
        prompts = [Prompt((clip, request), request, style=PromptStyle(False)) for clip in new]
        found = self.listener.generate(prompts, _ROOM) if prompts else []
        replies = {**self._heard, **dict(zip(new, found, strict=True))}
        self._heard |= {clip: replies[clip] for clip in new if replies[clip].stop != "failed"}
        return [replies[clip] for clip in clips]

    def _read(self, prompts: Sequence[Prompt]) -> list[Prompt | Reply]:
        """Each prompt with words in the place of clips, or the failure of a clip."""
        clips = list(dict.fromkeys(clip for prompt in prompts for clip in prompt.clips))
        heard = dict(zip(clips, self.written(clips), strict=True))
        read: list[Prompt | Reply] = []
        for prompt in prompts:
            bad = [heard[clip] for clip in prompt.clips if heard[clip].stop == "failed"]
            if bad:
                read.append(_failed(f"{self.listener.name}: {bad[0].error}"))
                continue
            parts = tuple(
                part if isinstance(part, str) else self._quoted(heard[part].text)
                for part in prompt.parts
            )
            read.append(replace(prompt, parts=parts))
        return read

    def _quoted(self, text: str) -> str:
        """As a JSON string: what was said cannot close its quotes and speak to the reader."""
        return f"{self.kind} of the recording: {json.dumps(text.strip(), ensure_ascii=False)}"


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)
