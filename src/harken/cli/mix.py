"""`harken mix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Json, Seed, finish
from harken.cli.outputs import folder_option
from harken.report.text import table


def mix(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE=SHARE…", help="Datasets, each with its share; without =: one share."
        ),
    ],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the mixture.", makes="dataset")
    ],
    items: Annotated[
        int, typer.Option("-n", min=0, help="Items; 0: as many as shares allow, none twice.")
    ] = 0,
    order: Annotated[
        str, typer.Option(help="shuffled, weak-first, bits, words or clips; the least first.")
    ] = "shuffled",
    parts: Annotated[
        int, typer.Option(min=1, help="Cut the order into so many datasets: a curriculum.")
    ] = 1,
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "train",
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Go through a source that is too small again.")
    ] = False,
    embed: Annotated[bool, typer.Option(help="Copy the audio into the datasets (FLAC).")] = False,
    audio_root: AudioRoot = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Mix datasets by shares: weak and strong questions, in an order, in parts for a curriculum.

    Examples:  harken mix curated/weak=0.3 curated/strong=0.7 -o mixed

    harken mix curated/weak curated/undecided curated/strong -o lessons --order weak-first --parts 3
    """
    from harken.cli.items import read_split
    from harken.recipes.mixture import MixSettings
    from harken.recipes.mixture import mix as mixed

    known = [(name, read_split(Path(name), split, 0, audio_root), share)
             for name, share in map(_shared, sources)]  # fmt: skip
    made = mixed(known, out, MixSettings(items, order, parts, repeat, seed), embed=embed)
    names = [name for name, _, _ in known]
    rows: list[tuple[object, ...]] = [
        (one["folder"], one["items"], *(one["sources"][name] for name in names))
        for one in made["made"]
    ]
    finish(made, table(rows, ("dataset", "items", *names)), as_json)


def _shared(source: str) -> tuple[str, float]:
    """Name and share of ``NAME=SHARE``; 1 where none is given.

    Raises:
        ConfigError: the share is no number.
    """
    from harken.errors import ConfigError

    name, sign, share = source.rpartition("=")
    if not sign or Path(source).exists():
        return source, 1.0
    try:
        return name, float(share)
    except ValueError:
        raise ConfigError(
            f"the share {share!r} is no number", where=source, hint="Write curated/strong=0.7"
        ) from None
