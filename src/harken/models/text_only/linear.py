"""``linear``: a bag-of-words model fitted to what a dataset gives away in its text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from harken.errors import ConfigError
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.base import Model, Prompt
from harken.models.text_only.base import TextOnlyBaseline, Vector
from harken.progress import track
from harken.threads import one_blas_thread

Places = npt.NDArray[np.int64]

_ITERATIONS = 60  # of L-BFGS


class Linear(TextOnlyBaseline):
    """A bag-of-words linear model fitted to what a dataset gives away in its text.

    Each choice gets a score w · x(question, choice, position); the probabilities are the softmax
    over the item's choices. x holds hashed words of the choice, hashed (question word, choice word)
    pairs, the choice's length against its rivals, its word overlap with the question, and its
    position. w minimises the mean negative log-likelihood plus `decay`/2 · |w|², by L-BFGS.

    Items it was fitted on are answered by the model that was fitted without their fold (10 folds by
    hash of the item's id, clips included). So no single item is memorised, while what a template
    gives away is learned, which is what is to be measured. Folds by text and answer would hold out
    all of one answer to a template together, fit the other answers, and drive the score far below
    chance.
    """

    name = "linear"
    folds = 10

    def __init__(
        self, items: Iterable[Item] = (), *, decay: float = 1e-4, size: int = 1 << 15
    ) -> None:
        """Fit at once if `items` are given; unfitted, all choices are equally likely.

        Args:
            items: closed-ended items to fit; open-ended ones are ignored.
            decay: weight of the L2 penalty.
            size: number of features, hashed ones included.
        """
        self.decay = decay
        self.size = size
        self._fold_of: dict[str, int] = {}
        self._fitted_on = ""
        self._weights: list[Vector] = []
        known = list(items)
        if known:
            self.fit(known)

    @property
    def fitted(self) -> bool:
        """Whether it has been fitted."""
        return bool(self._weights)

    def fit(self, items: Sequence[Item]) -> Linear:
        """Fit the closed-ended items among `items`: one model without each fold, one on all.

        Raises:
            ConfigError: no item is closed-ended.
        """
        closed_ended = [item for item in items if len(item.choices) > 1]
        if not closed_ended:
            raise ConfigError("there are no closed-ended items to fit the linear baseline on")
        ids = [item.id for item in closed_ended]  # a hash of question, choices and answer
        self._fold_of = dict(zip(ids, (_fold(name, self.folds) for name in ids), strict=True))
        self._fitted_on = digest(canonical(ids))
        rows, starts, golds = self._design(closed_ended)
        folds = np.array([self._fold_of[name] for name in ids])
        without = [folds != fold for fold in range(self.folds)]
        label = f"fit the linear text-only model, {len(ids)} items"
        with one_blas_thread():
            self._weights = [
                self._minimise(rows, starts, golds, use)
                for use in track([*without, folds >= 0], label)
            ]
        return self

    def chances(self, prompt: Prompt) -> Vector:
        """Softmax over the scores, by the model that was fitted without the item."""
        if not self._weights:
            return np.full(len(prompt.choices), 1 / len(prompt.choices))
        weights = self._weights[self._fold_of.get(prompt.item_id, self.folds)]
        scores = np.zeros(len(prompt.choices))
        for i, row in enumerate(_features(prompt.question, prompt.choices, self.size)):
            scores[i] = sum(weights[place] * value for place, value in row.items())
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum())

    def settings(self) -> object:
        """What it was fitted on, and how: not the weights, whose last digits differ by computer."""
        return [self.decay, self.size, self.folds, _ITERATIONS, self._fitted_on]

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
        """The weights (size,) that minimise the loss over the items where `use` is True."""
        from scipy.optimize import minimize

        ends = np.append(starts[1:], rows.shape[0])
        chosen = np.flatnonzero(use)
        if not len(chosen):  # one group of items only: nothing else to be fitted on
            return np.zeros(self.size)
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
            loss, np.zeros(self.size), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
        )
        return np.asarray(found.x, dtype=np.float64)


def _fold(name: str, folds: int) -> int:
    """The fold of the item with the id `name`."""
    return crc32(name.encode()) % folds


def _features(question: str, choices: Sequence[str], size: int) -> list[Mapping[int, float]]:
    """One sparse row a choice: feature place -> value. The last 16 places are not hashed into."""
    asked = list(dict.fromkeys(_words(question)))
    lengths = [len(choice) for choice in choices]
    mean = sum(lengths) / len(lengths)
    rows: list[Mapping[int, float]] = []
    for position, choice in enumerate(choices):
        row: dict[int, float] = {}
        spelled = list(dict.fromkeys(_words(choice)))
        names = [f"c {word}" for word in spelled]
        names += [f"p {ask} {word}" for ask in asked for word in spelled]
        for name in names:
            place = crc32(name.encode()) % (size - 16)
            row[place] = row.get(place, 0.0) + 1 / math.sqrt(len(names))
        row[size - 16] = (len(choice) - mean) / (mean + 1)
        row[size - 15] = float(len(choice) == max(lengths))
        row[size - 14] = len(set(spelled) & set(asked)) / max(1, len(spelled))
        row[size - 13 + min(position, 11)] = 1.0
        rows.append(row)
    return rows


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def build_linear(target: str = "", *, items: Iterable[Item] = ()) -> Model:
    """``linear``; fitted on `items`, or later by its caller (as `harken.curate.run.run` does)."""
    return Linear(items)
