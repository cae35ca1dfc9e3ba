"""`harken score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError

if TYPE_CHECKING:
    from harken.evaluate.benchmarks.base import Benchmark
    from harken.evaluate.benchmarks.predictions import Predictions
from harken.cli.releases import Data, about_release, replies_and_release
from harken.report.scores import score_text, several_text


def score(
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Its name; or a .yaml.")],
    predictions: Annotated[
        list[Path],
        typer.Option("--predictions", "-p", help="Replies, official format; again for more runs."),
    ],
    data: Data = None,
    judge: Annotated[str | None, typer.Option(help="A model that judges open answers.")] = None,
    judge_cache: Annotated[
        Path | None, folder_option(help="Cache of its replies; default: next to the predictions.")
    ] = None,
    judge_runs: Annotated[
        int, typer.Option(min=1, help="Raters of MMAR's rubrics, which ask 5.")
    ] = 1,
    answered_by: Annotated[
        str, typer.Option(help="The model that answered: warns if the judge is of its family.")
    ] = "",
    embed: Annotated[str | None, typer.Option(help="An embedding model, by name.")] = None,
    as_json: Json = False,
) -> None:
    """Score replies made anywhere: the benchmark's official number beside a strict one.

    Without --data, the gold is taken from the prediction file itself if its rows hold it, as the
    official formats do. Exit code 3 with every fault listed if data or replies do not fit. With
    several files, as from several runs, the mean and the standard deviation.

    Examples:  harken score -b mmau -p replies.json     harken score -b mmar -p a.json -p b.json
    """
    from harken.evaluate.benchmarks.load import open_benchmark
    from harken.evaluate.benchmarks.several import several
    from harken.models.embedding import load_embedder
    from harken.models.load import load_model
    from harken.models.reply_cache import ReplyCache

    if judge_runs > 1 and not judge:
        raise ConfigError(
            f"--judge-runs {judge_runs} without a judge", hint="Name one with --judge MODEL."
        )
    bench = open_benchmark(benchmark)
    judge_model = None
    if judge:
        beside = predictions[0].with_name(f"{predictions[0].name}.judge")
        judge_model = ReplyCache(load_model(judge), judge_cache or beside)
    embedder = load_embedder(embed) if embed else None
    helpers = {"judge": judge_model, "embed": embedder, "runs": judge_runs}
    results = [_scored(bench, path, data, helpers, answered_by) for path in predictions]
    if len(results) == 1:
        finish(results[0], score_text(results[0]), as_json)
        return
    found = several(results)
    finish(found, several_text(found, predictions), as_json)


def _scored(
    bench: Benchmark, path: Path, data: str | None, given: dict[str, Any], answered_by: str
) -> dict[str, Any]:
    """One prediction file, scored."""
    from harken.evaluate.benchmarks.helpers import Helpers
    from harken.evaluate.benchmarks.same_release import warning
    from harken.evaluate.benchmarks.scoring import score as score_file

    replies, release, other = replies_and_release(bench, data, path)
    helpers = Helpers(**given)
    items = [*release.items, *release.odd]
    scored = score_file(bench, items, replies, helpers, release.left_out)
    found = {**about_release(release), **scored, "other_version": other}
    found["warnings"] = [*([warning(other)] if other else []), *release.notes, *found.pop("notes")]
    if judged := helpers.report(answered_by or _answered_by(replies)):
        found["judge"] = judged
        found["warnings"] += judged["warnings"]
    return found


def _answered_by(replies: Predictions) -> str:
    """The one name that all rows give under ``model`` or ``model_name``; empty if they do not."""
    names = {row.get("model", row.get("model_name")) for row in replies.raw.values()}
    if len(names) != 1:
        return ""
    (name,) = names
    return name if isinstance(name, str) else ""
