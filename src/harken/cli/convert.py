"""`harken convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Json, finish
from harken.cli.outputs import folder_option
from harken.report.text import table


def convert(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Dataset, .jsonl or another program's set.")
    ],
    to: Annotated[str, typer.Option("--to", help="Format; harken plugins exports lists them.")],
    out: Annotated[Path, folder_option("--out", "-o", help="Empty folder.", makes="training set")],
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "",
    reply: Annotated[
        str,
        typer.Option(
            help='Answer to a closed question: both "(B) a dog", letter, or text. '
            "Not given: as is usual in the format."
        ),
    ] = "",
    reasoning: Annotated[
        bool, typer.Option("--reasoning", help="The first rationale before the answer, in <think>.")
    ] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Name whole recordings where they are: no copies.")
    ] = False,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Absolute paths of the audio.")
    ] = False,
    audio_root: AudioRoot = None,
    as_json: Json = False,
) -> None:
    """Write a dataset as a training set of another program, such as ms-swift, NeMo or verl.

    Each clip is written once; scenes are rendered. What the format cannot hold is kept apart in
    left-out.jsonl, with the reason.

    Examples:  harken convert items --to ms-swift -o swift

    harken convert curated/strong --to verl --split train --reply letter -o rl

    harken convert items --to webdataset -o shards
    """
    from harken.cli.items import open_items
    from harken.shards.exports.export import ExportSettings, export
    from harken.shards.exports.load import EXPORTS

    settings = ExportSettings(reply, reasoning, absolute, reference)
    wanted = EXPORTS.get(to)
    items = (item for item in open_items(dataset, audio_root) if not split or item.split == split)
    about = export(items, out, wanted, settings)
    lost = ", ".join(f"{what} ({n} items)" for what, n in about["without"].items())
    rows: list[tuple[object, ...]] = list(about["files"].items())
    lines = [
        table(rows, ("file", "rows")),
        f"{about['items']} items, {about['clips']} clips. Open: {about['open']}",
        *(f"left out: {n} items: {reason}" for reason, n in about["left_out"].items()),
        *([f"written without {lost}"] if lost else []),
    ]
    finish(about, "\n".join(lines), as_json)
