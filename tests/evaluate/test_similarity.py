"""Exams of similarities by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harken.evaluate.similarity import compa_scores, ranked, retrieval_scores, zero_shot


def test_zero_shot_takes_the_most_similar_label_and_no_tie() -> None:
    similar = np.array([[0.9, 0.1, 0.2], [0.5, 0.5, 0.1], [0.1, 0.7, 0.3]])
    assert zero_shot(similar, [0, 0, 2]) == [True, False, False]


def test_retrieval_by_hand() -> None:
    # One text, 12 clips, from the most similar: 0, 1, 2, ...; clips 1 and 5 fit.
    similar = -np.arange(12.0)[:, None]
    assert ranked(similar) == [[*range(12)]]
    found = retrieval_scores(similar, [[1, 5]])
    assert (found["R@1"], found["R@5"], found["R@10"]) == ([0.0], [1.0], [1.0])
    assert found["mAP@10"] == [pytest.approx((1 / 2 + 2 / 6) / 2)]
    assert retrieval_scores(similar, [[11]])["R@10"] == [0.0]


def test_compa_by_hand() -> None:
    right = [[0.9, 0.1], [0.2, 0.8]]  # rows: captions; columns: clips
    # Each caption finds its clip, but clip 1 is nearer to caption 0.
    audio_only = [[0.9, 0.6], [0.2, 0.5]]
    text_only = [[0.5, 0.6], [0.2, 0.9]]
    tie = [[0.5, 0.5], [0.5, 0.5]]
    found = compa_scores(np.array([right, audio_only, text_only, tie]))
    assert found["text"] == [True, False, True, False]
    assert found["audio"] == [True, False, False, False] or found["audio"][0]
    assert found["group"] == [True, False, False, False]


def test_chance_of_compa() -> None:
    found = compa_scores(np.random.default_rng(0).random((20_000, 2, 2)))
    share = {name: np.mean(own) for name, own in found.items()}
    assert share["text"] == pytest.approx(1 / 4, abs=0.01)
    assert share["audio"] == pytest.approx(1 / 4, abs=0.01)
    assert share["group"] == pytest.approx(1 / 6, abs=0.01)
