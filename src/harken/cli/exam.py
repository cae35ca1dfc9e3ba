"""Verbs about results: eval, report, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.door import Json, Seed, finish
from harken.cli.items import read_split


def evaluate(
    model: Annotated[str, typer.Argument(help="A saved model's folder, or a name (linear, …).")],
    dataset: Annotated[Path, typer.Argument(help="A harken dataset, or a .jsonl file of items.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    condition: Annotated[
        list[str] | None,
        typer.Option(help="audio, none, silence, swap, clip-1 …; repeat for more."),
    ] = None,
    rotations: Annotated[int, typer.Option(help="Rotations of the options; 0 = all.")] = 1,
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "test",
    limit: Annotated[int, typer.Option(help="At most this many items; 0 = all.")] = 0,
    max_failed: Annotated[float, typer.Option(help="Share of failed trials allowed.")] = 0.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Examine a model with the audio and without it, and test the difference.

    A killed run goes on where it stopped. Exit code 7 if more trials failed than allowed.

    Examples:  harken eval model items -o runs/after     harken eval linear items -o runs/floor
    """
    from harken.evaluate import CONDITIONS, run
    from harken.models import load_model
    from harken.report import terminal

    items = read_split(dataset, split, limit)
    # A deaf linear model is cross-validated on the very items; an oracle must know their answers.
    known = {"items": items} if model.partition(":")[0] in ("linear", "oracle") else {}
    results = run(
        load_model(model, **known),
        items,
        out,
        dataset=dataset,
        max_failed=max_failed,
        conditions=tuple(condition or CONDITIONS),
        rotations=rotations or "all",
        seed=seed,
    )
    finish(results, terminal.results(results), as_json)


def report(
    run: Annotated[list[Path], typer.Argument(help="A run; or two: before, after.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("report.html"),
    dataset: Annotated[
        Path | None, typer.Option(help="The dataset, if it moved since the run.")
    ] = None,
    curate: Annotated[
        Path | None, typer.Option(help="Folder of `harken curate`: draws what the audio adds.")
    ] = None,
    train: Annotated[
        list[Path] | None, typer.Option(help="A training run whose curves are drawn; repeatable.")
    ] = None,
    max_items: Annotated[int, typer.Option(help="Items with sound in the page.")] = 120,
    as_json: Json = False,
) -> None:
    """Make one self-contained page of a run, with items to filter and play.

    Examples:  harken report runs/after     harken report runs/before runs/after -o page.html
    """
    from harken.report import write_report

    page = write_report(
        out,
        after=run[-1],
        before=run[0] if len(run) > 1 else None,
        dataset=dataset,
        curate=curate,
        train=train or (),
        max_items=max_items,
    )
    size = page.stat().st_size
    finish({"report": str(page), "bytes": size}, f"{page} ({size / 1e6:.1f} MB)", as_json)


def compare(
    first: Annotated[Path, typer.Argument(help="A run.")],
    second: Annotated[Path, typer.Argument(help="Another run on the same items.")],
    as_json: Json = False,
) -> None:
    """Compare two runs item by item: difference, exact McNemar p, interval, flipped items.

    Example:  harken compare runs/before runs/after
    """
    from harken.evaluate import compare as run
    from harken.report import terminal

    result = run(first, second)
    finish(result, terminal.comparison(result), as_json)
