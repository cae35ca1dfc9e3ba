"""Where the release of a benchmark is stored, and the options that name it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harken.evaluate.benchmarks.base import Benchmark
    from harken.evaluate.benchmarks.predictions import Predictions
    from harken.evaluate.benchmarks.types import Release


HOME = "HARKEN_BENCHMARKS"


"""Environment variable: a folder with one sub-folder per benchmark release."""


Data = Annotated[
    str | None,
    typer.Option(
        "--data", help=f"The release: a file, a folder, hub:owner/name; else ${HOME}/NAME."
    ),
]


Replies = Annotated[Path, typer.Option("--predictions", "-p", help="Replies, official format.")]


def source_of(bench: Benchmark, data: str | None) -> str:
    """Where the release is: as given, as described, or below ``$HARKEN_BENCHMARKS``.

    Raises DataError if none of them is there.
    """
    from harken.errors import DataError

    if data is not None:
        return data
    if bench.default:
        return bench.default
    home = os.environ.get(HOME)
    if home and (Path(home) / bench.name).is_dir():
        return str(Path(home) / bench.name)
    raise DataError(
        f"no release of {bench.name} is given",
        hint=f"Use --data FILE, or set {HOME} to a folder that holds {bench.name}/.",
    )


def replies_and_release(
    bench: Benchmark, data: str | None, path: Path
) -> tuple[Predictions, Release, dict[str, Any] | None]:
    """The replies in a file, the release they answer, and how their rows differ from it.

    The release is that of --data, a YAML's own table, the prediction rows themselves where they
    hold the gold, or below `HOME`. Replies without the release's keys are matched by their content.
    """
    from harken.evaluate.benchmarks.align import align
    from harken.evaluate.benchmarks.same_release import differences

    replies = bench.read_predictions(path)
    rows = list(replies.raw.values())
    whole = sum(all(name in row for name in bench.required) for row in rows)
    # One odd row must not hide that the others hold the gold; the loader reports it.
    if data is None and not bench.default and 2 * whole > len(rows):
        return replies, bench.release(path, partial=True), None
    release = bench.release(source_of(bench, data), partial=True)
    items = [*release.items, *release.odd]
    replies = align(bench, items, replies, release.left_out)
    return replies, release, differences(bench, items, replies)


def about_release(release: Release) -> dict[str, Any]:
    """Which benchmark, which version of its release, and what is wrong with its rows."""
    return {
        "benchmark": release.benchmark,
        "fingerprint": release.fingerprint,
        "version": release.version,
        "row_faults": list(release.faults),
    }
