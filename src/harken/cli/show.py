"""`harken show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Json, finish
from harken.cli.outputs import folder_option


def show(
    dataset: Annotated[
        Path, typer.Argument(help="A dataset, a .jsonl, or another program's training set.")
    ],
    item: Annotated[str | None, typer.Argument(help="An item's id (or its beginning).")] = None,
    clips: Annotated[
        Path | None, folder_option(help="Write the shown items' clips here as wav files.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    tag: Annotated[
        str | None, typer.Option(help="Only items with this tag, as skill:temporal.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, help="How many items.")] = 5,
    audio_root: AudioRoot = None,
    as_json: Json = False,
) -> None:
    """Print items and, if asked, write their clips as wav files.

    Examples:  harken show items     harken show items 3f2a --clips listen
    """
    from harken.cli.items import as_json as plain
    from harken.cli.items import pick, write_clips
    from harken.report.item_text import describe

    found = pick(dataset, item, task, limit, audio_root, tag)
    paths, failed = write_clips(found, clips) if clips is not None else ([], [])
    text = "\n\n".join(describe(one) for one in found)
    if paths:
        text += f"\n\n{len(paths)} clips written to {clips}"
    for one in failed:
        text += f"\n{one['clip']} not written: {one['found']}"
    finish({"items": plain(found), "clips": paths, "failed": failed}, text, as_json)
    if failed:
        raise typer.Exit(3)
