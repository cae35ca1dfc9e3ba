"""Names in messages, of items, tensors or files: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], most: int = 10, *, between: str = ", ") -> str:
    """``a, b … 3 more``: at most `most` names, and the number of the others."""
    more = f" … {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def items_listed(ids: Sequence[str], most: int = 16) -> str:
    """`` (items a, b … 3 more)``, with a space before it; empty without ids."""
    return f" (items {listed(ids, most)})" if ids else ""


def in_lines(faults: Sequence[str], most: int) -> str:
    """A line for each fault, below the line that leads to them, and the number of the others."""
    more = [f"and {len(faults) - most} more"] if len(faults) > most else []
    return "".join(f"\n  {line}" for line in [*faults[:most], *more]) + "\n"
