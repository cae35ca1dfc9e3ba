"""Clips are assigned to the recordings that they repeat, however many copies there are."""

from __future__ import annotations

import numpy as np
import pytest
from test_fingerprint import RATE, events

from harken.audio.fingerprint import Fingerprint, fingerprint
from harken.clean import sounds
from harken.clean.sounds import represented


def noisy(wave: np.ndarray, seed: int) -> np.ndarray:
    hiss = 0.05 * wave.std() * np.random.default_rng(seed).standard_normal(wave.shape)
    return (wave + hiss).astype(np.float32)


def test_copies_name_the_first_and_others_themselves() -> None:
    waves = [events(0), events(1), noisy(events(0), 1), events(1)[:, RATE:], events(2)]
    prints = [fingerprint(wave, RATE) for wave in waves]
    assert represented(prints) == [(0,), (1,), (0,), (1,), (4,)]


def test_what_cannot_be_heard_repeats_nothing() -> None:
    quiet = fingerprint(np.zeros((1, RATE), np.float32), RATE)
    assert represented([None, quiet, None, quiet]) == [(0,), (1,), (2,), (3,)]


def test_an_excerpt_of_two_names_both() -> None:
    both = np.concatenate([events(5), events(6)], axis=1)
    found = represented([fingerprint(wave, RATE) for wave in (events(5), events(6), both)])
    assert found[:2] == [(0,), (1,)] and sorted(found[2]) == [0, 1]


@pytest.mark.parametrize("block", [1, 2, 64])
def test_many_copies_and_any_growth_of_the_index(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of one recording beyond what the index looks up are found all the same."""
    monkeypatch.setattr(sounds, "_BLOCK", block)
    prints: list[Fingerprint | None] = [fingerprint(events(n, 1.5), RATE) for n in range(9)]
    copies = [prints[3]] * 300
    found = represented([*prints, *copies])
    assert found == [*((n,) for n in range(9)), *((3,) for _ in range(300))]
