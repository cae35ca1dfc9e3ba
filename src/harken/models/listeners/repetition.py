"""Loops in a transcript: the same words again and again, which recognisers write over silence."""

from __future__ import annotations

import unicodedata

import numpy as np

LOOP = "repetition: "
"""How the error of a reply begins whose transcript repeats itself."""

LONGEST = 200
"""Longest phrase, in characters, whose repetition is looked for."""

REPEATS = 5
COVERED = 60
"""A loop is a phrase that follows itself `REPEATS` times, over `COVERED` characters at least."""


def repetition(text: str) -> str | None:
    """What loops in `text`, as ``repeats "thank you" 31 times``; None where nothing does.

    Case, punctuation and spaces do not count, and no words are needed, so it works for languages
    written without spaces. The shortest phrase is told.
    """
    kept = [one for one in text.casefold() if unicodedata.category(one)[0] in "LNM"]
    codes = np.fromiter(map(ord, kept), np.int64, len(kept))
    for period in range(1, min(LONGEST, len(codes) // REPEATS) + 1):
        same = np.concatenate(([False], codes[period:] == codes[:-period], [False]))
        edges = np.flatnonzero(np.diff(same.astype(np.int8)))
        if not len(edges):
            continue
        begins, lengths = edges[::2], edges[1::2] - edges[::2]
        best = int(np.argmax(lengths))
        covered = int(lengths[best]) + period
        if covered >= max(COVERED, REPEATS * period):
            phrase = "".join(kept[int(begins[best]) : int(begins[best]) + period])
            return f"repeats {phrase[:40]!r} {covered // period} times"
    return None
