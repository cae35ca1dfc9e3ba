"""Word errors of a transcript, as jiwer counts them: for the benchmark and the reward alike."""

from __future__ import annotations

import re
from collections.abc import Sequence


def normalise(text: str) -> str:
    """Lower case, words separated by one space, without punctuation."""
    return " ".join(re.findall(r"\w+(?:'\w+)*", text.lower().replace("’", "'")))


def edits(gold: Sequence[str], predicted: Sequence[str]) -> tuple[int, int, int]:
    """(substitutions, deletions, insertions) of a minimum edit path from `gold` to `predicted`."""
    # Cell: (errors, substitutions, deletions, insertions); the least errors, then as tuples.
    row = [(j, 0, 0, j) for j in range(len(predicted) + 1)]
    for i, want in enumerate(gold, 1):
        before, row[0] = row[0], (i, 0, i, 0)
        for j, word in enumerate(predicted, 1):
            e, s, d, n = before
            before = row[j]
            if want == word:
                row[j] = (e, s, d, n)
                continue
            up, left = row[j], row[j - 1]
            row[j] = min(
                (e + 1, s + 1, d, n),
                (up[0] + 1, up[1], up[2] + 1, up[3]),
                (left[0] + 1, left[1], left[2], left[3] + 1),
            )
    return row[-1][1:]
