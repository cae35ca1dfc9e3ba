"""Verb: merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import folder_option


def merge(
    model: Annotated[str, typer.Argument(help="Folder of a saved model with adapters.")],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the merged model.", makes="model")
    ],
    dtype: Annotated[
        str, typer.Option(help="Of its weights: float32, bfloat16, float16; default: as saved.")
    ] = "",
    copy_bases: Annotated[
        bool,
        typer.Option(help="Save all weights; else those that differ from the named bases."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Add the LoRA adapters of a model to its weights.

    The sums are computed in float32 and rounded to the dtype of the weights: in bfloat16 the
    answers of the merged model differ a little, in float32 they are the same.

    Examples:  harken merge out/model -o merged

    harken merge out/model -o merged --dtype float32 --copy-bases
    """
    from harken.recipes.merge import merge_model
    from harken.report.text import table

    made = merge_model(model, out, dtype=dtype, copy_bases=copy_bases)
    rows = [(group, f"{own['rank']}", f"{own['alpha']:g}") for group, own in made["merged"].items()]
    told = f"{out}: adapters of {made['layers']} layers merged, {made['dtype']}"
    finish(made, f"{told}\n{table(rows, ('group', 'rank', 'alpha'))}", as_json)
