"""`harken train`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.before_run import (
    SHOWN,
    Examples,
    PlanFlag,
    PreviewFlag,
    before_run,
    require_used,
)
from harken.cli.features import Features
from harken.cli.options import AudioRoot, ConfigFile, Json, LoraOption, Overrides, Seed, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError
from harken.recipes.registry import RECIPES, STORIES
from harken.report.text import table

NO_SIGNAL = 11
"""Exit code: the model is written, and no step of grpo had anything to learn from."""

DEAF = 12
"""Exit code: the model is written as it is, and a stage was ended: it does not use the audio."""

MinGap = Annotated[
    float | None,
    typer.Option(
        help="End a stage whose hearing gap stays below this, in nats; 0: never; default: as the "
        "settings say, else never."
    ),
]


Patience = Annotated[
    int | None, typer.Option(help="Evaluations in a row below --min-gap until then; default: 3.")
]


HeldOutSet = Annotated[
    Path | None,
    typer.Option(
        "--held-out", help="Measure on this dataset; else on another split, or a share of train."
    ),
]


RECIPE_HELP = "A stage (sft, …: harken plugins stages), or a recipe:\n\n" + "\n\n".join(
    f"{name}: {about}." for name, about in STORIES.items()
)

RecipeSize = Annotated[
    str | None,
    typer.Option(help="Of a recipe: full (default), or smoke (a few steps of each stage)."),
]

FirstStage = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="STAGE",
        help="Of a recipe: begin with this stage; --model had the others.",
    ),
]

Device = Annotated[str, typer.Option(help="Where it is trained, such as cuda.")]


Dtype = Annotated[str, typer.Option(help="What its weights become first: float32, bfloat16.")]


Parallel = Annotated[
    str,
    typer.Option(
        help="In several processes (torchrun, accelerate launch): ddp (the model whole in each; "
        "the default) or fsdp (sharded)."
    ),
]


Trackers = Annotated[
    list[str] | None,
    typer.Option("--tracker", help="Log to tensorboard, wandb or trackio too; repeat for more."),
]


TrainingSet = Annotated[
    Path,
    typer.Argument(
        help="A dataset, a .jsonl, another program's training set, or a folder of curate."
    ),
]


OutFolder = Annotated[
    Path | None,
    folder_option("--out", "-o", help="Folder of the run and the model (required).", makes=""),
]


ModelName = Annotated[
    str,
    typer.Option(
        help="harken-tiny (from scratch), a saved model, a released one (harken models), or "
        "native:FOLDER."
    ),
]


def train(
    recipe: Annotated[str, typer.Argument(help=RECIPE_HELP)],
    dataset: TrainingSet,
    out: OutFolder = None,
    model: ModelName = "harken-tiny",
    device: Device = "",
    dtype: Dtype = "",
    parallel: Parallel = "",
    lora: LoraOption = None,
    copy_bases: Annotated[
        bool, typer.Option(help="Save all weights; else those trained, and where the rest is.")
    ] = False,
    config: ConfigFile = None,
    override: Overrides = None,
    min_gap: MinGap = None,
    patience: Patience = None,
    held_out: HeldOutSet = None,
    size: RecipeSize = None,
    begin: FirstStage = "",
    audio_root: AudioRoot = None,
    tracker: Trackers = None,
    preview: PreviewFlag = False,
    count: Examples = None,
    plan: PlanFlag = False,
    features: Features = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a model. Killed and started again, it ends with the same weights.

    All items are checked before the first step. At every evaluation the hearing gap is measured on
    held-out items: what another item's audio, or silence, costs the model, in nats an answer token.
    With --min-gap, a stage that does not use the audio is ended (exit code 12). A regression card
    says what was gained and forgotten. The exit code is 11 if no group of replies of grpo had
    unequal rewards, in the whole run or for too long: nothing was learned from rewards then.

    In several processes a step has the same examples, and the same gradient, as in one.

    Examples:  harken train mixed-to-strong curated -o model
               harken train sft items -o model --set sft.steps=200 --min-gap 0.1 --patience 3
               harken train sft items --model mine --preview -n 2
               harken train sft items --model mine --plan
               harken train sft items -o out --model native:FOLDER --lora lm:r=16,alpha=32
               harken train small items -o out --model trained/model --from align
               torchrun --nproc-per-node 8 --no-python harken train sft items -o model --device cuda
    """
    from harken.recipes.job import JobOptions
    from harken.recipes.keep_features import use_features
    from harken.recipes.run import train as run
    from harken.recipes.steps import adapted
    from harken.train.parallel import processes, rank
    from harken.train.trackers import tracked

    dry = "--preview" if preview else "--plan" if plan else ""
    unused = {"--out": out, "--tracker": tracker, "--parallel": parallel, "--features": features}
    only = {"--size": size, "--from": begin}
    require_used(dry, unused, count=count, stage=_stage(recipe), of_recipes=only)
    use_features(features)
    start = partial(
        run,
        recipe,
        dataset,
        model=adapted(model, lora or [], copy_bases),
        config=config,
        overrides=[*(override or []), *_hearing(min_gap, patience, held_out)],
        seed=seed,
        dtype=dtype,
        options=JobOptions(size or "full", audio_root, held_out, begin),
    )
    if preview or plan:
        shown = (count or SHOWN) if preview else 0
        before_run(partial(start, device=device), count=shown, plan=plan, as_json=as_json)
        return
    if out is None:
        raise ConfigError("there is no folder for the run and the model", hint="Give --out.")
    with processes(device, parallel) as own_device, tracked(tracker or []):
        writes = rank() == 0
        result = start(out, device=own_device)
    if writes:
        _end(result, as_json)


def _stage(name: str) -> str:
    """The name, if it is that of a stage and of no recipe."""
    return "" if name in RECIPES else name


def _hearing(min_gap: float | None, patience: int | None, held_out: Path | None) -> list[str]:
    """The options about the hearing gap that are given, as settings."""
    from harken.recipes.run import HEARING

    named = None if held_out is None else json.dumps(str(held_out))
    given = {"min_gap": min_gap, "patience": patience, "held_out": named}
    return [f"{HEARING}.{key}={value}" for key, value in given.items() if value is not None]


def _end(result: dict[str, Any], as_json: bool) -> None:
    """Print the result and end with the exit code that it calls for."""
    from harken.recipes.steps import signal_text
    from harken.report.regression_card import card_text

    facts = [(k, v) for k, v in result.items() if not isinstance(v, dict) and v not in ("", None)]
    signal, deaf = signal_text(result["reward_signal"]), result["deaf"]
    lines = [table([(k, v) for k, v in facts if k != "deaf"]), signal]
    lines += [card_text(result["card"])] if result["card"] else []
    finish(result, "\n".join(filter(None, lines)), as_json)
    if deaf:
        print(f"harken: {deaf}", file=sys.stderr)
        raise typer.Exit(DEAF)
    if any(not one["with_signal"] for one in result["reward_signal"].values()):
        print(f"harken: {signal}", file=sys.stderr)
        raise typer.Exit(NO_SIGNAL)
