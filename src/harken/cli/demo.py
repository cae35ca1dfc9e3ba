"""`harken demo`: all stages, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.outputs import folder_option


def demo(
    corpus: Annotated[
        Path | None,
        typer.Option(help="A folder of your own labelled recordings; default: generated ones."),
    ] = None,
    out: Annotated[Path, folder_option("--out", "-o", help="Output folder.", makes="")] = Path(
        "demo"
    ),
    minutes: Annotated[
        float, typer.Option(help="About what all stages take together on two idle CPU cores.")
    ] = 7.0,
    layout: Annotated[str | None, typer.Option(help="Corpus layout, if not recognised.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """All stages end to end: recordings, questions, contribution, training, evaluation, report.

    Runs on a laptop without network or GPU. A killed demo resumes where it stopped.

    Examples:  harken demo     harken demo --corpus ESC-50 -o esc50 --minutes 8
    """
    from harken.recipes.demo import run_demo

    done = run_demo(out, corpus=corpus, minutes=minutes, layout=layout, seed=seed)
    finish(done.result, done.summary, as_json)
