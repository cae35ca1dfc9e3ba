"""`harken encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import folder_option

Codec = Annotated[
    str,
    typer.Argument(
        help="A trained codec's folder or name, or encodec:FOLDER, dac:FOLDER, mimi:FOLDER."
    ),
]

Codebooks = Annotated[
    int | None, typer.Option(min=1, help="Use the first ones only; default: all.")
]


def encode(
    codec: Codec,
    audio: Annotated[list[Path], typer.Argument(help="Recordings.")],
    out: Annotated[Path, folder_option("--out", "-o", help="Folder of the codes.")],
    codebooks: Codebooks = None,
    as_json: Json = False,
) -> None:
    """Write the codes of recordings: integers, codebooks by frames, in safetensors.

    Examples:  harken encode codec/model clip.wav -o codes
    harken encode codec/model clip.wav -o codes --codebooks 2
    harken encode encodec:encodec_24khz clip.wav -o codes
    """
    from harken.recipes.codec import encode_files
    from harken.report.text import table

    made = encode_files(codec, audio, out, codebooks=codebooks)
    rows = [(row["file"], row["codebooks"], row["frames"]) for row in made["files"]]
    finish(made, table(rows, ("file", "codebooks", "frames")), as_json)
