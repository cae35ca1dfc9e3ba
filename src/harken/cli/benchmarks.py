"""`harken benchmarks`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option
from harken.report.text import table

if TYPE_CHECKING:
    from harken.evaluate.benchmarks.base import Benchmark
from harken.cli.releases import Data, about_release, source_of
from harken.report.text import warned


def benchmarks(
    name: Annotated[str | None, typer.Argument(help="Show this one and its official rule.")] = None,
    data: Data = None,
    items: Annotated[
        Path | None, file_option(help="Write its items here (.jsonl), for harken eval.")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="Root folder of its audio; embedded audio is unpacked here."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A run on those items: use its replies under audio.")
    ] = None,
    submit: Annotated[
        Path | None, file_option(help="Write the replies of --run here, in the official format.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the benchmarks; check a release; convert it to items, and a run to predictions.

    Examples:  harken benchmarks     harken benchmarks mmau --data MMAU --items mmau.jsonl
    """
    from harken.errors import ConfigError
    from harken.evaluate.benchmarks.load import BENCHMARKS, open_benchmark

    if name is None:
        known = [open_benchmark(one) for one in BENCHMARKS]
        rows: list[tuple[object, ...]] = [(b.name, b.title, b.paper) for b in known]
        listed = {"benchmarks": [_facts(b) for b in known]}
        finish(listed, table(rows, ("name", "benchmark", "source")), as_json)
        return
    bench = open_benchmark(name)
    found = _facts(bench)
    if (submit is None) != (run is None):
        raise ConfigError(
            "--run and --submit belong together", hint="Name a run, and the file to write."
        )
    if data is not None or items is not None or run is not None:
        found |= _converted(bench, source_of(bench, data), items, audio, run, submit)
    lines = [f"{bench.title} ({bench.paper})", f"official rule: {bench.rule}"]
    lines += [f"reproduced: {trap}" for trap in bench.traps]
    lines += [f"{key}: {found[key]}" for key in ("n", "fingerprint", "version", "items", "written",
                                                 "submitted") if key in found]  # fmt: skip
    finish(found, "\n".join([*lines, *warned(found)]), as_json)


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
    from harken.evaluate.benchmarks.submit import about_file, replies_of
    from harken.shards.jsonl import write_jsonl

    if items is not None and audio is not None:
        for path in locate(data, bench.files):
            if path.suffix == ".parquet":
                unpack(path, audio)
    # The ids of a run's items are hashes of the audio, so the audio is needed again.
    need_audio = items is not None or run is not None
    # A check reports every fault as an error; what is converted is what can be used.
    release = bench.release(
        data, audio, need_audio=need_audio, partial=submit is not None, tolerant=need_audio
    )
    found = {**about_release(release), "n": len(release.items), "warnings": list(release.notes)}
    if items is not None:
        found["written"] = write_jsonl(release.items, items)
    if run is not None and submit is not None:
        texts, notes = replies_of(bench, release.items, run)
        bench.write_predictions(submit, release.items, texts)
        found["submitted"] = len(texts)
        missing = len(release.items) - len(texts)
        found["warnings"] += [*notes, *about_file(bench, submit, missing)]
    return found
