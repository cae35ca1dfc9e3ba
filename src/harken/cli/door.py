"""What all verbs share: the --json switch, and how a command ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")
]
Seed = Annotated[int, typer.Option(help="Same seed, same bytes.")]


def finish(result: dict[str, Any], summary: str, as_json: bool) -> None:
    """End a command: the same numbers as JSON on stdout, or as a short readable summary."""
    if as_json:
        text = json.dumps(result, ensure_ascii=True, allow_nan=False, default=str)
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(printable(summary) + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """`text` without control characters, so that a file name cannot drive the terminal."""
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
