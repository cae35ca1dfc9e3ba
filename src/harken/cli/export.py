"""Verb: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import folder_option


def export(
    model: Annotated[str, typer.Argument(help="Folder of a saved model, or native:FOLDER.")],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder for the files; empty or new.", makes="")
    ],
    dtype: Annotated[
        str, typer.Option(help="Of the weights: float32, bfloat16, float16; default: as saved.")
    ] = "",
    copy_bases: Annotated[
        bool,
        typer.Option(
            help="Write unchanged weights too; else the base is named where only adapters were "
            "trained."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model as plain folders of transformers and peft, which open without harken.

    Of a native class: model/ (its own weights, if they were trained) and adapter/ (LoRA, in peft's
    format). Of a composed model: the audio encoders, the language model and its adapters, the
    projector, and joined.py, which joins them with transformers and peft alone. Tokenizer, feature
    extractor and chat template are included, and README.md has the lines that open it.

    Examples:  harken export out/model -o plain

    harken export out/model -o plain --copy-bases --dtype bfloat16
    """
    from harken.recipes.export import export_model
    from harken.report.text import table

    made = export_model(model, out, dtype=dtype, copy_bases=copy_bases)
    rows = [(name, value) for name, value in made.items() if value]
    finish(made, table(rows), as_json)
