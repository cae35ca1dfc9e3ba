"""Time spans in a text, and how well two sets of spans agree: for the benchmark and the reward."""

from __future__ import annotations

import re

from harken.times import times_as_text

Segments = list[tuple[float, float]]
"""(start, end) in seconds."""

_TIME = r"(?:(\d+):)?(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)?"
_SPAN = re.compile(rf"{_TIME}\s*(?:-|–|—|to|until|till|and|,)\s*{_TIME}(?![\d:])", re.I)


def segments(text: str) -> Segments:
    """The time spans in a text, in order of onset; those that do not run forward are no spans.

    Times may be time tokens (``<|1.12|>``).
    """
    found = []
    for hit in _SPAN.finditer(times_as_text(text)):
        minutes_a, a, minutes_b, b = hit.groups()
        start = 60 * int(minutes_a or 0) + float(a)
        end = 60 * int(minutes_b or 0) + float(b)
        if start < end:
            found.append((start, end))
    return sorted(found)


def _merged(spans: Segments) -> Segments:
    whole: Segments = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def iou(predicted: Segments, gold: Segments) -> float:
    """Overlap over union of two sets of spans."""
    left, right = _merged(predicted), _merged(gold)
    overlap = sum(max(0.0, min(b, d) - max(a, c)) for a, b in left for c, d in right)
    total = sum(b - a for a, b in left) + sum(d - c for c, d in right)
    return overlap / (total - overlap) if total > overlap else float(bool(left))
