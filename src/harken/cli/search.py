"""`harken search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.tag import Contrastive


def search(
    model: Contrastive,
    query: Annotated[str, typer.Argument(help="What to look for, in words.")],
    audio: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.")],
    split: Annotated[str, typer.Option(help="Split of a folder; '' for all.")] = "",
    top: Annotated[int, typer.Option(min=1, help="Clips shown.")] = 10,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find the recordings that are most like a text.

    Of folders with labels it is told too how well each label finds its clips: R@1, R@5, R@10 and
    mAP@10.

    Examples:  harken search clap/model "dog barks twice" ESC-50
    harken search clap/model "rain" recordings --top 3 --json
    """
    from harken.recipes.clap import search as run

    found = run(model, query, audio, split=split, top=top, seed=seed)
    lines = [f"{row['cosine']:.3f}  {row['file']}" for row in found["clips"]]
    if exam := found["exam"]:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in exam.items() if "@" in name)
        lines.append(f"each of {exam['queries']} labels as query: {scores}")
    finish(found, "\n".join(lines), as_json)
