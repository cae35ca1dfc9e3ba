"""`harken train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.outputs import folder_option
from harken.report.text import table

NO_SIGNAL = 11
"""Exit code: the model is written, and no step of grpo had anything to learn from."""


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe (mixed-to-strong, …) or a stage (sft, …); see: harken plugins."
        ),
    ],
    dataset: Annotated[
        Path, typer.Argument(help="A dataset or .jsonl, or a folder written by curate.")
    ],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the run and the model.", makes="")
    ],
    model: Annotated[
        str, typer.Option(help="harken-tiny (from scratch), a saved model, or native:FOLDER.")
    ] = "harken-tiny",
    device: Annotated[str, typer.Option(help="Where it is trained, such as cuda.")] = "",
    dtype: Annotated[
        str, typer.Option(help="What its weights become first: float32, bfloat16.")
    ] = "",
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as key=value; repeat for more.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a model. Killed and started again, it ends with the same weights.

    All items are checked before the first step. The command ends with exit code 11 if no group of
    replies of grpo had unequal rewards: then nothing was learned from rewards.

    Examples:  harken train mixed-to-strong curated -o model
               harken train sft items -o model --set sft.steps=200
    """
    from harken.recipes.run import train as run
    from harken.recipes.steps import signal_text

    result = run(
        recipe,
        dataset,
        out,
        model=model,
        config=config,
        overrides=override or [],
        seed=seed,
        device=device,
        dtype=dtype,
    )
    lines = [table([(k, v) for k, v in result.items() if not isinstance(v, dict)])]
    signal = signal_text(result["reward_signal"])
    finish(result, "\n".join([*lines, *filter(None, [signal])]), as_json)
    if any(not one["with_signal"] for one in result["reward_signal"].values()):
        print(f"harken: {signal}", file=sys.stderr)
        raise typer.Exit(NO_SIGNAL)
