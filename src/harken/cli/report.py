"""`harken report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option, folder_option


def report(
    run: Annotated[
        list[Path],
        typer.Argument(help="A run; two: before, after; or more. Or trainings, or one dataset."),
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
    Of a dataset: what is in it, what its answers give away, items to play.

    Examples:  harken report runs/after     harken report runs/before runs/after -o page.html
    harken report runs/after --tables paper     harken report trained -o training.html

    harken report items -o items.html
    """
    from harken.cli.items import is_dataset
    from harken.errors import ConfigError
    from harken.report.html import write_report
    from harken.report.training_data import is_training
    from harken.report.training_page import write_training_report

    if any(map(is_dataset, run)):
        page = _dataset_page(out, run, max_items, [dataset, curate, train])
        return _finish(page, tables, as_json)
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
    _finish(page, tables, as_json)


def _dataset_page(out: Path, run: list[Path], max_items: int, others: list[Any]) -> Path:
    """The page of a dataset.

    Raises:
        ConfigError: options of other pages are given, or more than one dataset.
    """
    from harken.cli.items import open_items
    from harken.errors import ConfigError
    from harken.report.dataset_page import write_dataset_report

    if any(others) or len(run) > 1:
        raise ConfigError(
            "a page of a dataset is of one dataset, and --dataset, --curate and --train are for "
            "pages of evaluations",
            where=", ".join(map(str, run)),
            hint="Give one dataset, without them.",
        )
    return write_dataset_report(out, open_items(run[0]), run[0].name, max_items=max_items)


def _finish(page: Path, tables: Path | None, as_json: bool) -> None:
    """Write the tables if that is asked for, and tell what was made."""
    from dataclasses import asdict

    from harken.report.export import write_tables

    size = page.stat().st_size
    result: dict[str, Any] = {"report": str(page), "bytes": size}
    lines = [f"{page} ({size / 1e6:.1f} MB)"]
    if tables is not None:
        made = write_tables(page.read_text("utf-8"), tables)
        result |= {"folder": str(tables), **asdict(made)}
        lines.append(f"{len(made.tables)} tables and {len(made.plots)} plots in {tables}")
        lines += [made.note] if made.note else []
    finish(result, "\n".join(lines), as_json)
