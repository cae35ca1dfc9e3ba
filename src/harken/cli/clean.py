"""`harken clean`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Engine, Json, Plan, Seed, Workers, finish
from harken.cli.outputs import folder_option
from harken.report.clean import clean_text


def clean(
    dataset: Annotated[
        Path, typer.Argument(help="A dataset, a .jsonl, or another program's training set.")
    ],
    out: Annotated[
        Path,
        folder_option("--out", "-o", help="Folder for kept/ dropped/.", makes="cleaned dataset"),
    ],
    filter: Annotated[
        list[str] | None,
        typer.Option(
            help="A filter, with settings (harken plugins filters); repeat for more. If none, or "
            "for default: exact, acoustic, minhash, disagreement, longest, distractors, position."
        ),
    ] = None,
    plan: Plan = False,
    embed: Annotated[bool, typer.Option(help="Copy the audio into the datasets (FLAC).")] = False,
    engine: Engine = "local",
    workers: Workers = 1,
    audio_root: AudioRoot = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Drop duplicates, leaks, contradictions and the like; keep them apart, with their reasons.

    All splits are read at once. Of copies the one in the test split stays, else the first by id.
    Nothing is lost: what was read is what is kept and what each filter dropped. A killed run
    resumes; the same items and settings give the same bytes, on any engine. Workers decode audio
    and take fingerprints; what compares all items is done by the command itself.

    Examples:  harken clean items -o cleaned

    harken clean items -o cleaned --filter exact --filter "acoustic?text=any"

    harken clean items -o cleaned --filter default --filter "leak?against=bench.jsonl"

    harken clean items -o cleaned --plan
    """
    from harken.clean.load import filters_of
    from harken.clean.run import plan_lines, plan_of, run
    from harken.clean.workspace import Workspace
    from harken.cli.items import open_items
    from harken.engines.load import open_engine

    items = list(open_items(dataset, audio_root))
    if plan:
        found = plan_of(items, filters_of(filter or (), Workspace(seed=seed)))
        finish(found, "\n".join(plan_lines(found)), as_json)
        return
    with open_engine(engine, workers) as own:
        summary = run(items, out, filters=filter or (), seed=seed, engine=own, embed=embed)
    finish(summary, clean_text(summary, out), as_json)
