"""`harken compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Two runs or more on the same items; the first is before.")
    ],
    shared: Annotated[
        bool,
        typer.Option("--shared", help="Runs on different items: compare on those all asked."),
    ] = False,
    flips: Annotated[
        int, typer.Option(min=0, help="Flipped items to print of each direction (two runs).")
    ] = 5,
    as_json: Json = False,
) -> None:
    """Compare runs item by item: difference, interval and exact p by recording, flipped items.

    Three runs or more are shown side by side, each compared with the first.

    Examples:  harken compare runs/before runs/after     harken compare runs/a runs/b runs/c
    """
    from harken.errors import ConfigError
    from harken.evaluate.compare import compare as two
    from harken.evaluate.compare import compare_many
    from harken.report import comparison

    if len(runs) < 2:
        raise ConfigError("only one run is named", hint="Name two runs or more.")
    if len(runs) == 2:
        result = two(runs[0], runs[1], shared=shared)
        finish(result, comparison.two(result, flips=flips), as_json)
        return
    result = compare_many(runs, shared=shared)
    finish(result, comparison.many(result), as_json)
