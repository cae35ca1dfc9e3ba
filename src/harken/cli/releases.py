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


def release_of(bench: Benchmark, data: str | None, path: Path, replies: Predictions) -> Release:
    """The gold: from --data, a YAML's own table, prediction rows that hold it, or `HOME`."""
    rows = list(replies.raw.values())
    holds = not bench.default and bool(rows)
    holds = holds and all(name in row for row in rows for name in bench.required)
    if data is None and holds:
        return bench.release(path, partial=True)
    return bench.release(source_of(bench, data), partial=True)


def about_release(release: Release) -> dict[str, Any]:
    """Which benchmark and which version of its release."""
    return {
        "benchmark": release.benchmark,
        "fingerprint": release.fingerprint,
        "version": release.version,
    }
