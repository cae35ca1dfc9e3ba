"""Exams of models that give similarities of clips and texts: zero-shot, retrieval, CompA.

Similarities are (clips, texts) unless said otherwise. A tie is wrong in zero-shot and CompA; in
retrieval the first of equal clips comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harken.evaluate.benchmarks.retrieval import DEPTH, precision_at

Similarities = npt.NDArray[np.floating]


def zero_shot(similar: Similarities, gold: Sequence[int]) -> list[bool]:
    """Whether each clip's own label (a column) is more similar than every other: (clips,)."""
    right = []
    for row, own in zip(similar, gold, strict=True):
        others = np.delete(row, own)
        right.append(bool(row[own] > others.max(initial=-np.inf)))
    return right


def ranked(similar: Similarities) -> list[list[int]]:
    """For each text the clips from the most similar one; of equal ones the first comes first."""
    return [np.argsort(-column, kind="stable").tolist() for column in np.asarray(similar).T]


def retrieval_scores(
    similar: Similarities, relevant: Sequence[Sequence[int]]
) -> dict[str, list[float]]:
    """Scores of retrieval by text, a number for each text.

    Args:
        similar: (clips, texts).
        relevant: the clips that fit each text, at least one.

    Returns:
        ``R@1``, ``R@5``, ``R@10``: whether a fitting clip is among the first so many; ``mAP@10``:
        average precision within the first ten (`harken.evaluate.benchmarks.retrieval`).
    """
    found: dict[str, list[float]] = {"R@1": [], "R@5": [], "R@10": [], f"mAP@{DEPTH}": []}
    for order, fits in zip(ranked(similar), relevant, strict=True):
        for depth in (1, 5, 10):
            hit = any(clip in fits for clip in order[:depth])
            found[f"R@{depth}"].append(float(hit))
        names = [str(clip) for clip in order]
        found[f"mAP@{DEPTH}"].append(precision_at(names, [str(clip) for clip in fits]))
    return found


def compa_scores(similar: Similarities) -> dict[str, list[bool]]:
    """CompA's scores of pairs of clips with swapped captions (Ghosh et al. 2024, 2310.08753).

    Args:
        similar: (pairs, 2, 2): caption c and clip a of a pair have similarity ``[pair, c, a]``, and
            caption i belongs to clip i.

    Returns:
        For each pair: ``text`` (each clip is more similar to its own caption), ``audio`` (each
        caption to its own clip), ``group`` (both). Chance is 1/4, 1/4 and 1/6.
    """
    own = np.asarray(similar)
    text = (own[:, 0, 0] > own[:, 1, 0]) & (own[:, 1, 1] > own[:, 0, 1])
    audio = (own[:, 0, 0] > own[:, 0, 1]) & (own[:, 1, 1] > own[:, 1, 0])
    return {"text": text.tolist(), "audio": audio.tolist(), "group": (text & audio).tolist()}
