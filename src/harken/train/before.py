"""What is done before step 0 of a stage: items measured and checked, packing and audio probed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harken.errors import ConfigError
from harken.item import Item
from harken.models.engine.packing import refusal
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.arrival import EXAMPLES, check_arrival
from harken.train.batch import BatchSettings, make_example, plain_settings
from harken.train.check import check_items
from harken.train.measure import longest, write_measures
from harken.train.stage import LoopSettings
from harken.train.teachable import unteachable


def require_packing(learner: Learner, stage: str, pack_tokens: int, most: int = 1) -> None:
    """Raise ConfigError, with the reason, if examples of up to `most` tokens cannot be packed."""
    reason = refusal(learner.engine.reader, most) if pack_tokens else ""
    if reason:
        raise ConfigError(
            f"pack_tokens is {pack_tokens}, and prompts of {learner.name} cannot be packed "
            f"exactly: {reason}",
            where=stage,
            hint="Set pack_tokens to 0.",
        )


def check_groups(
    learner: Learner,
    chosen: Sequence[Sequence[Item]],
    how: BatchSettings,
    settings: LoopSettings,
    run: Run,
    *,
    pack_tokens: int = 0,
) -> None:
    """Measure the examples of all steps, list the items that cannot be taught, probe the audio.

    Args:
        learner: with the trained groups set.
        chosen: the examples: items with the same clips.
        how: how they become examples.
        settings: of the stage.
        run: gets the sizes, and what is told.
        pack_tokens: of the settings.

    Raises:
        DataError: items that cannot be trained on; see `check_items`.
        ConfigError: examples too long to be packed exactly.
        RunError, ModelError: the audio does not arrive; see `check_arrival`.
    """
    plain = plain_settings(how)
    rng = np.random.default_rng(0)  # the order of the options changes nothing that is checked

    def tokenize(example: Sequence[Item]) -> object:
        return make_example(learner, example, plain, rng)

    def teachable(item: Item) -> list[str]:
        taught = how.answers.get(item.id)
        return unteachable(learner, replace(item, choices=(), answer=taught) if taught else item)

    audio = not how.clips_as_text
    single = [[item] for group in chosen for item in group]
    measures = check_items(single, settings.name, tokenize, audio=audio, teachable=teachable)
    packs = [group for group in chosen if len(group) > 1]
    if packs:  # each of their items fits; together they may be too long
        inside = {item.id for group in packs for item in group}
        measures = [one for one in measures if one.item not in inside]
        measures += check_items(packs, settings.name, tokenize, audio=False)
    write_measures(run, settings.name, measures)
    require_packing(learner, settings.name, pack_tokens, longest(measures))
    if audio:
        few = [group for group in chosen if group[0].clips][:EXAMPLES]
        first = [make_example(learner, group, plain, rng)[0] for group in few]
        items = [item for group in chosen for item in group]
        check_arrival(learner, items, first, run, stage=settings.name, faults=settings.audio_faults)
