"""`harken explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Json, finish
from harken.report.descent import descent_text


def explain(
    item: Annotated[str, typer.Argument(help="An item's id, or the beginning of it.")],
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of synth, clean, curate, in this order; datasets below them are found."
        ),
    ],
    audio_root: AudioRoot = None,
    as_json: Json = False,
) -> None:
    """Tell an item's descent: its plan, every step, what the voters said, where it is, and why.

    Ids in histories are followed: an item that was dropped as a duplicate leads to the one that
    stayed, one with reordered options to what it was before.

    Examples:  harken explain 3f2a items cleaned curated     harken explain 3f2a cleaned --json
    """
    from harken.clean.explain import explain as explained
    from harken.shards.read import audio_below

    with audio_below(audio_root):
        found = explained(item, folders).to_dict()
    finish(found, descent_text(found), as_json)
