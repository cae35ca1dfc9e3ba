"""Generators of draws: those of numpy, made faster."""

from __future__ import annotations

import numpy as np
import pytest

from harken.synth.design import generator


@pytest.mark.parametrize("key", [(0,), (3, 2**32 - 1, 0), (2**32, 1), (2**70 + 5, 3)])
def test_a_generator_is_that_of_numpy(key: tuple[int, ...]) -> None:
    own, other = generator(*key), np.random.default_rng(list(key))
    assert own.bit_generator.state == other.bit_generator.state
    with pytest.raises(ValueError):
        generator(*key, -1)
