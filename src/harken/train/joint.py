"""joint: pairs of clips told apart, together with questions about one clip (MALLM, 2409.18680).

The model learns to describe or find the difference of two similar clips (discriminative pairs), and
single-clip items in every batch keep what it knows about one clip. The paper trains LoRA adapters
so, on synthetic pairs (a sound mixed into a recording; a transcript edited) and single-clip tasks;
it does not state the share of these, so that of the default is our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harken.errors import DataError
from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_sources
from harken.train.replay import Source
from harken.train.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSettings(TrainSettings):
    """`TrainSettings`, and what is replayed.

    Attributes:
        single: share of single-clip items in every batch.
        pair_tasks: tasks (families) of the pairs; empty: all items with two clips are pairs.
        single_tasks: those of the single-clip items; empty: all.
    """

    name: str = "joint"
    single: float = 0.5
    pair_tasks: tuple[str, ...] = ()
    single_tasks: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault("single", above=0, most=0.99)]
        return [*TrainSettings.faults(self), *filter(None, found)]


def joint(learner: Learner, items: Sequence[Item], settings: JointSettings, run: Run) -> None:
    """Train on pairs and on single-clip items, each with its share of every batch.

    What is left out is logged with its number and reason.

    Raises:
        DataError: there are no pairs, or no single-clip items; or see `train_on_answers`.
    """
    parts, reasons = divided(items, settings)
    pairs, single = parts
    if not pairs or not single:
        told = "; ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        raise DataError(
            f"of {len(items)} items {len(pairs)} are pairs (two clips) and {len(single)} have one "
            "clip, and both kinds are needed" + (f"; left out: {told}" if told else ""),
            where=f"stage {settings.name}",
            hint="Make both kinds (harken synth), or train on one kind: harken train sft.",
        )
    run.log(
        {
            "stage": settings.name,
            "pairs": dict(sorted(Counter(item.task for item in pairs).items())),
            "single": dict(sorted(Counter(item.task for item in single).items())),
            "left_out": dict(sorted(reasons.items())),
        }
    )
    sources = [
        Source(pairs, 1 - settings.single, "pairs"),
        Source(single, settings.single, "single"),
    ]
    train_on_sources(learner, sources, settings, run)


def divided(
    items: Sequence[Item], settings: JointSettings
) -> tuple[tuple[list[Item], list[Item]], Counter[str]]:
    """The pairs and the single-clip items, and how many of the others are left out, by reason."""
    pairs: list[Item] = []
    single: list[Item] = []
    reasons: Counter[str] = Counter()
    for item in items:
        known = {1: (single, settings.single_tasks), 2: (pairs, settings.pair_tasks)}
        if len(item.clips) not in known:
            reasons["without clips" if not item.clips else "with three or more clips"] += 1
            continue
        part, tasks = known[len(item.clips)]
        if tasks and item.task not in tasks:
            reasons[f"of the task {item.task or '(none)'} with {len(item.clips)} clip(s)"] += 1
            continue
        part.append(item)
    return (pairs, single), reasons


def takes(items: Sequence[Item]) -> list[Item]:
    """Items with one clip or two."""
    return [item for item in items if len(item.clips) in (1, 2)]


STAGE = Stage(
    "joint", "pairs of clips, with single-clip items in each batch", JointSettings, joint, takes
)
