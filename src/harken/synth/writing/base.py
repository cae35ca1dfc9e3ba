"""The shapes of writing: a task, a request to a writer, its draft, and the writer itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from harken.item import Item
from harken.models.base import Sampling
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon

Fields = dict[str, Any]
"""What is written, by name: a text, or a list of texts."""

Outcome = Literal["written", "unparsed", "refused", "failed"]
"""Of a draft: fields are there; no object with them in the reply; declined; the request failed."""


@dataclass(frozen=True, slots=True)
class WritingTask:
    """What is written about an item; a member of `harken.synth.writing.load.TASKS`.

    Attributes:
        name: registered name.
        about: what is written, in a sentence.
        template: name of its prompt in ``writing/templates``, or the path of a ``.txt``.
        texts: the fields that are texts.
        lists: the fields that are lists of texts.
        takes: why an item is not written about; ``""`` if it is.
        key: items with the same key are written about once.
        material: values for the places of the template.
        grammar: the fields as the grammar writes them; drawn from the generator alone.
        check: what is wrong with the fields.
        apply: the item with what was written; the clips and their facts stay.
        graded: a critic grades what passes, and grades below 4 are a rejection.
    """

    name: str
    about: str
    template: str
    texts: tuple[str, ...]
    takes: Callable[[Item], str]
    key: Callable[[Item], str]
    material: Callable[[Item], Mapping[str, str]]
    grammar: Callable[[Item, np.random.Generator], Fields]
    check: Callable[[Item, Fields, Lexicon], list[TextFault]]
    apply: Callable[[Item, Fields], Item]
    lists: tuple[str, ...] = ()
    graded: bool = False


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What a writer is asked for.

    Attributes:
        item: what is written about.
        round: from 1.
        rejected: the text of the round before; empty in the first.
        reasons: why it was rejected.
    """

    item: Item
    round: int = 1
    rejected: str = ""
    reasons: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer returned.

    Attributes:
        fields: what was written; empty unless the outcome is ``"written"``.
        outcome: see `Outcome`.
        note: why it is none, else empty.
        text: the reply as it came.
        request: hash of all that the reply depends on; empty for the grammar.
        template: name and version of what it was written from.
    """

    fields: Fields = field(default_factory=dict)
    outcome: Outcome = "written"
    note: str = ""
    text: str = ""
    request: str = ""
    template: str = ""


class Writer(Protocol):
    """Writes fields for requests; see `WriterKind`."""

    name: str

    def identity(self) -> str:
        """Changes when the texts do, for the same requests."""
        ...

    def write(self, task: WritingTask, requests: Sequence[WriteRequest]) -> list[Draft]:
        """One draft a request, in order; a request that fails is a draft too."""
        ...

    def stored(self, task: WritingTask, requests: Sequence[WriteRequest]) -> int:
        """How many of the requests are answered without asking a model."""
        ...

    def report(self) -> dict[str, Any]:
        """Counts of requests, as far as there are any."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """What all writers are built with.

    Attributes:
        folder: where replies are stored; None: nowhere.
        seed: of the grammar's draws, and of sampled replies.
        sampling: of a model's replies.
        max_requests: most requests to a model, without those that are answered from the store;
            0: no limit.
    """

    folder: Path | None = None
    seed: int = 0
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=400))
    max_requests: int = 0


@dataclass(frozen=True, slots=True)
class WriterKind:
    """How writers of one kind are built; a member of `harken.synth.writers.load.WRITERS`.

    Attributes:
        name: what stands before the colon in ``name:target``.
        about: what it is, in a sentence.
        build: ``build(target, settings) -> Writer``.
        asks: whether it asks a model, so that requests are counted beforehand.
    """

    name: str
    about: str
    build: Callable[[str, WriterSettings], Writer]
    asks: bool = True
