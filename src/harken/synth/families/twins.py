"""twins: pairs of items with the same question and choices, other audio and another answer.

Who answers without listening is right in at most one item of a pair. The questions are those of
other families about scenes, which take turns. Two items of a pair follow one another and have the
same ``twins``; where an odd number of items is drawn, the last one is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.corpora.base import Recording
from harken.synth.families import at_time, before_after, count_events, direction, when
from harken.synth.paired import one_of_pair
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

INNER = {
    "before-after": before_after,
    "when": when,
    "at-time": at_time,
    "count-events": count_events,
    "direction": direction,
}


def lacks(pool: RecordingPool) -> str:
    """What the least demanding of the questions lacks."""
    return "" if _kinds(pool) else count_events.lacks(pool)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The pair (from its number), then the scene of one of its items."""
    kinds = _kinds(pool)

    def both(shared: Draw) -> tuple[Picks, Picks] | None:
        kind = kinds[shared.design.turn(len(kinds))]
        template = int(shared.rng.integers(INNER[kind].FAMILY.templates))
        asked = INNER[kind].ask(pool, shared)
        if asked is None:
            return None
        other = shared.one([one for one in asked["choices"] if one != asked["answer"]])
        found = [
            INNER[kind].perform(
                pool, shared, {"asked": kind, "template": template, **asked, "answer": answer}
            )
            for answer in (asked["answer"], other)
        ]
        return None if None in found else (found[0], found[1])

    return one_of_pair(draw, both)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """The question in the wording of its family, which the pair has in common."""
    kind = values["asked"]
    made: BuiltQuestion = INNER[kind].build(values["template"], values, recordings)
    return replace(made, tags=(*made.tags, kind), twins=values["twins"])


def _kinds(pool: RecordingPool) -> list[str]:
    return [kind for kind, module in INNER.items() if not module.lacks(pool)]


FAMILY = QuestionFamily(
    "twins",
    "pairs of items: the same question and choices, other audio and another answer",
    1,
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal", "counting", "attribute"),
)
