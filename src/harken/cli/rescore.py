"""`harken rescore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.report.text import table


def rescore(
    run: Annotated[Path, typer.Argument(help="A run, complete or with all its replies.")],
    as_json: Json = False,
) -> None:
    """Score the replies of a run again by the current rules; no model is called.

    Example:  harken rescore runs/after
    """
    from harken.evaluate.run import rescore as again

    found = again(run)
    rows: list[tuple[object, ...]] = [
        (
            name,
            *(f"{100 * found[when].get(name, float('nan')):.1f}" for when in ("before", "after")),
        )
        for name in found["after"]
    ]
    text = f"{found['changed']} of {found['records']} scores changed\n"
    finish(found, text + table(rows, ("condition", "before %", "after %")), as_json)
