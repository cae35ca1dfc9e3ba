"""Items -> lines with answers: order, options, augmentation, and the share without audio.

Everything is drawn from ``default_rng([seed, step])``: a batch is a pure function of the items, the
seed and the step, so a run that is taken up again sees the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from harken.ask.prompt import make_prompt, target
from harken.audio import silenced
from harken.item import Item
from harken.models.base import Prompt
from harken.models.lalm import Lalm
from harken.models.lalm_batch import Line, Sound
from harken.train.augment import augment, loose, mask
from harken.train.words import heard, spoken


@dataclass(frozen=True, slots=True)
class Recipe:
    """How items become lines.

    Attributes:
        absent: share of choice items shown without their audio (half without any trace of it,
            half silenced); their answer is drawn from the choices, so that a model that hears
            nothing learns to be undecided, not to guess by the text.
        words: clips are replaced by the words for what they hold.
        augment: change the features (log-mel encoders only).
    """

    absent: float = 0.0
    words: bool = False
    augment: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines with answers, and what is in them."""

    lines: tuple[Line, ...]
    clips: int
    absent: int

    @property
    def answer_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(line.answer for line in self.lines)


def drawn(count: int, size: int, seed: int, step: int) -> list[int]:
    """Which of `count` items are in batch `step`: a walk over one permutation after the other."""
    picks = []
    for place in range(step * size, (step + 1) * size):
        turn, at = divmod(place, count)
        picks.append(int(_shuffled(count, seed, turn)[at]))
    return picks


_orders: dict[tuple[int, int, int], np.ndarray] = {}


def _shuffled(count: int, seed: int, turn: int) -> np.ndarray:
    key = (count, seed, turn)
    if key not in _orders:
        while len(_orders) >= 8:
            _orders.pop(next(iter(_orders)))
        rng = np.random.default_rng([seed, crc32(b"order"), turn])
        _orders[key] = rng.permutation(count)
    return _orders[key]


def make_batch(
    learner: Lalm, items: Sequence[Item], recipe: Recipe, size: int, seed: int, step: int
) -> Batch:
    """The batch of `step`.

    Raises:
        HarkenError: an item cannot be heard or is too long: teaching stops and says which, since
            what is left out of training in silence is missed by nobody.
    """
    rng = np.random.default_rng([seed, crc32(b"batch"), step])
    lines = []
    absent = 0
    for pick in drawn(len(items), size, seed, step):
        line, without = make_line(learner, items[pick], recipe, rng)
        lines.append(line)
        absent += without
    return Batch(tuple(lines), sum(len(line.sounds) for line in lines), absent)


def make_line(
    learner: Lalm, item: Item, recipe: Recipe, rng: np.random.Generator
) -> tuple[Line, bool]:
    """One item as a line with its answer, and whether its audio was left out."""
    order = [int(i) for i in rng.permutation(len(item.choices))]
    without = bool(item.choices) and bool(item.clips) and rng.random() < recipe.absent
    shown = item
    if without:
        silent = rng.random() < 0.5 and not recipe.words
        clips = tuple(silenced(clip) for clip in item.clips) if silent else ()
        shown = replace(item, clips=clips)
    prompt = make_prompt(shown, learner.style, order=order)
    answer = target(shown, prompt)
    if without:
        answer = prompt.targets[int(rng.integers(len(prompt.targets)))]
    if recipe.words and prompt.clips:
        names = heard(item)
        assert names is not None, "items without names are left out before"
        return learner.line(spoken(prompt, names, rng), answer), without
    sounds = _sounds(learner, shown, prompt, rng) if recipe.augment else None
    return learner.line(prompt, answer, sounds), without


def _sounds(
    learner: Lalm, item: Item, prompt: Prompt, rng: np.random.Generator
) -> list[Sound] | None:
    """The clips' features, changed; None for encoders that are not fed log-mel."""
    ear = learner.net.ear
    if ear.kind != "mel":
        return None
    free = loose(item)
    sounds = []
    for clip in prompt.clips:
        sound = learner.prepared(augment(learner.features(clip), rng, loose=free))
        sounds.append(replace(sound, features=mask(sound.features, rng)))
    return sounds
