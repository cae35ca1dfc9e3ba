"""`harken starter`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.outputs import folder_argument
from harken.report.text import table


def starter(
    folder: Annotated[Path, folder_argument(help="Output folder.")],
    size: Annotated[str, typer.Option(help="full, or smoke (a small part).")] = "full",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Generate the starter corpus: speech, sound events, instruments; no data or network needed.

    Example:  harken starter starter-corpus
    """
    from harken.corpora.starter.generate import generate_starter

    made = generate_starter(folder, seed=seed, size=size)
    result = {"folder": str(folder), **made}
    finish(result, table([(k, v) for k, v in result.items() if not isinstance(v, dict)]), as_json)
