"""A linear probe: separable classes, chance for noise, the formula."""

from __future__ import annotations

import numpy as np
import pytest

from harken.errors import DataError
from harken.evaluate.linear_probe import LinearProbe


def test_classes_that_a_line_divides_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]])
    labels = ["a", "b", "c"] * 30
    features = np.concatenate([centres + rng.normal(0, 0.5, (3, 3)) for _ in range(30)])
    probe = LinearProbe.fit(features * 1000 + 7, labels)
    new = np.concatenate([centres + rng.normal(0, 0.5, (3, 3)) for _ in range(20)])
    told = probe.predict(new * 1000 + 7)
    assert np.mean([a == b for a, b in zip(told, ["a", "b", "c"] * 20, strict=True)]) > 0.95


def test_noise_is_told_by_chance() -> None:
    rng = np.random.default_rng(1)
    labels = [str(i % 4) for i in range(400)]
    probe = LinearProbe.fit(rng.normal(size=(400, 20)), labels)
    told = probe.predict(rng.normal(size=(2000, 20)))
    right = np.mean([a == str(i % 4) for i, a in enumerate(told)])
    assert right == pytest.approx(0.25, abs=0.04)


def test_the_weights_by_hand() -> None:
    # One feature of -1 and 1, n = 2: X'X = 2, ridge · n = 1, Y centred is -+ 1/2.
    probe = LinearProbe.fit(np.array([[-1.0], [1.0]]), ["a", "b"], ridge=0.5)
    assert probe.weights.tolist() == [[pytest.approx(-1 / 3), pytest.approx(1 / 3)]]
    assert probe.base.tolist() == [0.5, 0.5] and probe.predict(np.array([[0.1]])) == ["b"]
    with pytest.raises(DataError, match="two classes"):
        LinearProbe.fit(np.zeros((2, 1)), ["a", "a"])
