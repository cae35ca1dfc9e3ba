"""Phases of magnitudes: sounds are found again, and it makes no difference in which pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harken.models.codec.phase import AHEAD, BLOCK, PhaseFinder, spectra

WINDOW, STEP = 64, 16


def found(magnitudes: torch.Tensor, *ends: int) -> list[np.ndarray]:
    """What is given for pieces that end before these windows, and for the rest."""
    finder, made, start = PhaseFinder(WINDOW, STEP), [], 0
    for end in ends:
        made.append(finder.push(magnitudes[start:end]).numpy())
        start = end
    return [*made, finder.push(magnitudes[start:], last=True).numpy()]


def sweep(windows: int) -> torch.Tensor:
    """A tone that rises from a tenth to a third of the sampling rate, (1, windows · STEP)."""
    time = torch.arange(windows * STEP)
    return 0.3 * torch.sin(2 * math.pi * (0.1 + 0.1 * time / len(time)) * time)[None]


def test_the_spectra_of_a_tone_are_highest_at_its_frequency() -> None:
    tone = torch.sin(2 * math.pi * 5 / WINDOW * torch.arange(160))[None]
    levels = spectra(tone, WINDOW, STEP).abs()[0]
    assert levels.shape == (10, WINDOW // 2 + 1)
    assert (levels[2:-2].argmax(1) == 5).all()
    # A Hann window of W samples passes W / 4 of the amplitude of a tone in the middle of a bin.
    assert torch.allclose(levels[2:-2, 5], torch.tensor(WINDOW / 4), rtol=1e-3)


@pytest.mark.parametrize("windows", [BLOCK, BLOCK + AHEAD + 1, 70])
def test_the_samples_have_the_magnitudes_that_were_given(windows: int) -> None:
    wanted = spectra(sweep(windows), WINDOW, STEP).abs()[0]
    (made,) = found(wanted)
    again = spectra(torch.from_numpy(made)[None], WINDOW, STEP).abs()[0]
    inner = slice(2, -2)  # the others reach beyond the sound, where nothing is kept
    error = (again - wanted)[inner].square().sum() / wanted[inner].square().sum()
    assert error < 0.05


@pytest.mark.parametrize("windows", [1, 2, 5, BLOCK, 70])
def test_there_are_samples_for_every_window(windows: int) -> None:
    assert found(torch.ones(windows, WINDOW // 2 + 1))[0].shape == (windows * STEP,)


def test_pieces_are_the_whole_and_nothing_that_was_given_changes() -> None:
    rng = np.random.default_rng(0)
    magnitudes = torch.from_numpy(rng.random((73, WINDOW // 2 + 1)).astype(np.float32))
    (whole,) = found(magnitudes)
    for ends in ((73,), (1, 2, 30, 31, 60), tuple(range(1, 73)), (25, 26, 27)):
        pieces = found(magnitudes, *ends)
        assert np.allclose(np.concatenate(pieces), whole, atol=1e-5)
    # Nothing comes before the first block and what it looks at are there.
    early = found(magnitudes, BLOCK + AHEAD - 1, BLOCK + AHEAD)
    assert len(early[0]) == 0 and len(early[1]) == BLOCK * STEP - (WINDOW - STEP) // 2


def test_silence_is_silent_and_nothing_is_nothing() -> None:
    assert not np.concatenate(found(torch.zeros(30, WINDOW // 2 + 1))).any()
    assert len(found(torch.zeros(0, WINDOW // 2 + 1))[0]) == 0


def test_the_same_magnitudes_give_the_same_samples() -> None:
    wanted = spectra(sweep(40), WINDOW, STEP).abs()[0]
    assert np.array_equal(found(wanted)[0], found(wanted)[0])
