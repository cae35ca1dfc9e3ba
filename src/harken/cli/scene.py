"""`harken scene`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import Engine, Json, Seed, Workers, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError
from harken.listed import listed
from harken.report.text import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harken.corpora.base import Recording
    from harken.engines.base import WorkEngine
    from harken.synth.scenes.planned import PlannedScene
    from harken.synth.scenes.spec import SceneSpec

COUNT, SPLIT = 100, "train"


def scene(
    spec: Annotated[
        Path,
        typer.Argument(help="A YAML file that declares scenes, or a folder of plans (--plan)."),
    ],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the scenes.", makes="scenes")
    ],
    corpus: Annotated[
        Path | None, typer.Argument(help="A folder of labelled recordings; of plans none.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = COUNT,
    split: Annotated[str, typer.Option(help="Split of the recordings that are used.")] = SPLIT,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value instead of that of the file; repeat for more."),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Corpus layout.")] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Draw only: write plans.jsonl, say what the scenes would take, and stop."
        ),
    ] = False,
    engine: Engine = "local",
    workers: Workers = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make scenes of recordings: mixtures with known times, levels, places and words.

    Writes clips (FLAC), plans.jsonl (every scene can be made again from its line) and truth.jsonl
    (what is in each clip). Recordings get splits as in harken synth, and one split is used. With
    --plan the constants of all scenes are drawn and written; the same command without it, or that
    folder in the place of the YAML file, makes the scenes of them, with the same bytes. A killed
    run goes on where it stopped; the same seed gives the same bytes, on any engine and with any
    number of workers.

    Examples:  harken scene scene.yaml ESC-50 -o scenes --count 1000

    harken scene scene.yaml ESC-50 -o foa --set layout=foa --seed 1 --split test

    harken scene scene.yaml ESC-50 -o plans --count 1000 --plan

    harken scene plans -o scenes --workers 8
    """
    from harken.engines.load import open_engine

    changed = bool(change or layout or seed or count != COUNT or split != SPLIT)
    with open_engine(engine, workers) as own:
        if spec.is_dir():
            if corpus is not None or changed or plan:
                raise ConfigError(
                    "the plans in the folder say which scenes these are",
                    where=str(spec),
                    hint="Give -o, --engine and --workers only, or the YAML file that declares "
                    "scenes.",
                )
            _rendered(spec, out, own, as_json)
        elif corpus is None:
            raise ConfigError(
                "there are no recordings to make scenes of",
                hint="Name a corpus, or a folder of plans in the place of the YAML file.",
            )
        else:
            drawn = _Asked(spec, corpus, tuple(change or ()), layout, split, count, seed)
            _made(drawn, out, own, plan, as_json)


def _require_voices(spec: SceneSpec, recordings: Sequence[Recording], where: str) -> None:
    """Raise ConfigError for a speaker who is declared, and whom no recording of any split has."""
    known = {one.speaker.lower(): one.speaker for one in recordings if one.speaker}
    for talk in spec.talk:
        for name in talk.voices:
            if name not in known:
                raise ConfigError(
                    f"talk: no recording has the speaker {name!r}",
                    where=where,
                    hint=f"There are: {listed(sorted(known.values()), 20) or 'none'}.",
                )


class _Asked:
    """What is asked of scenes that are drawn."""

    def __init__(
        self,
        spec: Path,
        corpus: Path,
        change: tuple[str, ...],
        layout: str | None,
        split: str,
        count: int,
        seed: int,
    ) -> None:
        from harken.config import read_values
        from harken.corpora.read import read_corpus
        from harken.corpora.splits import assign_splits
        from harken.synth.pool import RecordingPool
        from harken.synth.scenes.spec import spec_from

        declared = read_values(spec, change)
        what = spec_from(declared, str(spec))
        read = read_corpus(corpus, layout)
        recordings = assign_splits(read.recordings, seed)
        known = sorted({recording.split for recording in recordings})
        if split not in known:
            raise ConfigError(f"no recording is in split {split!r}", hint=f"Known: {known}")
        _require_voices(what, recordings, str(spec))
        pool = RecordingPool(recordings, split)
        self.corpus, self.rejects = corpus, len(read.rejects)
        self.scenes: dict[str, Any] = {
            "spec": what,
            "pool": pool,
            "count": count,
            "seed": seed,
            "declared": declared,
        }


def _made(asked: _Asked, out: Path, engine: WorkEngine, plan: bool, as_json: bool) -> None:
    """Draw the scenes, or make them."""
    from harken.synth.scenes.kept import KeptPlans, cost_of
    from harken.synth.scenes.write import write_plans, write_scenes

    write = write_plans if plan else write_scenes
    done = write(**asked.scenes, folder=out, engine=engine)
    result: dict[str, Any] = {"folder": str(out), "rejects": asked.rejects, **done}
    lines = [] if plan else [_made_text(done, out)]
    if plan:
        cost = cost_of(out)
        result["cost"] = asdict(cost)
        (first,) = KeptPlans.of(out, 1).scenes(0, 1)
        lines = [_cost_text(asdict(cost), engine.workers, out), _drawn(first)]
    if asked.rejects:
        lines.append(f"{asked.rejects} files could not be used: harken scan {asked.corpus}")
    finish(result, "\n".join(lines), as_json)


def _rendered(plans: Path, out: Path, engine: WorkEngine, as_json: bool) -> None:
    """Make the scenes of a folder of plans."""
    from harken.synth.scenes.write import render_plans

    done = render_plans(plans, out, engine=engine)
    finish({"folder": str(out), **done}, _made_text(done, out), as_json)


def _made_text(done: dict[str, Any], out: Path) -> str:
    minutes = done["seconds"] / 60
    return (
        f"{done['count']} scenes, {minutes:.1f} minutes, in {out}: clips, plans.jsonl, truth.jsonl"
    )


def _cost_text(cost: dict[str, Any], workers: int, out: Path) -> str:
    from harken.progress import clock
    from harken.report.scale import bytes_text

    word = "worker" if workers == 1 else "workers"
    return (
        f"{cost['scenes']:,} scenes, {cost['seconds'] / 3600:.2f} hours, are drawn in {out}: "
        f"plans.jsonl. To make them: about {bytes_text(cost['bytes'])}, about "
        f"{clock(cost['work_s'] / workers)} with {workers} {word} (measured on {cost['sample']} "
        "scenes). The first one:"
    )


def _drawn(scene: PlannedScene) -> str:
    """The constants of a scene, a row a source."""
    rows: list[tuple[object, ...]] = []
    for source in scene.sources:
        parts = [scene.plan.parts[number] for number in source.parts]
        first = parts[0]
        at = [f"{part.at_s:.2f}" for part in parts]
        shown = listed(at, 3)
        path = " to ".join(
            f"{place.azimuth_deg:.0f}°/{place.elevation_deg:.0f}°/{place.distance_m:.1f} m"
            for place in first.path
        )
        name = source.label or source.speaker or source.recording
        rows.append(
            (name, source.kind, shown, f"{first.gain_db:.1f}", f"{first.pitch:g}",
             f"{first.tempo:g}", path)
        )  # fmt: skip
    heads = ("source", "kind", "begins (s)", "gain (dB)", "pitch", "tempo", "place")
    return table(rows, heads)
