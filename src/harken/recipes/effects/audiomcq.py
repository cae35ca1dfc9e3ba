"""audiomcq: SFT and GRPO on weak and on strong questions, at equal steps (arXiv 2509.21060).

Run:  harken effect audiomcq --seeds 5 -o effects

Half of the questions give their answer away in the text (leaky, made so on purpose); which are weak
and which strong is measured all the same (`harken.recipes.effects.readers`), and the labels are
those measured. Undecided questions are left out. Five regimes of as many steps in all:

- ``sft-all``, ``grpo-all``: one stage on all questions;
- ``mixed-mixed``: SFT on half of all, GRPO on the other half;
- ``weak-to-strong``: SFT on weak questions, GRPO on strong ones;
- ``mixed-to-strong``: SFT on half of all, GRPO on the strong ones of the other half.

Exams on recordings of the test split: three quarters weak, and three quarters strong.

Departures: the paper compares the best checkpoint of each regime, after unequal steps; here all end
after the same. A step of GRPO samples 8 replies to each of its questions and costs more than one of
SFT; the results say how many of each there were.
"""

from __future__ import annotations

from collections.abc import Sequence

from harken.errors import DataError
from harken.item import Item
from harken.recipes.effects.ground import SINGLE, Ground
from harken.recipes.effects.measures import right_answers
from harken.recipes.effects.readers import by_making, measured
from harken.recipes.effects.study import (
    GRPO,
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
from harken.train.grpo_settings import GrpoSettings
from harken.train.sft import SftSettings

STEPS, FIRST, BATCH = 120, 80, 16
"""Steps in all, of which so many of SFT where GRPO follows."""

POOL = 1200
"""Training questions made to be weak, and as many of the others."""

EXAM = 240
"""Questions of an exam."""


def build(ground: Ground) -> StudyPlan:
    """The regimes and both exams, on what the readers measured."""
    pool = [*shuffled(ground.train(*SINGLE))[:POOL], *shuffled(ground.train("leaky"))[:POOL]]
    test = [*ground.test(*SINGLE), *ground.test("leaky")]
    found = measured(ground, shuffled(pool), test)
    weak, strong = _labelled(found, "train", ground)
    everything = shuffled([*weak, *strong])
    half, other = everything[0::2], everything[1::2]
    known = {item.id for item in strong}

    def sft(items: Sequence[Item], steps: int) -> Lesson:
        return Lesson("sft", settings_for(ground, SftSettings, steps=steps, batch=BATCH), items)

    def grpo(items: Sequence[Item], steps: int) -> Lesson:
        settings = settings_for(ground, GrpoSettings, steps=steps, **GRPO)
        return Lesson("grpo", settings, items)

    last = STEPS - FIRST
    return StudyPlan(
        arms=(
            Arm("start", "the model that all arms begin with"),
            Arm("sft-all", "SFT on all", (sft(everything, STEPS),)),
            Arm("grpo-all", "GRPO on all", (grpo(everything, STEPS),)),
            Arm(
                "mixed-mixed", "SFT, then GRPO, each on half", (sft(half, FIRST), grpo(other, last))
            ),
            Arm(
                "weak-to-strong",
                "SFT on weak, GRPO on strong",
                (sft(weak, FIRST), grpo(shuffled(strong), last)),
            ),
            Arm(
                "mixed-to-strong",
                "SFT on half, GRPO on the strong of the other half",
                (sft(half, FIRST), grpo([i for i in other if i.id in known], last)),
            ),
        ),
        exams=tuple(
            Exam(name, _mixed(*_labelled(found, "test", ground), share), right_answers)
            for name, share in (("weak-heavy", 0.75), ("strong-heavy", 0.25))
        ),
        about={"split": by_making(found)},
    )


def _labelled(
    found: dict[str, list[Item]], split: str, ground: Ground
) -> tuple[list[Item], list[Item]]:
    """The weak and the strong items of a split, as measured.

    In smoke size, whose readers know nothing, they are taken as they were made.

    Raises:
        DataError: the readers found none of one kind.
    """
    own = {
        label: [item for item in found.get(label, ()) if item.split == split]
        for label in ("weak", "strong", "undecided")
    }
    weak, strong = own["weak"], own["strong"]
    if ground.size == "smoke":
        every = [item for items in own.values() for item in items]
        weak = [item for item in every if item.task == "leaky"]
        strong = [item for item in every if item.task != "leaky"]
    if not weak or not strong:
        raise DataError(
            f"of the {split} questions {len(weak)} are measured as weak and {len(strong)} as "
            f"strong ({len(own['undecided'])} undecided), and both kinds are needed",
            where=str(ground.folder / "readers"),
            hint="See curate.json there for what the readers were shown to know.",
        )
    return weak, strong


def _mixed(weak: Sequence[Item], strong: Sequence[Item], share: float) -> list[Item]:
    """An exam with this share of weak items: as large as both kinds allow, at most `EXAM`."""
    size = min(EXAM, int(len(weak) / share), int(len(strong) / (1 - share)))
    count = round(size * share)
    return [*shuffled(weak)[:count], *shuffled(strong)[: size - count]]


STUDY = Study(
    name="audiomcq",
    about="SFT and GRPO on weak and on strong questions, at equal steps",
    title="Weak and strong questions in SFT and GRPO",
    paper="AudioMCQ, arXiv 2509.21060",
    build=build,
    claims=tuple(
        Claim(f"{one} is better than {other} on the {exam} exam", against(one, other, exam), 0.0)
        for one, other, exam in (
            ("weak-to-strong", "mixed-to-strong", "weak-heavy"),
            ("mixed-to-strong", "weak-to-strong", "strong-heavy"),
            ("weak-to-strong", "mixed-mixed", "weak-heavy"),
            ("mixed-to-strong", "mixed-mixed", "strong-heavy"),
            ("weak-to-strong", "sft-all", "weak-heavy"),
            ("mixed-to-strong", "sft-all", "strong-heavy"),
        )
    ),
)
