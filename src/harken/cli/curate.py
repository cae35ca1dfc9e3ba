"""`harken curate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import (
    AudioRoot,
    Captions,
    Json,
    MaxTokens,
    Seed,
    ThinkingTokens,
    Transcripts,
    finish,
)
from harken.cli.outputs import folder_option
from harken.report.data import curate_text

Control = Annotated[
    list[str] | None,
    typer.Option(
        help="Measure this in the place of the audio too: caption, transcript, swap, silence; "
        "repeat for more."
    ),
]
Shapley = Annotated[
    bool, typer.Option(help="Also ask which clip matters: 2^k conditions for k clips.")
]
EarlyStop = Annotated[
    bool,
    typer.Option(
        "--early-stop",
        help="Do not ask what no longer changes a label: of weak items neither audio nor controls.",
    ),
]


def curate(
    dataset: Annotated[
        Path, typer.Argument(help="A dataset, a .jsonl, or another program's training set.")
    ],
    out: Annotated[
        Path,
        folder_option(
            "--out",
            "-o",
            help="Folder for weak/ strong/ undecided/ dropped/.",
            makes="curated dataset",
        ),
    ],
    voter: Annotated[
        list[str] | None,
        typer.Option(help="A model that votes (folder or name); repeat for more."),
    ] = None,
    rule: Annotated[
        str,
        typer.Option(help="bits, silence-vote (AudioMCQ), or audio-dependence (DCASE 2026)."),
    ] = "bits",
    control: Control = None,
    asr: Transcripts = None,
    captioner: Captions = None,
    shapley: Shapley = True,
    early_stop: EarlyStop = False,
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "train",
    limit: Annotated[int, typer.Option(help="At most this many items; 0 = all.")] = 0,
    scorer: Annotated[str, typer.Option(help="What counts as right: harken plugins scorers.")] = (
        "strict"
    ),
    embed: Annotated[bool, typer.Option(help="Copy the audio into the datasets (FLAC).")] = False,
    max_tokens: MaxTokens = 32,
    thinking_tokens: ThinkingTokens = 0,
    audio_root: AudioRoot = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure how much the audio contributes to each question; split weak from strong.

    Weak: the answer is known without audio. Strong: voters that are shown to know answers without
    audio do not know this one. Undecided: the voters prove neither. Dropped: no rule can label it.

    Examples:  harken curate items -o curated --voter model --voter linear

    harken curate items -o curated --voter model --control caption --captioner written:said.jsonl

    harken curate items -o curated --voter model --voter linear --early-stop --no-shapley
    """
    from harken.cli.items import read_split
    from harken.curate.labels import CurateSettings
    from harken.curate.run import run
    from harken.models.base import Sampling
    from harken.models.listeners.load import load_listener
    from harken.models.load import load_model

    listeners = {"transcript": asr, "caption": captioner}
    sampling = Sampling(max_tokens, thinking_tokens=thinking_tokens)
    names = voter or ["linear", "longest", "random"]
    summary = run(
        read_split(dataset, split, limit, audio_root),
        [load_model(name) for name in names],
        out,
        rule=rule,
        seed=seed,
        embed=embed,
        settings=CurateSettings(
            scorer=scorer,
            sampling=sampling,
            shapley=shapley,
            controls=tuple(control or ()),
            early_stop=early_stop,
        ),
        listeners={kind: load_listener(one, kind) for kind, one in listeners.items() if one},
    )
    finish(summary, curate_text(summary, out), as_json)
