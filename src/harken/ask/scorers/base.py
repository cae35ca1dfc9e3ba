"""The shape of a scorer.

One file a scorer::

    def score(item: Item, prompt: Prompt, reply: Reply) -> Score: ...   # pure
    SCORER = Scorer("name", "what counts as right, in a sentence", score)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harken.ask.score import Score
from harken.item import Item
from harken.models.base import Prompt, Reply


@dataclass(frozen=True, slots=True)
class Scorer:
    """What counts as a right reply.

    Attributes:
        name: named in ``run.json``, so that a run is scored again by the same rules.
        about: what counts as right, in a sentence.
        score: pure: the same arguments give the same `Score`. A failed reply (``stop == "failed"``)
            has the outcome ``failed`` and no value. Where a model gives probabilities of the
            choices, the most probable choice is the answer and the reply is scored beside it.
    """

    name: str
    about: str
    score: Callable[[Item, Prompt, Reply], Score]
