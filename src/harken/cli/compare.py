"""`harken compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish


def compare(
    first: Annotated[Path, typer.Argument(help="A run.")],
    second: Annotated[Path, typer.Argument(help="Another run on the same items.")],
    as_json: Json = False,
) -> None:
    """Compare two runs item by item: difference, exact McNemar p, interval, flipped items.

    Example:  harken compare runs/before runs/after
    """
    from harken.evaluate.compare import compare as run
    from harken.report import terminal

    result = run(first, second)
    finish(result, terminal.comparison(result), as_json)
