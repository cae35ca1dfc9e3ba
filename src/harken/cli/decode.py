"""`harken decode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.encode import Codebooks, Codec
from harken.cli.options import Json, finish
from harken.cli.outputs import folder_option


def decode(
    codec: Codec,
    audio: Annotated[list[Path], typer.Argument(help="Files of harken encode.")],
    out: Annotated[Path, folder_option("--out", "-o", help="Folder of the sounds.")],
    codebooks: Codebooks = None,
    as_json: Json = False,
) -> None:
    """Write the sounds that codes stand for, as 16 kHz WAV.

    Examples:  harken decode codec/model codes/clip.safetensors -o sounds
    harken decode codec/model codes/clip.safetensors -o coarse --codebooks 1
    """
    from harken.recipes.codec import decode_files
    from harken.report.text import table

    made = decode_files(codec, audio, out, codebooks=codebooks)
    rows = [(row["file"], row["codebooks"], f"{row['s']:.2f}") for row in made["files"]]
    finish(made, table(rows, ("file", "codebooks", "seconds")), as_json)
