"""Readers: voters that read questions and hear nothing, for harken's own measurement of weak items.

A voter that has never seen such questions cannot know their answers, and one that was trained on
the question itself knows it by heart. So the questions are divided in two, and those of each half
are voted on by readers that were trained on the other half, from the start of the study, with the
clips taken out. What remains of the labels is `harken curate`: an item is weak where a quorum of
readers knows the answer, strong where readers that are shown to know such answers do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.curate.labels import CurateSettings
from harken.curate.run import run as curate_items
from harken.item import Item
from harken.models.base import Prompt, Reply, Sampling
from harken.models.learner import Learner, load_learner
from harken.recipes.effects.ground import Ground
from harken.recipes.effects.study import settings_for
from harken.recipes.steps import curated_items, run_stage
from harken.train.sft import SftSettings

READERS, STEPS, BATCH = 3, 300, 16


class Reader:
    """A learner that is asked without audio only.

    Attributes:
        name: as in the results.
        max_clips: none.
        style: of the learner's prompts.
    """

    max_clips = 0

    def __init__(self, learner: Learner, name: str) -> None:
        """A reader of the learner's weights."""
        self._learner, self.name, self.style = learner, name, learner.style

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """As the learner does."""
        return self._learner.generate(prompts, sampling)

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """As the learner does."""
        return self._learner.choice_logprobs(prompts)

    def identity(self) -> str:
        """That of the weights."""
        return f"reader of {self._learner.identity()}"


def measured(ground: Ground, train: Sequence[Item], test: Sequence[Item]) -> dict[str, list[Item]]:
    """Label -> items of both splits, by readers that were trained on neither of them.

    Training items are voted on by the readers of the other half; test items by those of the first.
    """
    halves = [train[0::2], train[1::2]]
    found: dict[str, list[Item]] = {}
    for place, half in enumerate(halves):
        readers = [_reader(ground, half, place, seed) for seed in range(READERS)]
        voted = [*halves[1 - place], *(test if place == 0 else ())]
        folder = ground.folder / "readers" / f"curated-{place}"
        settings = CurateSettings(shapley=False)
        curate_items(voted, readers, folder, settings=settings, root=ground.folder)
        for label, items in curated_items(folder, "").items():
            found.setdefault(label, []).extend(items)
    return found


def by_making(found: Mapping[str, Sequence[Item]]) -> dict[str, dict[str, int]]:
    """How the items that were made to be weak, and the others, were labelled."""
    table: dict[str, dict[str, int]] = {}
    for label, items in found.items():
        for item in items:
            made = "made to be weak" if item.task == "leaky" else "made to need the audio"
            own = table.setdefault(made, {})
            own[label] = own.get(label, 0) + 1
    return {made: dict(sorted(own.items())) for made, own in sorted(table.items())}


def _reader(ground: Ground, items: Sequence[Item], half: int, seed: int) -> Reader:
    settings: Any = settings_for(
        ground, SftSettings, steps=STEPS, batch=BATCH, seed=seed, groups=("lm",)
    )
    if ground.preset:
        settings = replace(settings, augment=False)
    learner = load_learner(ground.start)
    blind = [item.with_clips(()) for item in items]
    folder = ground.folder / "readers" / f"half-{half}-seed-{seed}"
    run_stage("sft", learner, blind, settings, folder)
    return Reader(learner, f"reader-{seed}")
