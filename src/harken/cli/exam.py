"""Verbs about results: eval, rescore, report, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.door import Json, Seed, finish, table

Conditions = Annotated[
    list[str] | None,
    typer.Option(
        help="audio, none, silence, swap (unless told otherwise); clip-1, fragment-4, "
        "transcript …; once for each that is wanted."
    ),
]
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
    from harken.cli.sitting import Sitting, planned_text
    from harken.report import terminal

    sitting = Sitting(model, dataset, benchmark, data, audio, split, limit, judge, embed)
    settings: dict[str, Any] = {
        "max_failed": max_failed,
        "rotations": rotations or "all",
        "clip_rotations": clip_rotations or "all",
        "seed": seed,
        "replies": replies,
    }
    if condition:
        settings["conditions"] = tuple(condition)
    if batch:
        settings["batch"] = batch
    listeners = {"transcript": asr, "caption": captioner}
    found = sitting.run(out, listeners, selfcheck, stage, settings)
    text = terminal.results(found) if stage == "score" else planned_text(found)
    finish(found, text, as_json)


def rescore(
    run: Annotated[Path, typer.Argument(help="A run, complete or with all its replies.")],
    as_json: Json = False,
) -> None:
    """Mark the replies of a run again by the present rules; no model is asked.

    Example:  harken rescore runs/after
    """
    from harken.evaluate import rescore as again

    found = again(run)
    rows: list[tuple[object, ...]] = [
        (
            name,
            *(f"{100 * found[when].get(name, float('nan')):.1f}" for when in ("before", "after")),
        )
        for name in found["after"]
    ]
    text = f"{found['changed']} of {found['trials']} marks changed\n"
    finish(found, text + table(rows, ("condition", "before %", "after %")), as_json)


def report(
    run: Annotated[list[Path], typer.Argument(help="A run; or two: before, after.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("report.html"),
    dataset: Annotated[
        Path | None, typer.Option(help="The dataset, if it moved since the run.")
    ] = None,
    curate: Annotated[
        Path | None, typer.Option(help="Folder of `harken curate`: draws what the audio adds.")
    ] = None,
    train: Annotated[
        list[Path] | None, typer.Option(help="A training run whose curves are drawn; repeatable.")
    ] = None,
    max_items: Annotated[int, typer.Option(help="Items with sound in the page.")] = 120,
    as_json: Json = False,
) -> None:
    """Make one self-contained page of a run, with items to filter and play.

    Examples:  harken report runs/after     harken report runs/before runs/after -o page.html
    """
    from harken.report import write_report

    page = write_report(
        out,
        after=run[-1],
        before=run[0] if len(run) > 1 else None,
        dataset=dataset,
        curate=curate,
        train=train or (),
        max_items=max_items,
    )
    size = page.stat().st_size
    finish({"report": str(page), "bytes": size}, f"{page} ({size / 1e6:.1f} MB)", as_json)


def compare(
    first: Annotated[Path, typer.Argument(help="A run.")],
    second: Annotated[Path, typer.Argument(help="Another run on the same items.")],
    as_json: Json = False,
) -> None:
    """Compare two runs item by item: difference, exact McNemar p, interval, flipped items.

    Example:  harken compare runs/before runs/after
    """
    from harken.evaluate import compare as run
    from harken.report import terminal

    result = run(first, second)
    finish(result, terminal.comparison(result), as_json)
