"""Verb: eval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import Json, Seed, finish

Conditions = Annotated[
    list[str] | None,
    typer.Option(
        help="audio, none, silence, swap (unless told otherwise); clip-1, fragment-4, "
        "transcript …; once for each that is wanted. All: harken plugins conditions."
    ),
]


Scorer = Annotated[str, typer.Option(help="What counts as right; see: harken plugins scorers.")]


Wordy = Annotated[
    str, typer.Option(help="Ask for words although there are probabilities: all, plain, none.")
]


Recheck = Annotated[
    int, typer.Option(help="Ask so many again alone: does batching change answers?")
]


Until = Annotated[str, typer.Option(help="Stop after: plan (nothing is asked), infer, or score.")]


def evaluate(
    model: Annotated[
        str, typer.Argument(help="A saved model's folder, or a name: native:…, openai:…, linear.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    dataset: Annotated[
        Path | None, typer.Argument(help="A harken dataset, or a .jsonl file of items.")
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", "-b", help="Ask a benchmark instead of a dataset.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="The benchmark's release: file, folder, hub:owner/name.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="Where the audio names of the release start.")
    ] = None,
    condition: Conditions = None,
    rotations: Annotated[int, typer.Option(help="Rotations of the options; 0 = all.")] = 1,
    clip_rotations: Annotated[int, typer.Option(help="Rotations of the clips; 0 = all.")] = 1,
    asr: Annotated[
        str | None, typer.Option(help="Who writes transcripts: asr:ID, written:FILE, any model.")
    ] = None,
    captioner: Annotated[
        str | None, typer.Option(help="Who writes captions: any model that hears.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Marks what the benchmark's rule leaves to a judge.")
    ] = None,
    embed: Annotated[
        str | None, typer.Option(help="An embedding model, where the official rule has one.")
    ] = None,
    scorer: Scorer = "strict",
    replies: Wordy = "plain",
    selfcheck: Recheck = 0,
    stage: Until = "score",
    batch: Annotated[
        int, typer.Option(help="Questions asked at once; 0: as the model wishes.")
    ] = 0,
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "test",
    limit: Annotated[int, typer.Option(help="At most this many items; 0 = all.")] = 0,
    max_failed: Annotated[float, typer.Option(help="Share of failed trials allowed.")] = 0.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Examine a model with the audio and without it, and test the difference.

    Three stages: plan, infer, score. A killed run goes on where it stopped;
    `harken rescore` marks one again without asking. Exit code 7 if more trials
    failed than allowed.

    Examples:  harken eval model items -o runs/after

    harken eval native:Qwen/Qwen2-Audio-7B-Instruct -b mmau --data MMAU -o runs/mm

    harken eval model items -o runs/all --rotations 0 --selfcheck 50

    harken eval model items -o runs/w --condition transcript --asr written:w.jsonl
    """
    from harken.cli.eval_request import EvalRequest
    from harken.report import terminal
    from harken.report.plan import planned_text

    sitting = EvalRequest(model, dataset, benchmark, data, audio, split, limit, judge, embed)
    settings: dict[str, Any] = {
        "max_failed": max_failed,
        "rotations": rotations or "all",
        "clip_rotations": clip_rotations or "all",
        "seed": seed,
        "replies": replies,
        "scorer": scorer,
    }
    if condition:
        settings["conditions"] = tuple(condition)
    if batch:
        settings["batch"] = batch
    listeners = {"transcript": asr, "caption": captioner}
    found = sitting.run(out, listeners, selfcheck, stage, settings)
    text = terminal.results(found) if stage == "score" else planned_text(found)
    finish(found, text, as_json)
