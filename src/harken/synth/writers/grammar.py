"""grammar: texts from the typed truth alone, without a model; what is drawn depends on the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harken.errors import ConfigError
from harken.synth.design import number
from harken.synth.writing.base import (
    Draft,
    Writer,
    WriteRequest,
    WriterKind,
    WriterSettings,
    WritingTask,
)

VERSION = 1
"""Of the grammars of all tasks; incremented when the same draws would give other texts."""


class GrammarWriter:
    """Writes what the grammar of the task gives; another round gives another draw."""

    name = "grammar"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def identity(self) -> str:
        """Name and version; the seed stands in the plan of the job."""
        return f"grammar-{VERSION}"

    def write(self, task: WritingTask, requests: Sequence[WriteRequest]) -> list[Draft]:
        """One draft a request; a pure function of seed, task, item and round."""
        drafts = []
        for one in requests:
            own = int(one.item.id, 16)
            rng = np.random.default_rng([self.seed, number(task.name), own, one.round])
            drafts.append(Draft(task.grammar(one.item, rng), template=self.identity()))
        return drafts

    def stored(self, task: WritingTask, requests: Sequence[WriteRequest]) -> int:
        """All of them: no model is asked."""
        return len(requests)

    def report(self) -> dict[str, Any]:
        """Nothing is requested."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def build(target: str, settings: WriterSettings) -> Writer:
    """The grammar; it has no target.

    Raises:
        ConfigError: a target is given.
    """
    if target:
        raise ConfigError(f"the writer grammar takes no {target!r}", hint="Write: grammar")
    return GrammarWriter(settings.seed)


WRITER = WriterKind("grammar", "no model: varied wording from the typed truth", build, asks=False)
