"""`harken leaks`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option
from harken.listed import listed

if TYPE_CHECKING:
    from harken.leaks.read import ComparedItem, ItemSource
from harken.report.leaks import leaks_text

FOUND = 8
"""Exit code when at least one item of the benchmark is leaked."""
UNCHECKED = 10
"""Exit code when too little could be compared to say that nothing leaked."""


def leaks(
    train: Annotated[
        Path,
        typer.Argument(help="Training set: dataset, .jsonl, .csv, .tsv, or another program's."),
    ],
    bench: Annotated[Path | None, typer.Argument(help="Test set, likewise; or -b.")] = None,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", "-b", help="A benchmark by name, with --data.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Its release.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Root folder of the test set's audio.")] = None,
    train_audio: Annotated[
        Path | None, typer.Option(help="Root folder of the training set's audio.")
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(help="bytes, samples, print, source, text, name, near; all if none."),
    ] = None,
    matches: Annotated[
        Path | None, file_option(help="Write every match here (.jsonl), as it is found.")
    ] = None,
    max_unheard: Annotated[
        float, typer.Option(min=0, max=1, help="Share of items whose clips may fail to decode.")
    ] = 0.1,
    workers: Annotated[int, typer.Option(min=1, help="Threads that decode audio.")] = 1,
    as_json: Json = False,
) -> None:
    """Look for a test set in a training set: by audio, by source, by text. Nothing is dropped.

    Exit code 0: no item is leaked; 8: some are, by a match that is more than a hint; 10: too little
    could be compared to tell, such as clips that are not there.

    Examples:  harken leaks train.jsonl -b mmau --data MMAU --audio MMAU     harken leaks a b
    """
    from harken.leaks.evidence import UNCHECKED as TOO_LITTLE
    from harken.leaks.find import contamination
    from harken.leaks.read import ItemSource, read_entries

    training, testing = ItemSource(str(train)), ItemSource(str(bench or benchmark))
    entries = _bench(bench, benchmark, data, audio, testing)
    stream = read_entries(train, training, train_audio)
    written: list[int] = []
    with _writer(matches, written) as each:
        found = contamination(
            stream, entries, checks=check or None, jobs=workers, source=training, each=each,
            max_unheard=max_unheard,
        )  # fmt: skip
    for name, side in (("train", training), ("bench", testing)):
        found[name] = {"source": side.name, **found[name], "faulty": side.faulty,
                       "faults": side.faults}  # fmt: skip
    found["warnings"] = _warnings(found)
    if matches is not None:
        found["written"] = sum(written)
    finish(found, leaks_text(found), as_json)
    if found["leaked"]:
        raise typer.Exit(FOUND)
    if found["verdict"] == TOO_LITTLE:
        raise typer.Exit(UNCHECKED)


def _bench(
    bench: Path | None,
    benchmark: str | None,
    data: str | None,
    audio: Path | None,
    source: ItemSource,
) -> list[ComparedItem]:
    """The test items."""
    from harken.errors import ConfigError
    from harken.leaks.read import entry_of, read_entries

    if (bench is None) == (benchmark is None):
        raise ConfigError("name one test set", hint="A path, or --benchmark NAME --data RELEASE.")
    if bench is not None:
        return list(read_entries(bench, source, audio))
    from harken.cli.releases import source_of
    from harken.evaluate.benchmarks.load import open_benchmark
    from harken.evaluate.benchmarks.types import row_of

    opened = open_benchmark(str(benchmark))
    release = opened.release(
        source_of(opened, data), audio, need_audio=audio is not None, partial=True
    )
    return [entry_of(item, row_of(item)) for item in release.items]


def _writer(path: Path | None, written: list[int]) -> Any:
    """A context whose value writes each match, one per line."""
    from contextlib import contextmanager, nullcontext

    if path is None:
        return nullcontext()

    @contextmanager
    def opened() -> Any:
        import json
        from dataclasses import asdict

        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:

            def each(match: Any) -> None:
                file.write(json.dumps(asdict(match), ensure_ascii=False) + "\n")
                written.append(1)

            yield each

    return opened()


def _warnings(found: dict[str, Any]) -> list[str]:
    """What was not compared: the absence of a match there says nothing."""
    notes = []
    for name in ("bench", "train"):
        side = found[name]
        for reason, count in side["unreadable"].items():
            notes.append(
                f"{count} of {side['clips']} clips of {name} could not be decoded: {reason}"
            )
        if side["faulty"]:
            notes.append(f"{side['faulty']} lines of {name} could not be read: {side['faults'][0]}")
        if not side["clips"]:
            notes.append(f"{name} has no audio: only sources and text were compared")
    if found["generic"]:
        notes.append(f"{found['generic']} questions are all template: not compared by text")
    if common := found["common_names"]:
        named = listed([f"{name} ({count} items)" for name, count in common.items()], 3)
        notes.append(
            f"file names or numbers in them that are in too many items of the test set were not "
            f"compared: {named}"
        )
    return notes
