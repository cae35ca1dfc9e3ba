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
    model: Annotated[
        str,
        typer.Option(
            help="A trained model, such as harken-small; default: harken-tiny-trained where it is "
            "installed, else harken-tiny from fresh weights."
        ),
    ] = "",
    minutes: Annotated[
        float | None,
        typer.Option(
            help="About what all stages take together on two idle CPU cores; default: 7 from fresh "
            "weights, 4 with harken-tiny-trained, 10 with another model."
        ),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Corpus layout, if not recognised.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """All stages end to end: recordings, questions, contribution, training, evaluation, report.

    Runs on a laptop without network or GPU. A killed demo resumes where it stopped.
    A trained model is evaluated first, and tuned for a few minutes.

    Examples:  harken demo     harken demo --corpus ESC-50 -o esc50 --minutes 8

    harken demo --model harken-small -o small
    """
    from harken.recipes.demo import run_demo

    done = run_demo(out, model=model, corpus=corpus, minutes=minutes, layout=layout, seed=seed)
    finish(done.result, done.summary, as_json)
