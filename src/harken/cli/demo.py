"""The verb that shows all the others: demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish


def demo(
    corpus: Annotated[
        Path | None,
        typer.Option(help="A folder of your own labelled recordings; default: generated ones."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of everything made.")] = Path(
        "demo"
    ),
    minutes: Annotated[
        float, typer.Option(help="Minutes of training on two CPU cores; scales the steps.")
    ] = 5.0,
    layout: Annotated[str | None, typer.Option(help="Corpus layout, if not recognised.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """The whole story: recordings, questions, contribution, training, exam, report.

    Runs on a laptop without network or GPU. A killed demo goes on where it stopped.

    Examples:  harken demo     harken demo --corpus ESC-50 -o esc50 --minutes 8
    """
    from harken.recipes.demo import run_demo

    told = run_demo(out, corpus=corpus, minutes=minutes, layout=layout, seed=seed)
    finish(told.result, told.summary, as_json)
