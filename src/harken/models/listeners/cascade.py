"""A listener that writes down what it hears, and a reader that sees only what was written.

``cascade:LISTENER+READER``, each any model by name: transcripts with
``cascade:asr:openai/whisper-tiny+openai:llm@…``, captions with
``cascade:openai:captioner@…+openai:llm@…``. What a cascade reaches on a benchmark is what can be
reached without hearing more than those words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harken.errors import ConfigError
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling
from harken.models.listeners.listener import ClipListener, Kind, failed_reply


def build(target: str, *, kind: Kind | None = None) -> Cascade:
    """The cascade ``LISTENER+READER``; `kind` defaults to what the listener is made for."""
    from harken.models.load import load_model

    listener, plus, reader = target.partition("+")
    if not (listener and plus and reader):
        raise ConfigError(
            f"{target!r} names no listener and reader",
            where="cascade:",
            hint="Write cascade:LISTENER+READER, as in cascade:asr:openai/whisper-tiny+MODEL",
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

    max_clips = 1_000_000

    def __init__(self, listener: Model, reader: Model, kind: Kind = "transcript") -> None:
        """`listener` hears at least one clip; `kind` says what it writes down."""
        self.listener = ClipListener(listener, kind)
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
        replies = [
            prompt if isinstance(prompt, Reply) else failed_reply("no reply") for prompt in read
        ]
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
