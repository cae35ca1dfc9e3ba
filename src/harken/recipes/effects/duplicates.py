"""duplicates: training on a set with many copies, on what `harken clean` keeps, and on the origin.

Run:  harken effect duplicates --seeds 5 -o effects

Questions about one clip, of which a few stand in the set again and again, as the same recording
does under other names in sets that are collected from the web: cut at one end and softer, both by a
drawn amount, so that no two files are equal byte for byte. Three arms, with equal steps:

- ``raw``: all of it, two thirds of which are copies;
- ``cleaned``: what `harken clean` keeps of it, by the filters exact and acoustic;
- ``distinct``: the questions without the copies, which nobody has who collects.

Exams: questions about one clip (identify, word, presence) on recordings of the test split.

The copies are planted, and so many that they fill the batches: this says whether the filters mend
what duplicates do, and not how many duplicates a collected set has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.single import duration_s, span
from harken.clean.run import KEPT
from harken.clean.run import run as clean
from harken.item import Item
from harken.recipes.effects.ground import SINGLE, Ground
from harken.recipes.effects.measures import right_answers
from harken.recipes.effects.study import (
    Arm,
    Claim,
    Exam,
    Lesson,
    Study,
    StudyPlan,
    against,
    settings_for,
    shuffled,
)
from harken.shards.read import open_dataset
from harken.train.sft import SftSettings

STEPS, BATCH = 150, 16

DISTINCT, COPIED, COPIES = 600, 40, 30
"""Questions; those that are copied; copies of each."""

CUT, SOFTER_DB = 0.2, 12.0
"""The largest share that is cut off, and the largest attenuation."""


def build(ground: Ground) -> StudyPlan:
    """The three arms and the exam."""
    count, copied, copies = (24, 4, 6) if ground.size == "smoke" else (DISTINCT, COPIED, COPIES)
    distinct = shuffled(ground.train(*SINGLE))[:count]
    raw = shuffled([*distinct, *planted(distinct[:copied], copies)])
    kept = _cleaned(raw, ground)
    settings = settings_for(ground, SftSettings, steps=STEPS, batch=BATCH)
    left = len(kept) - len({item.id for item in kept} & {item.id for item in distinct})

    def arm(name: str, about: str, items: list[Item]) -> Arm:
        return Arm(name, about, (Lesson("sft", settings, items),))

    found = f"{len(kept)} that harken clean keeps of them, {left} of them copies"
    return StudyPlan(
        arms=(
            Arm("start", "the model that all arms begin with"),
            arm("raw", f"{len(raw)} questions, {len(raw) - len(distinct)} of them copies", raw),
            arm("cleaned", found, kept),
            arm("distinct", f"the {len(distinct)} questions without the copies", distinct),
        ),
        exams=(Exam("single", ground.test(*SINGLE), right_answers),),
    )


def planted(items: list[Item], copies: int) -> list[Item]:
    """`copies` of each item: its clip cut at one end and softer, its recording under new names."""
    rng = np.random.default_rng(len(items))
    return [
        replace(
            item.with_clips([_copy(item.clips[0], rng)]),
            recordings=(f"{item.recordings[0]}-copy-{number}",),
        )
        for item in items
        for number in range(1, copies + 1)
    ]


def _copy(clip: Clip, rng: np.random.Generator) -> Clip:
    """A part of a clip, softer: a scene of one."""
    length = duration_s(clip)
    cut, early = float(rng.uniform(0.02, CUT)) * length, bool(rng.integers(2))
    part = span(clip, cut if early else 0.0, length - cut)
    gain = -float(rng.uniform(1.0, SOFTER_DB))
    plan = ScenePlan((Part(part, gain_db=gain),), length - cut, gain_db=0.0)
    return Clip("plan", duration_s=length - cut, plan=plan)


def _cleaned(raw: list[Item], ground: Ground) -> list[Item]:
    """What the filters keep, in the order of `raw`; a complete job of the same items is read."""
    out = ground.folder / "duplicates"
    clean(raw, out, filters=("exact", "acoustic"))
    kept = {item.id: item for item in open_dataset(out / KEPT)}
    return [kept[one.id] for one in raw if one.id in kept]


STUDY = Study(
    name="duplicates",
    about="a set with many copies, and what harken clean keeps of it, at equal steps",
    title="Training on copies",
    paper="no paper's: what harken clean is for",
    build=build,
    claims=(
        Claim(
            "cleaned, a set that is two thirds copies teaches more in as many steps",
            against("cleaned", "raw", "single"),
            above=0.0,
            source="own",
        ),
        Claim(
            "it teaches what the set without copies does: less than 2 points are lost to it",
            against("cleaned", "distinct", "single"),
            above=-0.02,
            source="own",
        ),
    ),
)
