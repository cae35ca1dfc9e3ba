"""Study: arms that are trained with the same seeds, exams that all take, and what is claimed.

A study is one file: a function that makes arms and exams of a `Ground`, and its claims, which are
written down before anything is run. An arm is a sequence of lessons (stages of `harken train` with
their settings and items) from the common start. A claim is a signed sum of figures of arms on exams
and a bound: it is supported where its interval is wholly beyond the bound, contradicted where it is
wholly on the other side, and else undecided; with fewer than five seeds there is no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from harken.hashing import canonical, digest
from harken.item import Item, items_digest
from harken.recipes.effects.ground import Ground
from harken.train.module_loop import ModuleSettings
from harken.train.stage import LoopSettings


class ExamLine(TypedDict):
    """What became of one item of an exam: a line of ``lines.jsonl``.

    `right` of `n`: 1 of 1 for a right answer; twice the hits of predicted plus gold events; nats of
    tokens. `group` is the recording that the item is clustered by.
    """

    exam: str
    condition: str
    task: str
    item: str
    group: str
    right: float
    n: float


@dataclass(frozen=True, slots=True)
class Exam:
    """Held-out items, and how they are asked.

    Attributes:
        name: in claims and tables.
        items: of the test split.
        ask: (model, exam) -> its lines (`harken.recipes.effects.measures`); the model is a
            `Learner`, or what the study's own `teach` makes.
        conditions: of `harken.ask.conditions`.
    """

    name: str
    items: Sequence[Item]
    ask: Callable[[Any, Exam], Iterator[ExamLine]]
    conditions: tuple[str, ...] = ("audio",)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One stage of an arm; the seed of its settings is that of the run."""

    stage: str
    settings: LoopSettings | ModuleSettings
    items: Sequence[Item]


def lesson_key(before: str, lesson: Lesson) -> str:
    """What a model is after a lesson, as a hash: what it was before, the settings and the items."""
    own = [before, lesson.stage, asdict(lesson.settings), items_digest(lesson.items)]
    return digest(canonical(own))


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of training.

    Attributes:
        name: in claims and tables.
        about: what it is, in a sentence.
        lessons: in order, from the common start; none: the start itself.
    """

    name: str
    about: str
    lessons: tuple[Lesson, ...] = ()


GRPO: Mapping[str, Any] = {
    "items": 8, "group": 8, "max_tokens": 24, "lr": 1e-4, "decay": 0.0, "kl": 0.02,
}  # fmt: skip
"""Settings of GRPO, the same in all studies."""

Terms = tuple[tuple[int, str, str, str], ...]
"""(sign, arm, exam, condition): what is added up."""


def against(one: str, other: str, exam: str, condition: str = "audio") -> Terms:
    """The figure of one arm on an exam minus that of another."""
    return (1, one, exam, condition), (-1, other, exam, condition)


def shuffled(items: Sequence[Item]) -> list[Item]:
    """The items in an order in which every beginning has all families."""
    order = np.random.default_rng(len(items)).permutation(len(items))
    return [items[int(i)] for i in order]


@dataclass(frozen=True, slots=True)
class Claim:
    """What is expected, as it was written down before the runs.

    Attributes:
        text: in a sentence, with its bound.
        terms: see `Terms`.
        above, below: the bound; one of them is given.
        unit: ``points`` (shares, told in percent) or ``nats``.
        source: whose claim it is: ``paper``, or ``own``: what harken's reward was made for, or what
            the reading of a study needs.
    """

    text: str
    terms: Terms
    above: float | None = None
    below: float | None = None
    unit: str = "points"
    source: str = "paper"


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What a study makes of a ground: arms, exams, and what else its results tell of them."""

    arms: tuple[Arm, ...]
    exams: tuple[Exam, ...]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Study:
    """An effect of a paper, as something that can be run.

    Attributes:
        name: what `harken effect` is told.
        about: what is compared, in a sentence.
        title, paper: for people.
        build: ground -> arms and exams.
        claims: what is expected.
        joined: whether the arms are steps of one scale, drawn as a line.
        model: what it begins with, where no other is named.
        ground: (folder of all studies, size, model, corpus) -> its ground; None: that of all
            studies of language models (`harken.recipes.effects.ground.prepare`).
        teach: (ground, lessons, folder of stages) -> the model after the lessons; None: lessons
            are stages of `harken train`, from the start of the ground.
    """

    name: str
    about: str
    title: str
    paper: str
    build: Callable[[Ground], StudyPlan]
    claims: tuple[Claim, ...]
    joined: bool = False
    model: str = "harken-tiny"
    ground: Callable[..., Ground] | None = None
    teach: Callable[[Ground, Sequence[Lesson], Path], Any] | None = None


def settings_for(ground: Ground, settings: type[Any], **values: Any) -> Any:
    """Settings of a lesson: those of a preset where the start is one; few steps in smoke size.

    A preset learns at 1e-3 with augmentation, as in the demo; another model has the neutral
    defaults of the stage, unless `values` name its rate.
    """
    common: dict[str, Any] = {"threads": 1, "checkpoint_every": 50}
    if ground.preset:
        common |= {"warmup": 0.1, "decay": 0.02, "lr": 1e-3}
        if "augment" in settings.__dataclass_fields__:
            common["augment"] = True
    elif "lr" in values:
        del values["lr"]
    values = {**common, **values}
    if ground.size == "smoke":
        small = {"steps": 2, "batch": 4, "items": 2, "group": 4, "max_tokens": 8}
        values |= {key: few for key, few in small.items() if key in values}
    return settings(**values)
