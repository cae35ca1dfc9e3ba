"""`harken effect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option, folder_option
from harken.errors import ConfigError
from harken.recipes.effects.registry import STUDIES

HELP = "A study:\n\n" + "\n\n".join(f"{name}: {about}." for name, about in STUDIES.items())


def effect(
    name: Annotated[str, typer.Argument(help=HELP)],
    out: Annotated[
        Path | None,
        folder_option(
            "--out", "-o", help="Folder of all studies: they share what they begin with.", makes=""
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each arm.")] = 5,
    size: Annotated[
        str, typer.Option(help="full, or smoke (a few steps: whether it runs).")
    ] = "full",
    model: Annotated[
        str,
        typer.Option(
            help="A preset (trained first, as in the demo) or a saved model; of compa an audio "
            "encoder. Default: harken-tiny, of compa whisper-base."
        ),
    ] = "",
    corpus: Annotated[
        Path | None, typer.Option(help="Labelled recordings; default: generated ones.")
    ] = None,
    summarise: Annotated[
        bool, typer.Option("--summarise", help="Only write the results of what is done.")
    ] = False,
    page: Annotated[
        Path | None,
        file_option("--page", help="Also write the results into this Markdown page, with a plot."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try what a paper claims, at a small scale: several ways of training, several seeds.

    Every arm of a study is trained with every seed and takes the same exams on held-out recordings;
    differences are paired over seeds and recordings, with 95 % intervals. docs/effects.md has the
    protocol. Run again with the same folder, it goes on where it stopped. It writes results.json,
    results.md and plot.svg into OUT/NAME.

    Examples:  harken effect mallm --seeds 5 -o effects
               harken effect mallm --size smoke --seeds 2 -o try
               harken effect mallm -o effects --summarise --page docs/effects.md
    """
    from harken.recipes.effects.run import results_of, run_effect
    from harken.recipes.effects.written import write_results
    from harken.report.effect import text_of

    if out is None:
        raise ConfigError("no folder is named", hint="Name one with --out.")
    if summarise:
        found = results_of(name, out)
    else:
        found = run_effect(name, out, seeds=seeds, size=size, model=model, corpus=corpus)
    written = write_results(found, out / name, page)
    finish({**found, "files": [str(path) for path in written]}, text_of(found), as_json)
