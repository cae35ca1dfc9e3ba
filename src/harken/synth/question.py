"""What a family of questions is, what it draws, and how an Item is put together from a plan.

Specify, instantiate, render (after scaper): `QuestionFamily.pick` draws constants, they are stored
in the item's plan, and `QuestionFamily.build` makes texts and clips from the plan and the
recordings it names, without any chance. So a plan alone gives the same item again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.errors import DataError
from harken.item import Item
from harken.synth.design import BlockDesign, number
from harken.synth.pool import RecordingPool, Ref, Topic, ref

UNIT_ITEMS = 256
"""Items in one unit of work (and one shard)."""

GROUP = number("group")
"""Sets the chance of a group apart from that of its items."""

VERSION = 1
"""Of plans; raised when the same plan would give another item."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The chance of one attempt at one item.

    Attributes:
        wheel: the balanced part: which answer, label, count (the same in every attempt).
        rng: the free part: which recordings, wording, gains (another in every attempt).
        seat: (seed, family, split, index) as numbers.
    """

    design: BlockDesign
    rng: np.random.Generator
    key: tuple[int, ...] = ()

    def group(self, size: int) -> Draw:
        """The chance that `size` items in a row share, whatever their attempts."""
        *key, index = self.key
        return Draw(self.design, np.random.default_rng([*key, GROUP, index // size]))

    def one(self, things: Sequence[Any]) -> Any:
        """One of `things`, all alike."""
        return things[int(self.rng.integers(len(things)))]

    def some(self, things: Sequence[Any], n: int) -> list[Any]:
        """`n` different ones of `things`, in random order."""
        return [things[int(i)] for i in self.rng.permutation(len(things))[:n]]

    def recording(
        self,
        topic: Topic,
        name: str,
        *,
        without: Sequence[str] = (),
        taken: Sequence[Recording] = (),
    ) -> Recording | None:
        """A recording of `name` that holds none of `without`, from a source not yet `taken`.

        None if 32 tries find none: the attempt is then given up and drawn anew.
        """
        members = topic.members[name]
        used = {recording.id for recording in taken}
        for _ in range(32):
            found: Recording = self.one(members)
            if found.id not in used and topic.free_of(found, without):
                return found
        return None


@dataclass(frozen=True, slots=True)
class Picks:
    """What a family draws: recordings, in the order in which `build` takes them, and constants."""

    recordings: tuple[Recording, ...]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BuiltQuestion:
    """What a family builds from its picks; the fields are those of `Item`.

    The first tag says what it is about: ``sound``, ``word``, ``sentence`` or ``speaker``.
    """

    question: str
    answer: str
    choices: tuple[str, ...]
    clips: tuple[Clip, ...]
    rationale: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionFamily:
    """One kind of question; see `harken.synth` for the shape of its file.

    Attributes:
        name: registered name, and the `task` of its items.
        about: what is asked, in a sentence.
        templates: number of wordings.
        lacks: what a pool lacks for this family, as a reason; ``""`` if nothing.
        pick: draws the constants of one item; None: this attempt came to nothing.
        build: (wording no., values, recordings) -> texts and clips; no chance in it.
    """

    name: str
    about: str
    templates: int
    lacks: Callable[[RecordingPool], str]
    pick: Callable[[RecordingPool, Draw], Picks | None]
    build: Callable[[int, Mapping[str, Any], Sequence[Recording]], BuiltQuestion]


@dataclass(frozen=True, slots=True)
class DrawKey:
    """The place of an item: everything its draw depends on, besides the pool."""

    seed: int
    split: str
    index: int
    attempt: int = 0


def plan_item(
    family: QuestionFamily, pool: RecordingPool, place: DrawKey
) -> tuple[dict[str, Any], Picks] | None:
    """Draw the plan of the item at `place`; None if this attempt came to nothing."""
    key = (place.seed, number(family.name), number(place.split))
    rng = np.random.default_rng([*key, place.index, place.attempt])
    template = int(rng.integers(family.templates))
    picks = family.pick(pool, Draw(BlockDesign(key, place.index), rng, (*key, place.index)))
    if picks is None:
        return None
    plan = {
        "version": VERSION,
        "family": family.name,
        "seed": place.seed,
        "split": place.split,
        "unit": place.index // UNIT_ITEMS,
        "index": place.index,
        "attempt": place.attempt,
        "template": template,
        "picks": [
            {"recording": name, "sha256": sha256, "start_s": start_s}
            for name, sha256, start_s in (ref(recording) for recording in picks.recordings)
        ],
        "values": picks.values,
    }
    return plan, picks


def build_item(
    family: QuestionFamily, plan: dict[str, Any], recordings: Sequence[Recording]
) -> Item:
    """The item that a plan stands for; `recordings` are those it picked, in order."""
    made = family.build(plan["template"], plan["values"], recordings)
    return Item(
        question=made.question,
        answer=made.answer,
        choices=made.choices,
        clips=made.clips,
        task=family.name,
        tags=("multi" if len(made.clips) > 1 else "single", *made.tags),
        rationales=(made.rationale,),
        recordings=tuple(dict.fromkeys(recording.id for recording in recordings)),
        speakers=tuple(dict.fromkeys(r.speaker for r in recordings if r.speaker)),
        split=plan["split"],
        licence=" + ".join(sorted({r.licence for r in recordings if r.licence})),
        plan=plan,
    )


def look_up(plan: Mapping[str, Any], by_ref: Mapping[Ref, Recording]) -> list[Recording]:
    """The recordings a plan picked; raises DataError if one is not there."""
    found = []
    for pick in plan["picks"]:
        key = (pick["recording"], pick["sha256"], pick["start_s"])
        if key not in by_ref:
            raise DataError(
                f"recording {pick['recording']!r} with SHA-256 {pick['sha256'][:12]}… is missing",
                where=f"plan of {plan['family']} item {plan['index']}",
                hint="Give the recordings of the corpus the item was made from.",
            )
        found.append(by_ref[key])
    return found
