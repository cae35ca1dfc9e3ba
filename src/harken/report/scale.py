"""What a job is expected to take, in a line for people."""

from __future__ import annotations

from harken.progress import clock
from harken.shards.estimate import Estimate

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def estimate_text(expected: Estimate, workers: int) -> str:
    """Units, items, storage and time of a dataset that is not made yet."""
    took = clock(expected.seconds / workers)
    word = "worker" if workers == 1 else "workers"
    return (
        f"{expected.units:,} units of work, {expected.items:,} items, about "
        f"{bytes_text(expected.bytes)}, about {took} with {workers} {word} (measured on "
        f"{expected.sample} items)"
    )


def bytes_text(size: float) -> str:
    """``1.2 GB``: powers of 1000."""
    place = 0
    while size >= 1000 and place < len(_UNITS) - 1:
        size, place = size / 1000, place + 1
    return f"{size:.0f} {_UNITS[place]}" if place == 0 else f"{size:.1f} {_UNITS[place]}"
