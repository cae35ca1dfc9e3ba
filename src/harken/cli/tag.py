"""`harken tag`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish

Contrastive = Annotated[
    str, typer.Argument(help="Folder of a model of harken train-clap, or its name.")
]


def tag(
    model: Contrastive,
    audio: Annotated[list[Path], typer.Argument(help="Recordings, or folders of labelled ones.")],
    labels: Annotated[
        str, typer.Option(help="To choose from, with commas; default: those of the folders.")
    ] = "",
    split: Annotated[str, typer.Option(help="Split of a folder; '' for all.")] = "test",
    top: Annotated[int, typer.Option(min=1, help="Labels shown of each clip.")] = 3,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Name what is heard in recordings, among labels that need not have been trained (zero-shot).

    Of folders with labels the accuracy is told too, with its 95 % interval.

    Examples:  harken tag clap/model clip.wav --labels "dog bark,rain,siren"
    harken tag clap/model ESC-50 --json
    """
    from harken.recipes.clap import tag as run

    given = [label.strip() for label in labels.split(",") if label.strip()]
    found = run(model, audio, given, split=split, top=top, seed=seed)
    lines = [
        f"{row['file']}: " + ", ".join(f"{label} {cosine:.2f}" for label, cosine in row["labels"])
        for row in found["clips"]
    ]
    if own := found["accuracy"]:
        low, high = own["interval"]
        lines.append(
            f"accuracy {own['share']:.3f} ({own['right']} of {own['n']}; {low:.3f} to {high:.3f})"
        )
    finish(found, "\n".join(lines), as_json)
