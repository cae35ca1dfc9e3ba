"""What all commands share: the --json switch, and how a command ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harken.report.text import printable

Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")
]


ConfigFile = Annotated[Path | None, typer.Option(help="A YAML file of settings.")]


Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="A setting, as key=value; repeat for more.")
]


RecordingSplit = Annotated[str, typer.Option(help="Split of the recordings; '' for all.")]


Transcripts = Annotated[
    str | None, typer.Option(help="Source of transcripts: asr:ID, written:FILE, any model.")
]


Captions = Annotated[
    str | None, typer.Option(help="Source of captions: any model with audio input.")
]


Seed = Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")]


AudioRoot = Annotated[
    Path | None,
    typer.Option(help="Of another program's set: where audio is that is not beside it."),
]


Engine = Annotated[
    str,
    typer.Option(
        help="Where the work is done: local (processes), ray, or ray:ADDRESS of a cluster."
    ),
]


Workers = Annotated[int, typer.Option(min=1, help="Units of work at once; the same bytes for any.")]


Plan = Annotated[
    bool, typer.Option("--plan", help="Say what would be done, with counts, and stop.")
]


MaxTokens = Annotated[int, typer.Option(help="Room for a reply, in tokens; longer ones are cut.")]


ThinkingTokens = Annotated[
    int, typer.Option(help="Further room for thinking before the reply, in tokens.")
]


Temperature = Annotated[float, typer.Option(help="Of sampled replies; 0: the most probable one.")]


TopP = Annotated[
    float, typer.Option(help="Sample from the most probable tokens with this share; 1 = all.")
]


LoraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        help="Adapters in a module group (audio_encoder, projector, lm): lm:16, or "
        "lm:r=16,alpha=32,dropout=0.05,targets=q_proj|v_proj,dora,rslora; repeat for more groups.",
    ),
]


def finish(result: dict[str, Any], summary: str, as_json: bool) -> None:
    """End a command: print the result as JSON, or as a short readable summary."""
    if as_json:
        text = json.dumps(result, ensure_ascii=True, allow_nan=False, default=str)
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(printable(summary) + "\n")
    sys.stdout.flush()
