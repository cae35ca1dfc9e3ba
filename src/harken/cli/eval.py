"""`harken eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import (
    Captions,
    Json,
    MaxTokens,
    Seed,
    Temperature,
    ThinkingTokens,
    TopP,
    Transcripts,
    finish,
)
from harken.cli.outputs import folder_option

Conditions = Annotated[
    list[str] | None,
    typer.Option(
        help="audio, none, silence, swap (default); clip-1, fragment-4, transcript …; "
        "repeat for more. All: harken plugins conditions."
    ),
]


Scorer = Annotated[str, typer.Option(help="What counts as right; see: harken plugins scorers.")]


Replies = Annotated[
    str, typer.Option(help="Generate text although there are probabilities: all, plain, none.")
]


ScoreBy = Annotated[
    str,
    typer.Option(
        help="Name and score options by letter, by text, or as the model was made: model."
    ),
]


Recheck = Annotated[
    int, typer.Option(min=0, help="Repeat this many alone: does batching change answers?")
]


JudgeModel = Annotated[
    str | None, typer.Option(help="Judge model, where the official rule needs one.")
]


Embedding = Annotated[
    str | None, typer.Option(help="An embedding model, where the official rule needs one.")
]


MaxFailed = Annotated[float, typer.Option(min=0, max=1, help="Share of failed requests allowed.")]


Until = Annotated[str, typer.Option(help="Stop after: plan (no model is called), infer, or score.")]


AudioFolder = Annotated[
    Path | None,
    typer.Option(
        "--audio", "--audio-root", help="Root folder of the release's or the set's audio."
    ),
]


def evaluate(
    model: Annotated[
        str, typer.Argument(help="A saved model's folder, or a name: native:…, openai:…, linear.")
    ],
    out: Annotated[Path, folder_option("--out", "-o", help="Folder of the run.", makes="run")],
    dataset: Annotated[
        Path | None,
        typer.Argument(help="A dataset, a .jsonl, or another program's training set."),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option("--benchmark", "-b", help="Evaluate on a benchmark instead of a dataset."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="The benchmark's release: file, folder, hub:owner/name.")
    ] = None,
    audio: AudioFolder = None,
    condition: Conditions = None,
    rotations: Annotated[int, typer.Option(min=0, help="Orders of the options; 0 = all.")] = 1,
    clip_rotations: Annotated[int, typer.Option(min=0, help="Orders of the clips; 0 = all.")] = 1,
    asr: Transcripts = None,
    captioner: Captions = None,
    judge: JudgeModel = None,
    embed: Embedding = None,
    scorer: Scorer = "strict",
    score_by: ScoreBy = "model",
    replies: Replies = "plain",
    max_tokens: MaxTokens = 32,
    thinking_tokens: ThinkingTokens = 0,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    selfcheck: Recheck = 0,
    stage: Until = "score",
    batch: Annotated[int, typer.Option(min=0, help="Batch size; 0: the model's own.")] = 0,
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "test",
    limit: Annotated[int, typer.Option(min=0, help="At most this many items; 0 = all.")] = 0,
    max_failed: MaxFailed = 0.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Evaluate a model with the audio and without it, and test the difference.

    Three stages: plan, infer, score. A killed run resumes where it stopped;
    `harken rescore` scores a run again without the model. Exit code 7 if more
    requests failed than allowed.

    Examples:  harken eval model items -o runs/after

    harken eval openai:NAME@URL items -o runs/t --max-tokens 64 --thinking-tokens 4096

    harken eval native:Qwen/Qwen2-Audio-7B-Instruct -b mmau --data MMAU -o runs/mm

    harken eval model items -o runs/all --rotations 0 --selfcheck 50 --score-by text

    harken eval model items -o runs/w --condition transcript --asr written:w.jsonl
    """
    from harken.cli.eval_request import EvalRequest
    from harken.models.base import Sampling
    from harken.report import terminal
    from harken.report.plan import planned_text

    sampling = Sampling(max_tokens, temperature, 0, 0, top_p, thinking_tokens)
    request = EvalRequest(
        model, dataset, benchmark, data, audio, split, limit, judge, embed, score_by
    )
    settings: dict[str, Any] = {
        "max_failed": max_failed,
        "rotations": rotations or "all",
        "clip_rotations": clip_rotations or "all",
        "seed": seed,
        "replies": replies,
        "scorer": scorer,
        "sampling": sampling,
    }
    given = {"conditions": tuple(condition or ()), "batch": batch}
    settings |= {name: value for name, value in given.items() if value}
    listeners = {"transcript": asr, "caption": captioner}
    found = request.run(out, listeners, selfcheck, stage, settings)
    text = terminal.results(found) if stage == "score" else planned_text(found)
    finish(found, text, as_json)
