"""A linear probe: which class a vector is of, by ridge regression to one column a class.

With features X standardised by those it is fitted to, and Y with 1 in the column of a row's class::

    W = (X'X + ridge · n · I)^-1 X'(Y - mean Y)          class = argmax of X W + mean Y

The regression has one solution, so that a judge has no seed of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harken.errors import DataError
from harken.threads import one_blas_thread

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class LinearProbe:
    """See the module's docstring.

    Attributes:
        classes: their names, sorted.
        mean, scale: (d,), of the features it was fitted to.
        weights: (d, classes); `base`: (classes,), the share of each class.
    """

    classes: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    base: Floats

    @staticmethod
    def fit(features: Floats, labels: Sequence[str], ridge: float = 0.1) -> LinearProbe:
        """A probe of features (n, d) and the class of each row.

        Raises:
            DataError: fewer than two classes.
        """
        classes = tuple(sorted(set(labels)))
        if len(classes) < 2:
            raise DataError(
                f"a linear probe needs two classes, and there is {len(classes)}",
                hint="Name recordings with several labels, or several voices.",
            )
        rows = np.asarray(features, np.float64)
        mean, scale = rows.mean(0), np.maximum(rows.std(0), 1e-6)
        scaled = (rows - mean) / scale
        wanted = (np.asarray(labels)[:, None] == np.asarray(classes)[None]).astype(np.float64)
        base = wanted.mean(0)
        with one_blas_thread():
            inner = scaled.T @ scaled + ridge * len(rows) * np.eye(rows.shape[1])
            weights = np.linalg.solve(inner, scaled.T @ (wanted - base))
        return LinearProbe(classes, mean, scale, weights, base)

    def predict(self, features: Floats) -> list[str]:
        """The class of each row of (n, d)."""
        scaled = (np.asarray(features, np.float64) - self.mean) / self.scale
        with one_blas_thread():
            scores = scaled @ self.weights + self.base
        return [self.classes[int(i)] for i in scores.argmax(1)]
