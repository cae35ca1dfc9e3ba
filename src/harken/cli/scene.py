"""`harken scene`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import Engine, Json, Seed, Workers, finish
from harken.cli.outputs import folder_option


def scene(
    spec: Annotated[Path, typer.Argument(help="A YAML file that declares what may be in a scene.")],
    corpus: Annotated[Path, typer.Argument(help="A folder of labelled recordings.")],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the scenes.", makes="scenes")
    ],
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 100,
    split: Annotated[str, typer.Option(help="Split of the recordings that are used.")] = "train",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value instead of that of the file; repeat for more."),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Corpus layout.")] = None,
    engine: Engine = "local",
    workers: Workers = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make scenes of recordings: mixtures with known times, levels, places and words.

    Writes clips (FLAC), plans.jsonl (every scene can be made again from its line) and truth.jsonl
    (what is in each clip). Recordings get splits as in harken synth, and one split is used. A
    killed run goes on where it stopped; the same seed gives the same bytes, on any engine and with
    any number of workers.

    Examples:  harken scene scene.yaml ESC-50 -o scenes --count 1000
    harken scene scene.yaml ESC-50 -o foa --set layout=foa --seed 1 --split test
    """
    from harken.config import read_values
    from harken.corpora.read import read_corpus
    from harken.corpora.splits import assign_splits
    from harken.engines.load import open_engine
    from harken.errors import ConfigError
    from harken.synth.pool import RecordingPool
    from harken.synth.scenes.spec import spec_from
    from harken.synth.scenes.write import write_scenes

    declared = read_values(spec, change or ())
    what = spec_from(declared, str(spec))
    read = read_corpus(corpus, layout)
    recordings = assign_splits(read.recordings, seed)
    if split not in {recording.split for recording in recordings}:
        known = sorted({recording.split for recording in recordings})
        raise ConfigError(f"no recording is in split {split!r}", hint=f"Known: {known}")
    pool = RecordingPool(recordings, split)
    with open_engine(engine, workers) as own:
        done = write_scenes(what, pool, out, count=count, seed=seed, declared=declared, engine=own)
    result: dict[str, Any] = {"folder": str(out), "rejects": len(read.rejects), **done}
    lines = [
        f"{count} scenes, {done['seconds'] / 60:.1f} minutes, in {out}: clips, plans.jsonl, "
        "truth.jsonl"
    ]
    if read.rejects:
        lines.append(f"{len(read.rejects)} files could not be used: harken scan {corpus}")
    finish(result, "\n".join(lines), as_json)
