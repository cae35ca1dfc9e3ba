"""Ids of items in a message: the first ones, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 10


def listed(ids: Sequence[str], most: int = SHOWN) -> str:
    """``a, b, c … 4 more``: at most `most` of `ids`, in order, and the number of the others."""
    more = f" … {len(ids) - most} more" if len(ids) > most else ""
    return f"{', '.join(ids[:most])}{more}"
