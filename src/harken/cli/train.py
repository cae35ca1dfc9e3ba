"""`harken train`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harken.cli.before_run import Examples, PlanFlag, PreviewFlag, before_run
from harken.cli.features import Features
from harken.cli.options import AudioRoot, Json, LoraOption, Seed, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError
from harken.recipes.registry import STORIES
from harken.report.text import table

NO_SIGNAL = 11
"""Exit code: the model is written, and no step of grpo had anything to learn from."""

RECIPE_HELP = "A stage (sft, …: harken plugins stages), or a recipe:\n\n" + "\n\n".join(
    f"{name}: {about}." for name, about in STORIES.items()
)

RecipeSize = Annotated[
    str, typer.Option(help="Of a recipe: full, or smoke (a few steps of each stage).")
]

Device = Annotated[str, typer.Option(help="Where it is trained, such as cuda.")]


Dtype = Annotated[str, typer.Option(help="What its weights become first: float32, bfloat16.")]


def train(
    recipe: Annotated[str, typer.Argument(help=RECIPE_HELP)],
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A dataset, a .jsonl, another program's training set, or a folder of curate."
        ),
    ],
    out: Annotated[
        Path | None,
        folder_option("--out", "-o", help="Folder of the run and the model (required).", makes=""),
    ] = None,
    model: Annotated[
        str, typer.Option(help="harken-tiny (from scratch), a saved model, or native:FOLDER.")
    ] = "harken-tiny",
    device: Device = "",
    dtype: Dtype = "",
    lora: LoraOption = None,
    copy_bases: Annotated[
        bool, typer.Option(help="Save all weights; else those trained, and where the rest is.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as key=value; repeat for more.")
    ] = None,
    size: RecipeSize = "full",
    audio_root: AudioRoot = None,
    preview: PreviewFlag = False,
    count: Examples = 3,
    plan: PlanFlag = False,
    features: Features = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a model. Killed and started again, it ends with the same weights.

    All items are checked before the first step. The command ends with exit code 11 if no group of
    replies of grpo had unequal rewards, in the whole run or for too long: nothing was learned then.

    Examples:  harken train mixed-to-strong curated -o model
               harken train sft items -o model --set sft.steps=200
               harken train sft items --model mine --preview -n 2
               harken train sft items --model mine --plan
               harken train sft items -o out --model native:FOLDER --lora lm:r=16,alpha=32
    """
    from harken.recipes.job import JobOptions
    from harken.recipes.keep_features import use_features
    from harken.recipes.run import train as run
    from harken.recipes.steps import adapted, signal_text

    use_features(features)
    start = partial(
        run,
        recipe,
        dataset,
        model=adapted(model, lora or [], copy_bases),
        config=config,
        overrides=override or [],
        seed=seed,
        device=device,
        dtype=dtype,
        options=JobOptions(size, audio_root),
    )
    if preview or plan:
        before_run(start, count=count if preview else 0, plan=plan, as_json=as_json)
        return
    if out is None:
        raise ConfigError("there is no folder for the run and the model", hint="Give --out.")
    result = start(out)
    lines = [table([(k, v) for k, v in result.items() if not isinstance(v, dict)])]
    signal = signal_text(result["reward_signal"])
    finish(result, "\n".join([*lines, *filter(None, [signal])]), as_json)
    if any(not one["with_signal"] for one in result["reward_signal"].values()):
        print(f"harken: {signal}", file=sys.stderr)
        raise typer.Exit(NO_SIGNAL)
