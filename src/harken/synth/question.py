"""Families of questions: what they draw, and how an Item is built from its plan.

Specify, instantiate, render (after scaper): `QuestionFamily.pick` draws constants, they are stored
in the item's plan, and `QuestionFamily.build` makes texts and clips from the plan and the
recordings it names, with nothing random. So a plan alone gives the same item again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.errors import DataError
from harken.facts import ClipFacts
from harken.item import SKILL, Dialogue, Item, ListeningNeed, content_id
from harken.synth.design import BlockDesign, generator, number
from harken.synth.known import facts_of
from harken.synth.pool import RecordingPool, Ref, Topic, ref
from harken.synth.skills import TIMED
from harken.synth.staging import USUAL, Staging

UNIT_ITEMS = 256
"""Items in a unit, which becomes one shard."""

GROUP = number("group")
"""Draw key of a group, so that its draws differ from those of its items."""

AROUND = number("around")
"""Draw key of what is around the events of an item."""

VERSION = 2
"""Version of plans; incremented when the same plan would give another item."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The sources of randomness of one attempt at one item.

    Attributes:
        design: the balanced draws: answer, label, count (the same in every attempt).
        rng: the free draws: recordings, wording, gains (different in every attempt).
        key: (seed, family, split, index) as numbers.
        staging: settings of scenes.
    """

    design: BlockDesign
    rng: np.random.Generator
    key: tuple[int, ...] = ()
    staging: Staging = USUAL

    def group(self, size: int) -> Draw:
        """The draws that `size` consecutive items share, whatever their attempts."""
        *key, index = self.key
        own = generator(*key, GROUP, index // size)
        return Draw(self.design, own, staging=self.staging)

    def one(self, things: Sequence[Any]) -> Any:
        """One of `things`, all equally likely."""
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
        """A recording of `name` that contains none of `without`, from a source not in `taken`.

        None if 32 tries find none: the attempt has then failed and is repeated.
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
    """What a family draws: recordings in the order that `build` expects, and constants."""

    recordings: tuple[Recording, ...]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BuiltQuestion:
    """What a family builds from its picks; the fields are those of `Item`.

    The first tag is its subject: ``sound``, ``word``, ``sentence`` or ``speaker``. `facts` are
    given where a clip is more than one recording; else they are those of the recordings. `need` is
    given where it depends on the item, `dialogue` where the question ends a conversation, `licence`
    where its clips have more in them than recordings.
    """

    question: str
    answer: str
    choices: tuple[str, ...]
    clips: tuple[Clip, ...]
    rationale: str
    tags: tuple[str, ...] = ()
    facts: tuple[ClipFacts, ...] = ()
    need: ListeningNeed | None = None
    rejected: str = ""
    twins: str = ""
    dialogue: Dialogue | None = None
    licence: str = ""


@dataclass(frozen=True, slots=True)
class QuestionFamily:
    """One kind of question; `harken.synth` describes the structure of its module.

    Attributes:
        name: registered name, and the `task` of its items.
        about: what is asked, in a sentence.
        templates: number of wordings.
        lacks: what a pool lacks for this family; ``""`` if nothing.
        pick: draws the constants of one item; None: the attempt failed.
        build: (number of the wording, values, recordings) -> texts and clips; nothing random.
        caption_proof: what `ListeningNeed` says of all its items; None: it depends on the item.
        staged: whether its scenes are staged (`harken.synth.staged`): recordings are decoded when
            its items are drawn.
        group: the name by which it is made together with others; empty: ``scenes`` if `staged`,
            else ``recordings``.
        skills: what its items train, names in `harken.synth.skills.SKILLS`; controls and practice
            have none.
        timed_reasoning: whether its rationales say at what times things are heard.
    """

    name: str
    about: str
    templates: int
    lacks: Callable[[RecordingPool], str]
    pick: Callable[[RecordingPool, Draw], Picks | None]
    build: Callable[[int, Mapping[str, Any], Sequence[Recording]], BuiltQuestion]
    caption_proof: bool | None = None
    staged: bool = False
    group: str = ""
    skills: tuple[str, ...] = ()
    timed_reasoning: bool = False

    @property
    def made_with(self) -> str:
        """The name of its group."""
        return self.group or ("scenes" if self.staged else "recordings")


@dataclass(frozen=True, slots=True)
class DrawKey:
    """Everything that the draw of an item depends on, besides the pool."""

    seed: int
    split: str
    index: int
    attempt: int = 0


Around = Callable[[Picks, RecordingPool, np.random.Generator], Picks | None]
"""What is added to the picks of an item, by random numbers of its own; None: it does not fit."""


@dataclass(frozen=True, slots=True)
class Picked:
    """What is drawn for one item.

    Attributes:
        key: what it was drawn with.
        template: number of the wording.
        picks: recordings and constants.
    """

    key: DrawKey
    template: int
    picks: Picks


def pick_item(
    family: QuestionFamily,
    pool: RecordingPool,
    draw_key: DrawKey,
    staging: Staging = USUAL,
    around: Around | None = None,
) -> Picked | None:
    """Draw the item of `draw_key`; None if the attempt failed."""
    key = (draw_key.seed, number(family.name), number(draw_key.split))
    rng = generator(*key, draw_key.index, draw_key.attempt)
    template = int(rng.integers(family.templates))
    design = BlockDesign(key, draw_key.index)
    picks = family.pick(pool, Draw(design, rng, (*key, draw_key.index), staging))
    if picks is not None and around is not None:
        own = [*key, AROUND, draw_key.index, draw_key.attempt]
        picks = around(picks, pool, generator(*own))
    return None if picks is None else Picked(draw_key, template, picks)


def plan_of(family: QuestionFamily, picked: Picked) -> dict[str, Any]:
    """The plan from which an item is built again."""
    draw_key = picked.key
    return {
        "version": VERSION,
        "family": family.name,
        "seed": draw_key.seed,
        "split": draw_key.split,
        "unit": draw_key.index // UNIT_ITEMS,
        "index": draw_key.index,
        "attempt": draw_key.attempt,
        "template": picked.template,
        "picks": [
            {"recording": name, "sha256": sha256, "start_s": start_s}
            for name, sha256, start_s in (ref(recording) for recording in picked.picks.recordings)
        ],
        "values": picked.picks.values,
    }


def sketch(family: QuestionFamily, picked: Picked) -> tuple[int, ListeningNeed | None]:
    """Id (64 bits) and need of the item, which is not made: what drawing a dataset asks for."""
    made = family.build(picked.template, picked.picks.values, picked.picks.recordings)
    own = content_id(
        made.clips,
        made.question,
        made.choices,
        made.answer,
        family.name,
        made.rejected,
        made.dialogue,
    )
    return int(own, 16), made.need or _known_need(family)


def _known_need(family: QuestionFamily) -> ListeningNeed | None:
    """What all items of a family need, where that does not depend on the item."""
    return None if family.caption_proof is None else ListeningNeed(family.caption_proof)


def build_picked(family: QuestionFamily, picked: Picked) -> Item:
    """The item that was drawn."""
    return build_item(family, plan_of(family, picked), picked.picks.recordings)


def build_item(
    family: QuestionFamily, plan: dict[str, Any], recordings: Sequence[Recording]
) -> Item:
    """The item of a plan; `recordings` are those it picked, in order."""
    made = family.build(plan["template"], plan["values"], recordings)
    plain = made.clips == tuple(recording.clip for recording in recordings)
    licences = {made.licence, *(recording.licence for recording in recordings)} - {""}
    return Item(
        question=made.question,
        answer=made.answer,
        choices=made.choices,
        clips=made.clips,
        task=family.name,
        tags=_tags(family, made),
        rationales=(made.rationale,),
        recordings=tuple(dict.fromkeys(recording.id for recording in recordings)),
        speakers=tuple(dict.fromkeys(r.speaker for r in recordings if r.speaker)),
        split=plan["split"],
        licence=" + ".join(sorted(licences)),
        plan=plan,
        facts=made.facts or (tuple(map(facts_of, recordings)) if plain else ()),
        need=made.need or _known_need(family),
        rejected=made.rejected,
        twins=made.twins,
        dialogue=made.dialogue,
    )


def _tags(family: QuestionFamily, made: BuiltQuestion) -> tuple[str, ...]:
    """Number of clips, subject, what is trained, whether reasoning is timed, the family's own."""
    size = "multi" if len(made.clips) > 1 else "single"
    timed = (TIMED,) if family.timed_reasoning else ()
    skills = (f"{SKILL}{name}" for name in family.skills)
    return (size, *made.tags[:1], *skills, *timed, *made.tags[1:])


def look_up(plan: Mapping[str, Any], by_ref: Mapping[Ref, Recording]) -> list[Recording]:
    """The recordings that a plan picked; raises DataError if one is missing."""
    found = []
    for pick in plan["picks"]:
        key = (pick["recording"], pick["sha256"], pick["start_s"])
        if key not in by_ref:
            raise DataError(
                f"recording {pick['recording']!r} with SHA-256 {pick['sha256'][:12]}… is missing",
                where=f"plan of {plan['family']} item {plan['index']}",
                hint="Give the recordings of the corpus that the item was made from.",
            )
        found.append(by_ref[key])
    return found
