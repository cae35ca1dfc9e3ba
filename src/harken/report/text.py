"""Plain text for terminals: tables, and text without terminal control characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def printable(text: str) -> str:
    """`text` without control characters, so that a file name cannot control the terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)


def table(rows: Sequence[tuple[object, ...]], head: tuple[str, ...] = ()) -> str:
    """Left-aligned columns of plain text; numbers to the right."""
    cells = [tuple(str(c) for c in row) for row in [*([head] if head else []), *rows]]
    if not cells:
        return ""
    wide = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    right = [
        all(isinstance(row[i], int | float) for row in rows) and bool(rows)
        for i in range(len(cells[0]))
    ]
    return "\n".join(
        "  ".join(
            c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, wide, right, strict=True)
        ).rstrip()
        for row in cells
    )


def warned(found: dict[str, Any]) -> list[str]:
    """The warnings of a result, one line each."""
    return [f"note: {line}" for line in found.get("warnings", ())]
