"""What all commands share: the --json switch, and how a command ends."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from harken.report.text import printable

Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")
]


Seed = Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")]


def finish(result: dict[str, Any], summary: str, as_json: bool) -> None:
    """End a command: print the result as JSON, or as a short readable summary."""
    if as_json:
        text = json.dumps(result, ensure_ascii=True, allow_nan=False, default=str)
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(printable(summary) + "\n")
    sys.stdout.flush()
