"""Recordings of few labels and words: as many as a small model can learn in a few minutes."""

from __future__ import annotations

from collections.abc import Sequence

from harken.corpora.base import Recording
from harken.hashing import canonical, digest

NAMES = 16
"""Most labels of sounds, and most words: as many as can be learned in a few minutes on a CPU."""


def few_names(recordings: Sequence[Recording], seed: int) -> tuple[tuple[Recording, ...], str]:
    """Recordings of at most `NAMES` labels and `NAMES` words, and what was left out.

    Names are drawn by their hash, so that which are taken does not depend on the others' order.

    Returns:
        The recordings, and a text such as ``16 of 50 labels``; empty if nothing was left out.
    """
    chosen: set[str] = set()
    limits = []
    for what, names in (
        ("labels", {n for r in recordings if r.kind != "speech" for n in r.labels}),
        ("words", {r.transcript for r in recordings if r.transcript and " " not in r.transcript}),
    ):
        order = sorted(names, key=lambda name: digest(canonical([seed, name])))
        chosen |= {*order[:NAMES]}
        if len(order) > NAMES:
            limits.append(f"{NAMES} of {len(order)} {what}")
    used = tuple(
        r
        for r in recordings
        if (r.transcript in chosen if r.kind == "speech" else chosen.issuperset(r.labels))
        or (r.kind == "speech" and not limits)
    )
    return used, " and ".join(limits)
