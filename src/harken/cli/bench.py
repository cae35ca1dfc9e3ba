"""Verbs about benchmarks: score, floor, parse-report, benchmarks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.door import Json, finish, table

if TYPE_CHECKING:
    from harken.evaluate.benchmarks import Benchmark, Predictions, Release

HOME = "HARKEN_BENCHMARKS"
"""Environment variable: a folder that holds one folder of each benchmark's release."""

Data = Annotated[
    str | None,
    typer.Option(
        "--data", help=f"The release: a file, a folder, hub:owner/name; else ${HOME}/NAME."
    ),
]
Replies = Annotated[Path, typer.Option("--predictions", "-p", help="Replies, official format.")]


def score(
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Its name; or a .yaml.")],
    predictions: Annotated[
        list[Path],
        typer.Option("--predictions", "-p", help="Replies, official format; again for more runs."),
    ],
    data: Data = None,
    judge: Annotated[str | None, typer.Option(help="A model that marks open answers.")] = None,
    judge_cache: Annotated[
        Path | None, typer.Option(help="Keeps its replies; default: beside the predictions.")
    ] = None,
    judge_runs: Annotated[int, typer.Option(min=1, help="For MMAR's rubrics, which ask 5.")] = 1,
    answered_by: Annotated[
        str, typer.Option(help="The model that answered: a judge of its family is warned of.")
    ] = "",
    embed: Annotated[str | None, typer.Option(help="An embedding model, by name.")] = None,
    as_json: Json = False,
) -> None:
    """Mark replies made anywhere: the benchmark's official number beside a strict one.

    Without --data, the gold is taken from the prediction file itself if its rows hold it, as the
    official formats do. Exit code 3 with every fault listed if data or replies do not fit. With
    several files, as from several runs, the mean and the standard deviation.

    Examples:  harken score -b mmau -p replies.json     harken score -b mmar -p a.json -p b.json
    """
    from harken.evaluate.benchmarks import open_benchmark
    from harken.evaluate.benchmarks.several import several
    from harken.models import keep_replies, load_embedder, load_model

    bench = open_benchmark(benchmark)
    marker = None
    if judge:
        beside = predictions[0].with_name(f"{predictions[0].name}.judge")
        marker = keep_replies(load_model(judge), judge_cache or beside)
    words = load_embedder(embed) if embed else None
    asked = {"judge": marker, "embed": words, "runs": judge_runs}
    results = [_scored(bench, path, data, asked, answered_by) for path in predictions]
    if len(results) == 1:
        finish(results[0], _score_text(results[0]), as_json)
        return
    found = several(results)
    finish(found, _several_text(found, predictions), as_json)


def _scored(
    bench: Benchmark, path: Path, data: str | None, asked: dict[str, Any], answered_by: str
) -> dict[str, Any]:
    """One prediction file, marked."""
    from harken.evaluate.benchmarks.helpers import Helpers
    from harken.evaluate.benchmarks.scoring import score as mark

    replies = bench.read_predictions(path)
    release = _release(bench, data, path, replies)
    helpers = Helpers(**asked)
    found = {**_about(release), **mark(bench, release.items, replies, helpers)}
    found["warnings"] = [*release.notes, *found.pop("notes")]
    if told := helpers.report(answered_by or _answered_by(replies)):
        found["judge"] = told
        found["warnings"] += told["warnings"]
    return found


def _answered_by(replies: Predictions) -> str:
    """The one name that all rows give under ``model`` or ``model_name``; empty if they do not."""
    names = {row.get("model", row.get("model_name")) for row in replies.raw.values()}
    name = names.pop() if len(names) == 1 else None
    return name if isinstance(name, str) else ""


def floor(
    benchmark: Annotated[str, typer.Argument(help="Its name; or a .yaml.")],
    data: Data = None,
    model: Annotated[
        str | None, typer.Option(help="Also ask this model, without the audio.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What a benchmark gives to those who never listen: no audio, and no model unless named.

    Examples:  harken floor mmau --data mmau-test-mini.json     harken floor own --data items.jsonl
    """
    from harken.evaluate.benchmarks import open_benchmark
    from harken.evaluate.benchmarks.floors import floor as measure
    from harken.models import load_model

    bench = open_benchmark(benchmark)
    release = bench.release(source_of(bench, data), partial=True)
    asked = load_model(model) if model else None
    found = {**_about(release), **measure(bench, release.items, model=asked)}
    found["warnings"] = list(release.notes)
    finish(found, _floor_text(found), as_json)


def parse_report(
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="Its name; or a .yaml.")],
    predictions: Replies,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """How the score of one set of replies moves with the parser that reads them.

    Example:  harken parse-report -b mmau -p replies.json
    """
    from harken.evaluate.benchmarks import open_benchmark
    from harken.evaluate.benchmarks.parsers import parse_report as compare

    bench = open_benchmark(benchmark)
    replies = bench.read_predictions(predictions)
    release = _release(bench, data, predictions, replies)
    found = {**_about(release), **compare(bench, release.items, replies)}
    found["warnings"] = [*release.notes, *replies.notes]
    rows: list[tuple[object, ...]] = [
        (name, _percent(row["accuracy"]), _percent(row["parsed"]), row["differ"])
        for name, row in found["parsers"].items()
    ]
    text = f"{found['benchmark']}: {found['replies']} replies to {found['n']} choice questions\n"
    text += table(rows, ("parser", "right %", "read %", "differ"))
    text += f"\nspread {_percent(found['spread'])} points on the same replies"
    finish(found, "\n".join([text, *_warned(found)]), as_json)


def benchmarks(
    name: Annotated[str | None, typer.Argument(help="One of them: tells its rule.")] = None,
    data: Data = None,
    items: Annotated[
        Path | None, typer.Option(help="Write its items here (.jsonl), for harken eval.")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="Where its audio names start; embedded audio is unpacked here."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A run on those items: take its replies under audio.")
    ] = None,
    submit: Annotated[
        Path | None, typer.Option(help="Write the replies of --run here, in official format.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the benchmarks; check a release; turn it into items, and a run into its predictions.

    Examples:  harken benchmarks     harken benchmarks mmau --data MMAU --items mmau.jsonl
    """
    from harken.evaluate.benchmarks import BENCHMARKS, open_benchmark

    if name is None:
        all_of = [open_benchmark(one) for one in BENCHMARKS]
        rows: list[tuple[object, ...]] = [(b.name, b.title, b.paper) for b in all_of]
        listed = {"benchmarks": [_facts(b) for b in all_of]}
        finish(listed, table(rows, ("name", "benchmark", "source")), as_json)
        return
    bench = open_benchmark(name)
    found = _facts(bench)
    if data is not None:
        found |= _converted(bench, data, items, audio, run, submit)
    lines = [f"{bench.title} ({bench.paper})", f"official rule: {bench.rule}"]
    lines += [f"reproduced: {trap}" for trap in bench.traps]
    lines += [f"{key}: {found[key]}" for key in ("n", "fingerprint", "version", "items", "written",
                                                 "submitted") if key in found]  # fmt: skip
    finish(found, "\n".join([*lines, *_warned(found)]), as_json)


def _facts(bench: Benchmark) -> dict[str, Any]:
    return {
        "name": bench.name,
        "title": bench.title,
        "paper": bench.paper,
        "rule": bench.rule,
        "traps": list(bench.traps),
    }


def _converted(
    bench: Benchmark,
    data: str,
    items: Path | None,
    audio: Path | None,
    run: Path | None,
    submit: Path | None,
) -> dict[str, Any]:
    from harken.evaluate.benchmarks.rows import locate, unpack
    from harken.evaluate.benchmarks.submit import replies_of
    from harken.shards import write_jsonl

    if items is not None and audio is not None:
        for path in locate(data, bench.files):
            if path.suffix == ".parquet":
                unpack(path, audio)
    # The ids of a run's items come from the sound, so it must be at hand again.
    heard = items is not None or run is not None
    release = bench.release(data, audio, need_audio=heard, partial=submit is not None)
    found = {**_about(release), "n": len(release.items), "warnings": list(release.notes)}
    if items is not None:
        found["written"] = write_jsonl(release.items, items)
    if run is not None and submit is not None:
        texts, notes = replies_of(bench, release.items, run)
        bench.write_predictions(submit, release.items, texts)
        found["submitted"] = len(texts)
        found["warnings"] += notes
    return found


def source_of(bench: Benchmark, data: str | None) -> str:
    """Where the release lies: as told, as described, or below ``$HARKEN_BENCHMARKS``.

    Raises DataError if none of them says.
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
        f"where is the release of {bench.name}?",
        mend=f"Use --data FILE, or set {HOME} to a folder that holds {bench.name}/.",
    )


def _release(bench: Benchmark, data: str | None, path: Path, replies: Predictions) -> Release:
    """The gold: from --data, a YAML's own table, prediction rows that hold it, or the home."""
    rows = list(replies.raw.values())
    holds = not bench.default and bool(rows)
    holds = holds and all(name in row for row in rows for name in bench.required)
    if data is None and holds:
        return bench.release(path, partial=True)
    return bench.release(source_of(bench, data), partial=True)


def _about(release: Release) -> dict[str, Any]:
    return {
        "benchmark": release.benchmark,
        "fingerprint": release.fingerprint,
        "version": release.version,
    }


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"


def _value(official: dict[str, Any]) -> str:
    """A share in percent, points as they are."""
    if official["unit"] == "share" or official["value"] is None:
        return _percent(official["value"])
    return f"{official['value']:.3f}"


def _parts(parts: dict[str, Any], under: str = "") -> list[str]:
    """The script's own breakdown, one line a figure; figures as the script has them."""
    lines: list[str] = []
    for name, value in parts.items():
        if isinstance(value, dict):
            lines += _parts(value, f"{under}{name}: ")
        elif isinstance(value, float):
            lines.append(f"{under}{name} {value:.4f}")
        elif value is not None:
            lines.append(f"{under}{name} {value}")
    return lines


def _warned(found: dict[str, Any]) -> list[str]:
    return [f"note: {line}" for line in found.get("warnings", ())]


def _score_text(found: dict[str, Any]) -> str:
    official, strict = found["official"], found["strict"]
    version = found["version"] or f"unknown version, fingerprint {found['fingerprint']}"
    lines = [f"{found['benchmark']}: {found['n']} items ({version})"]
    if official["stops"]:
        lines.append(f"official  the script stops: {official['stops']}")
    else:
        lines.append(f"official  {_value(official)} {official['metric']} "
                     f"over {official['n']} items ({official['rule']})")  # fmt: skip
    lines += [f"          fault: {fault}" for fault in official["faults"]]
    lines += [f"          {line}" for line in _parts(official["parts"])]
    span = f"{_percent(strict['low'])} to {_percent(strict['high'])}"
    lines.append(f"strict    {_percent(strict['accuracy'])} over {strict['n']} items ({span})")
    if strict["failed"]:
        low, high = (_percent(value) for value in strict["between"])
        lines.append(f"          {strict['failed']} not judged and left out: "
                     f"between {low} and {high} with them")  # fmt: skip
    counts = ", ".join(f"{name} {n}" for name, n in found["counts"].items())
    lines.append(f"parsed    {_percent(found['parse_rate'])} % ({counts})")
    if judge := found.get("judge"):
        lines.append(f"judge     {judge['name']}: {judge['judged']} judged, "
                     f"{judge['failed']} failed, {judge['disagreed']} changed with the order; "
                     f"{judge['asked']} asked, {judge['cached']} kept before")  # fmt: skip
    for name, values in found["by"].items():
        rows: list[tuple[object, ...]] = [
            (value, row["n"], _percent(row["official"]), row["official_n"], _percent(row["strict"]))
            for value, row in values.items()
        ]
        lines += ["", table(rows, (name, "n", "official %", "counted", "strict %"))]
    return "\n".join(lines + _warned(found))


def _several_text(found: dict[str, Any], paths: list[Path]) -> str:
    """A line a run, then mean and standard deviation."""
    rows: list[tuple[object, ...]] = [
        (path.name, _value(one["official"]), _percent(one["strict"]["accuracy"]))
        for path, one in zip(paths, found["each"], strict=True)
    ]
    points = found["each"][0]["official"]["unit"] != "share"
    for name in ("mean", "sd"):
        value = found["official"][name]
        official = f"{value:.3f}" if points and value is not None else _percent(value)
        rows.append((name, official, _percent(found["strict"][name])))
    lines = [table(rows, ("run", "official", "strict"))]
    if rubrics := found.get("rubrics"):
        trimmed = _percent(rubrics.get("without_best_and_worst"))
        lines.append(f"rubrics {_percent(rubrics['mean'])}, best and worst dropped {trimmed}")
    return "\n".join([*lines, *_warned(found["each"][0])])


def _floor_text(found: dict[str, Any]) -> str:
    if not found["n"]:
        return "\n".join(["no choice questions: there is no blind floor", *_warned(found)])

    def line(name: str, cell: dict[str, Any]) -> tuple[object, ...]:
        return name, _percent(cell["accuracy"]), _percent(cell["low"]), _percent(cell["high"])

    rows: list[tuple[object, ...]] = [("chance", _percent(found["chance"]), "", "")]
    rows += [line(f"always position {c['position'] + 1}", c) for c in found["constant"]
             if c["accuracy"]]  # fmt: skip
    rows.append(line("longest option", found["longest"]))
    for name, cell in found["fields"].items():
        rows.append(line(f"best position by {name}", cell))
        rows.append(line(f"best position by {name}, held out", cell["held_out"]))
    if found["linear"]:
        rows.append(line(f"linear, words only, {found['linear']['folds']} folds", found["linear"]))
    if found["text_model"] and found["text_model"]["accuracy"] is not None:
        rows.append(line(f"{found['text_model']['name']}, without audio", found["text_model"]))
    head = f"{found['benchmark']}: {found['n']} choice questions, without the audio"
    text = table(rows, ("floor", "right %", "low", "high"))
    return "\n".join([head, text, *_warned(found)])
