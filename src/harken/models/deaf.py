"""Baselines that never listen: random, constant, longest, linear, and an oracle.

They hear any number of clips and use none, so what they score is what a benchmark gives away
without its audio. Their answer depends on the question, the shown choices and the item's id only:
put under another condition, they answer the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from harken.audio import canonical, digest
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling

ANY = 1_000_000
"""`hears` of a model that does not care how many clips there are."""

_SLIP = 0.05  # probability a sure baseline leaves to the other choices: logs stay finite

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


class Deaf:
    """The common part: an answer is drawn from `chances`, one probability a shown choice."""

    name = "deaf"
    hears = ANY
    style = PromptStyle()

    def chances(self, prompt: Prompt) -> Vector:
        """Probability of each shown choice, shape (n,), summing to 1."""
        raise NotImplementedError

    def pick(self, prompt: Prompt) -> int:
        """The shown position it answers; ties go to the alphabetically first text."""
        chances = self.chances(prompt)
        tops = [i for i, chance in enumerate(chances) if chance == chances.max()]
        return min(tops, key=lambda i: prompt.choices[i])

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The letter or text of the picked choice; an open question is declined."""
        return [
            Reply(prompt.targets[self.pick(prompt)] if prompt.choices else "I don't know")
            for prompt in prompts
        ]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The natural log of `chances`; None for open questions."""
        return [
            tuple(float(value) for value in np.log(self.chances(prompt)))
            if prompt.choices
            else None
            for prompt in prompts
        ]

    def settings(self) -> object:
        """JSON-able values that decide the answers."""
        return None

    def identity(self) -> str:
        """Hash of the kind and its settings."""
        return digest(canonical([type(self).__name__, self.settings()]))


class Random(Deaf):
    """Draws one choice a prompt, by seed, item and order; its probabilities are even."""

    def __init__(self, seed: int = 0) -> None:
        """Same seed, same draws."""
        self.seed = seed
        self.name = f"random:{seed}" if seed else "random"

    def chances(self, prompt: Prompt) -> Vector:
        """Even."""
        return np.full(len(prompt.choices), 1 / len(prompt.choices))

    def pick(self, prompt: Prompt) -> int:
        """A draw of its own for every (item, order)."""
        spot = canonical([prompt.item_id, prompt.question, prompt.choices, prompt.order])
        rng = np.random.default_rng([self.seed, crc32(spot.encode())])
        return int(rng.integers(len(prompt.choices)))

    def settings(self) -> object:
        """The seed."""
        return self.seed


class Constant(Deaf):
    """Always the same shown position (the last one where there are fewer)."""

    def __init__(self, position: int = 0) -> None:
        """Position 0 is always-A."""
        self.position = position
        self.name = f"constant:{position}"

    def chances(self, prompt: Prompt) -> Vector:
        """Sure of its position."""
        return _sure(len(prompt.choices), [min(self.position, len(prompt.choices) - 1)])

    def settings(self) -> object:
        """The position."""
        return self.position


class Longest(Deaf):
    """The longest choice in characters; equally long ones share its probability."""

    name = "longest"

    def chances(self, prompt: Prompt) -> Vector:
        """Sure of the longest."""
        sizes = [len(choice) for choice in prompt.choices]
        return _sure(len(sizes), [i for i, size in enumerate(sizes) if size == max(sizes)])


class Oracle(Deaf):
    """Knows the key: right on every item it was given, even on all others."""

    name = "oracle"

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Reads the answers, by item id."""
        self._answers = {item.id: item.answer for item in items}

    def chances(self, prompt: Prompt) -> Vector:
        """Sure of the gold, wherever it is shown."""
        answer = self._answers.get(prompt.item_id)
        size = len(prompt.choices)
        if answer not in prompt.choices:
            return np.full(size, 1 / size)
        return _sure(size, [prompt.choices.index(answer)])

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """As the others; open questions of known items are answered too."""
        replies = super().generate(prompts, sampling)
        for i, prompt in enumerate(prompts):
            if not prompt.choices and prompt.item_id in self._answers:
                replies[i] = Reply(self._answers[prompt.item_id])
        return replies

    def settings(self) -> object:
        """The key."""
        return sorted(self._answers.items())


class Linear(Deaf):
    """A bag-of-words linear model that learns what a dataset gives away in its text.

    Each choice gets a score w · x(question, choice, position); the probabilities are the softmax
    over the item's choices. x holds hashed words of the choice, hashed (question word, choice word)
    pairs, the choice's length against its rivals, its word overlap with the question, and its
    position. w minimises the mean negative log-likelihood plus `decay`/2 · |w|², by L-BFGS.

    Items it was fitted on are answered by the model of the fold that did not see them (10 folds by
    hash of the item's id, clips included), so no item is remembered, and what a template gives away
    is: that is just what is to be measured. Folds by text and answer would hold all of one answer
    to a template together, teach the others, and drive the score far below chance.
    """

    name = "linear"
    folds = 10

    def __init__(
        self, items: Iterable[Item] = (), *, decay: float = 1e-4, size: int = 1 << 15
    ) -> None:
        """Fits at once if `items` are given; unfitted, all choices are even."""
        self.decay = decay
        self.size = size
        self._fold_of: dict[str, int] = {}
        self._weights: list[Vector] = []
        known = list(items)
        if known:
            self.fit(known)

    @property
    def fitted(self) -> bool:
        """Whether it has learned from items."""
        return bool(self._weights)

    def fit(self, items: Sequence[Item]) -> Linear:
        """Learn from the choice questions among `items`: one model a fold, and one on all."""
        shut = [item for item in items if len(item.choices) > 1]
        if not shut:
            raise ConfigError("there are no choice questions to fit the linear baseline on")
        self._fold_of = {item.id: _fold(item, self.folds) for item in shut}
        rows, starts, golds = self._design(shut)
        folds = np.array([self._fold_of[item.id] for item in shut])
        self._weights = [
            self._minimise(rows, starts, golds, folds != fold) for fold in range(self.folds)
        ]
        self._weights.append(self._minimise(rows, starts, golds, folds >= 0))
        return self

    def chances(self, prompt: Prompt) -> Vector:
        """Softmax over the scores, by the model that has not seen the item."""
        if not self._weights:
            return np.full(len(prompt.choices), 1 / len(prompt.choices))
        weights = self._weights[self._fold_of.get(prompt.item_id, self.folds)]
        scores = np.zeros(len(prompt.choices))
        for i, row in enumerate(_features(prompt.question, prompt.choices, self.size)):
            scores[i] = sum(weights[place] * value for place, value in row.items())
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum())

    def settings(self) -> object:
        """The weights, rounded, and who was in which fold."""
        sums = [[round(float(w.sum()), 6), round(float(np.abs(w).sum()), 6)] for w in self._weights]
        return [self.decay, self.size, sums, sorted(self._fold_of.items())]

    def _design(self, items: Sequence[Item]) -> tuple[Any, Places, Places]:
        """Sparse rows (choices of all items, features), first row of each item, its gold row."""
        from scipy.sparse import csr_matrix

        values: list[float] = []
        places: list[int] = []
        ends = [0]
        starts: list[int] = []
        golds: list[int] = []
        for item in items:
            starts.append(len(ends) - 1)
            golds.append(len(ends) - 1 + item.gold)
            for row in _features(item.question, item.choices, self.size):
                places += row.keys()
                values += row.values()
                ends.append(len(places))
        matrix = csr_matrix((values, places, ends), shape=(len(ends) - 1, self.size))
        return matrix, np.array(starts), np.array(golds)

    def _minimise(
        self, rows: Any, starts: Places, golds: Places, use: npt.NDArray[np.bool_]
    ) -> Vector:
        """The weights that fit the items marked in `use` best."""
        from scipy.optimize import minimize

        ends = np.append(starts[1:], rows.shape[0])
        chosen = np.flatnonzero(use)
        picked = np.concatenate([np.arange(starts[i], ends[i]) for i in chosen])
        matrix = rows[picked]
        sizes = (ends - starts)[chosen]
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        gold = first + (golds - starts)[chosen]
        owner = np.repeat(np.arange(len(chosen)), sizes)

        def loss(weights: Vector) -> tuple[float, Vector]:
            scores = matrix @ weights
            scores = scores - np.maximum.reduceat(scores, first)[owner]
            powers = np.exp(scores)
            totals = np.add.reduceat(powers, first)
            likelihood = (scores[gold] - np.log(totals)).mean()
            residual = powers / totals[owner]
            residual[gold] -= 1
            slope = matrix.T @ residual / len(chosen)
            penalty = self.decay / 2 * float(weights @ weights)
            return penalty - float(likelihood), slope + self.decay * weights

        found = minimize(
            loss, np.zeros(self.size), jac=True, method="L-BFGS-B", options={"maxiter": 60}
        )
        return np.asarray(found.x, dtype=np.float64)


def _sure(size: int, tops: Sequence[int]) -> Vector:
    """Most of the probability shared by `tops`, the rest by the others."""
    if len(tops) == size:
        return np.full(size, 1 / size)
    chances = np.full(size, _SLIP / (size - len(tops)))
    chances[list(tops)] = (1 - _SLIP) / len(tops)
    return chances


def _fold(item: Item, folds: int) -> int:
    return crc32(item.id.encode()) % folds


def _features(question: str, choices: Sequence[str], size: int) -> list[Mapping[int, float]]:
    """One sparse row a choice: feature place -> value. The last 16 places are not hashed into."""
    asked = list(dict.fromkeys(_words(question)))
    lengths = [len(choice) for choice in choices]
    mean = sum(lengths) / len(lengths)
    rows: list[Mapping[int, float]] = []
    for position, choice in enumerate(choices):
        row: dict[int, float] = {}
        said = list(dict.fromkeys(_words(choice)))
        names = [f"c {word}" for word in said]
        names += [f"p {ask} {word}" for ask in asked for word in said]
        for name in names:
            place = crc32(name.encode()) % (size - 16)
            row[place] = row.get(place, 0.0) + 1 / math.sqrt(len(names))
        row[size - 16] = (len(choice) - mean) / (mean + 1)
        row[size - 15] = float(len(choice) == max(lengths))
        row[size - 14] = len(set(said) & set(asked)) / max(1, len(said))
        row[size - 13 + min(position, 11)] = 1.0
        rows.append(row)
    return rows


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _whole(target: str, what: str) -> int:
    try:
        return int(target or 0)
    except ValueError:
        raise ConfigError(f"{what} must be a whole number, not {target!r}") from None


def build_random(target: str = "", *, seed: int = 0) -> Model:
    """``random`` or ``random:<seed>``."""
    return Random(_whole(target, "the seed of random") if target else seed)


def build_constant(target: str = "", *, position: int = 0) -> Model:
    """``constant`` or ``constant:<position>``, counted from 0."""
    found = _whole(target, "the position of constant") if target else position
    if found < 0:
        raise ConfigError(f"the position of constant is {found}", mend="Count from 0.")
    return Constant(found)


def build_longest(target: str = "") -> Model:
    """``longest``."""
    return Longest()


def build_linear(target: str = "", *, items: Iterable[Item] = ()) -> Model:
    """``linear``; fitted on `items`, or by whoever asks it (`harken.curate.run` does)."""
    return Linear(items)


def build_oracle(target: str = "", *, items: Iterable[Item] = ()) -> Model:
    """``oracle``; it must be given the `items` it knows."""
    known = list(items)
    if not known:
        raise ConfigError("the oracle needs the items it is to know", mend="Give items=…")
    return Oracle(known)
