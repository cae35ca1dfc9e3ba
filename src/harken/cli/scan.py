"""`harken scan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.report.data import scan_text


def scan(
    folder: Annotated[Path, typer.Argument(help="A folder of recordings.")],
    layout: Annotated[str | None, typer.Option(help="Layout name; default: recognised.")] = None,
    show_rejects: Annotated[int, typer.Option(min=0, help="How many rejects to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List what a folder of recordings holds, and which files cannot be used and why.

    Examples:  harken scan ESC-50     harken scan recordings --json > scan.json
    """
    from harken.corpora.scan import scan as run

    found = run(folder, layout=layout)
    finish(found.to_json(), scan_text(found.to_json(), show_rejects), as_json)
