"""Verb: show-model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option


def show_model(
    model: Annotated[
        str,
        typer.Argument(
            help="A saved or released model, native:FOLDER, harken-tiny, or a published model by "
            "name (harken compose --list), of which nothing is loaded."
        ),
    ],
    out: Annotated[
        Path | None, file_option("--out", "-o", help="Write the drawing as SVG too.")
    ] = None,
    groups: Annotated[
        str,
        typer.Option(
            help="Module groups that are trained (audio_encoder, projector, lm), by commas; "
            "default: those of the paper, else all."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Draw the wiring of a model: parts, widths, audio tokens a second, what is trained.

    Examples:  harken show-model salmonn -o salmonn.svg     harken show-model harken-small

    harken show-model model --groups projector
    """
    from harken.files import write_whole
    from harken.recipes.wiring import show_wiring
    from harken.report.wiring import wiring_svg, wiring_text

    found = show_wiring(model, [one.strip() for one in groups.split(",") if one.strip()])
    text = wiring_text(found)
    if out is not None:
        write_whole(out, wiring_svg(found) + "\n")
        text += f"\n{out}"
    finish({**found, "svg": str(out or "")}, text, as_json)
