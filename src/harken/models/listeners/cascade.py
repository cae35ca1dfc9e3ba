"""A listener that writes a transcript or caption of each clip, and a reader that gets that text.

``cascade:LISTENER+READER``, each any model by name: transcripts with
``cascade:asr:openai/whisper-tiny+openai:llm@…``, captions with
``cascade:openai:captioner@…+openai:llm@…``. The score of a cascade is what a benchmark gives to a
model that has no more of the audio than those texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harken.errors import ConfigError
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling, capabilities, style_of
from harken.models.listeners.listener import ClipListener, Kind, failed_reply


def build(target: str, *, kind: Kind | None = None) -> Cascade:
    """The cascade ``LISTENER+READER``; `kind` defaults to what the listener writes.

    Raises:
        ConfigError: `target` is not ``LISTENER+READER``.
    """
    from harken.models.load import load_model

    listener, plus, reader = target.partition("+")
    if not (listener and plus and reader):
        raise ConfigError(
            f"{target!r} is not LISTENER+READER",
            where="cascade:",
            hint="Write cascade:LISTENER+READER, as in cascade:asr:openai/whisper-tiny+MODEL",
        )
    writer = load_model(listener)
    usual: Kind = "transcript" if listener.startswith("asr:") else "caption"
    own: Any = capabilities(writer).writes
    return Cascade(writer, load_model(reader), kind or own or usual)


class Cascade:
    """A listener and a reader as one model.

    Attributes:
        max_clips: any number: the listener gets one clip at a time.
        style: the reader's, which is set with it.
        batch: the reader's.
    """

    max_clips = 1_000_000

    def __init__(self, listener: Model, reader: Model, kind: Kind = "transcript") -> None:
        """`listener` takes at least one clip; `kind` says what it writes.

        Raises:
            ConfigError: `listener` takes no audio.
        """
        self.listener = ClipListener(listener, kind)
        self.reader = reader
        self.name = f"cascade:{listener.name}+{reader.name}"
        self.batch = capabilities(reader).batch

    @property
    def kind(self) -> Kind:
        """What the listener writes."""
        return self.listener.kind

    @property
    def style(self) -> PromptStyle:
        """The prompt style of the reader."""
        return style_of(self.reader)

    @style.setter
    def style(self, style: PromptStyle) -> None:
        """Set the reader's."""
        self.reader.style = style

    @property
    def multi_turn(self) -> bool:
        """Whether the reader takes earlier turns."""
        return capabilities(self.reader).multi_turn

    def identity(self) -> str:
        """Hash of both models and of what the listener is asked for."""
        return digest(canonical([self.listener.identity(), self.reader.identity()]))

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The reader's replies; a prompt with a clip that the listener fails on fails with it."""
        read = self.listener.read(prompts)
        readable = [i for i, prompt in enumerate(read) if isinstance(prompt, Prompt)]
        replies = [
            prompt if isinstance(prompt, Reply) else failed_reply("no reply") for prompt in read
        ]
        texts = [prompt for prompt in read if isinstance(prompt, Prompt)]
        found = self.reader.generate(texts, sampling) if texts else []
        for i, reply in zip(readable, found, strict=True):
            replies[i] = reply
        return replies

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The reader's; None where the listener fails."""
        read = self.listener.read(prompts)
        readable = [i for i, prompt in enumerate(read) if isinstance(prompt, Prompt)]
        answers: list[tuple[float, ...] | None] = [None] * len(prompts)
        texts = [prompt for prompt in read if isinstance(prompt, Prompt)]
        found = self.reader.choice_logprobs(texts) if texts else []
        for i, values in zip(readable, found, strict=True):
            answers[i] = values
        return answers

    def keep(self, folder: Path | str) -> None:
        """Store the listener's texts and, where it can, the reader's replies under `folder`."""
        self.listener.keep(Path(folder) / "listener")
        if keep := capabilities(self.reader).keep:
            keep(Path(folder) / "reader")

    def report(self) -> dict[str, Any]:
        """What both report, and how many clips have a transcript or caption."""
        report = capabilities(self.reader).report
        return {**self.listener.report(), **({"reader": report()} if callable(report) else {})}
