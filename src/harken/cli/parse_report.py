"""`harken parse-report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harken.cli.options import Json, finish
from harken.report.text import table

if TYPE_CHECKING:
    pass
from harken.cli.releases import Data, Replies, about_release, replies_and_release
from harken.report.scores import percent
from harken.report.text import warned


def parse_report(
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Its name; or a .yaml.")],
    predictions: Replies,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """How the score of one set of replies depends on the parser that reads them.

    Example:  harken parse-report -b mmau -p replies.json
    """
    from harken.evaluate.benchmarks.load import open_benchmark
    from harken.evaluate.benchmarks.parsers import parse_report as compare
    from harken.evaluate.benchmarks.same_release import warning

    bench = open_benchmark(benchmark)
    replies, release, other = replies_and_release(bench, data, predictions)
    found = {**about_release(release), **compare(bench, release.items, replies)}
    found["other_version"] = other
    warnings = [warning(other)] if other else []
    found["warnings"] = [*warnings, *release.notes, *replies.notes]
    rows: list[tuple[object, ...]] = [
        (name, percent(row["accuracy"]), percent(row["parsed"]), row["differ"])
        for name, row in found["parsers"].items()
    ]
    text = f"{found['benchmark']}: {found['replies']} replies to {found['n']} choice questions\n"
    text += table(rows, ("parser", "right %", "read %", "differ"))
    text += f"\nspread {percent(found['spread'])} points on the same replies"
    finish(found, "\n".join([text, *warned(found)]), as_json)
