"""`harken check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Json, finish

DAMAGED = 9
"""Exit code when at least one file is not what was written."""


def check(
    place: Annotated[
        Path,
        typer.Argument(
            help="A dataset, run, model or curated folder, one that holds such, .jsonl, "
            "or another program's training set."
        ),
    ],
    audio: Annotated[
        bool, typer.Option("--audio", help="Hash the recordings that items refer to as well.")
    ] = False,
    audio_root: AudioRoot = None,
    as_json: Json = False,
) -> None:
    """Compare what harken wrote with the hashes and checksums it recorded. Nothing is changed.

    Exit code 0: nothing is damaged; 9: something is; 3: there is nothing to check.

    Examples:  harken check items     harken check runs     harken check out --audio --json
    """
    from collections import Counter

    from harken.cli.artefacts import check_all
    from harken.report.text import table

    found = check_all(place, audio=audio, audio_root=audio_root)
    states = Counter(one.state for one in found)
    lines = [table([(one.state, one.kind, one.files, one.path) for one in found],
                   ("state", "kind", "files", "path")), ""]  # fmt: skip
    for one in found:
        lines += [f"{one.path}: {fault}" for fault in one.faults]
        lines += [f"note: {one.path}: {note}" for note in one.notes]
    files = sum(one.files for one in found)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    lines.append(f"{len(found)} artefacts, {files} files compared: {told}")
    result = {
        "artefacts": [one.to_dict() for one in found],
        "states": dict(sorted(states.items())),
        "files": files,
    }
    finish(result, "\n".join(lines), as_json)
    if states["damaged"]:
        raise typer.Exit(DAMAGED)
