"""`harken report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option, folder_option


def report(
    run: Annotated[
        list[Path], typer.Argument(help="A run; two: before, after; or more. Or trainings.")
    ],
    out: Annotated[Path, file_option("--out", "-o", help="The HTML file.")] = Path("report.html"),
    dataset: Annotated[
        Path | None, typer.Option(help="The dataset, if it moved since the run.")
    ] = None,
    curate: Annotated[
        Path | None, typer.Option(help="Folder of `harken curate`: plots what the audio adds.")
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="What `harken train -o` wrote: its curves; repeatable."),
    ] = None,
    max_items: Annotated[int, typer.Option(help="Items with sound in the page.")] = 120,
    tables: Annotated[
        Path | None,
        folder_option(help="Write every table (CSV, LaTeX) and plot (SVG, PDF) into this folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page of runs, with items to filter and play.

    One run; two, before and after; or more: all side by side, the last one in full. Of what
    `harken train -o` wrote, likewise: curves, hearing gap, stages, regression card, held-out items.

    Examples:  harken report runs/after     harken report runs/before runs/after -o page.html
    harken report runs/after --tables paper     harken report trained -o training.html
    """
    from dataclasses import asdict

    from harken.errors import ConfigError
    from harken.report.export import write_tables
    from harken.report.html import write_report
    from harken.report.training_data import is_training
    from harken.report.training_page import write_training_report

    trainings = [is_training(one) for one in run]
    if all(trainings) and (dataset or curate or train):
        raise ConfigError(
            "--dataset, --curate and --train are for pages of evaluations, and these are trainings",
            hint="Leave them out.",
        )
    if all(trainings):
        page = write_training_report(out, run, max_items=max_items)
    elif any(trainings):
        raise ConfigError(
            "some of these are trainings and others evaluations",
            where=", ".join(map(str, run)),
            hint="Give one kind, and add trainings to a page of evaluations by --train.",
        )
    else:
        page = write_report(
            out,
            after=run[-1],
            before=run[0] if len(run) > 1 else None,
            others=run[1:-1],
            dataset=dataset,
            curate=curate,
            train=train or (),
            max_items=max_items,
        )
    size = page.stat().st_size
    result: dict[str, Any] = {"report": str(page), "bytes": size}
    lines = [f"{page} ({size / 1e6:.1f} MB)"]
    if tables is not None:
        made = write_tables(page.read_text("utf-8"), tables)
        result |= {"folder": str(tables), **asdict(made)}
        lines.append(f"{len(made.tables)} tables and {len(made.plots)} plots in {tables}")
        lines += [made.note] if made.note else []
    finish(result, "\n".join(lines), as_json)
