"""What `harken train --preview` and `--plan` print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import finish
from harken.errors import ConfigError

PreviewFlag = Annotated[
    bool,
    typer.Option(
        "--preview", help="Print examples as the model gets them, and train nothing; see -n."
    ),
]


SHOWN = 3
"""Examples that --preview prints without -n."""


Examples = Annotated[
    int | None,
    typer.Option("-n", min=1, help=f"Examples that --preview prints; default: {SHOWN}."),
]


PlanFlag = Annotated[
    bool,
    typer.Option(
        "--plan", help="Print memory, speed and duration, from a few steps that are not kept."
    ),
]


def require_used(
    dry: str,
    unused: Mapping[str, object],
    *,
    count: int | None,
    stage: str,
    of_recipes: Mapping[str, object],
) -> None:
    """Refuse options of `harken train` that would have no effect.

    Args:
        dry: ``--preview`` or ``--plan``, if one is given.
        unused: the options that have no effect with it, and their values.
        count: the value of -n.
        stage: what is run, if it is one stage and no recipe.
        of_recipes: the options that only recipes have, and their values.

    Raises:
        ConfigError: one of them is given.
    """
    given = [name for name, value in unused.items() if value]
    if dry and given:
        raise ConfigError(
            f"{' and '.join(given)} and {dry} are given: {dry} trains nothing and keeps nothing",
            hint=f"Leave out {' and '.join(given)}, or {dry}.",
        )
    if count is not None and dry != "--preview":
        raise ConfigError(
            "-n is given without --preview: it is the number of examples to print",
            hint="Add --preview, or leave out -n.",
        )
    given = [name for name, value in of_recipes.items() if value]
    if stage and given:
        raise ConfigError(
            f"{' and '.join(given)} and the stage {stage} are given: it is for recipes only",
            hint=f"Set the stage's steps: --set {stage}.steps=2." if "--size" in given else "",
        )


def before_run(train: Callable[[Path], Any], *, count: int, plan: bool, as_json: bool) -> None:
    """Print the first `count` examples of what `train` trains, or (0) what it will take.

    Nothing is written: `train` gets a folder that is thrown away.

    Raises:
        ConfigError: both are asked for.
    """
    from harken.recipes.before_run import planned, previewed
    from harken.train.dry import plan_text

    if count and plan:
        raise ConfigError("both --preview and --plan are given", hint="Give one of them.")
    if plan:
        found = planned(train)
        finish(found, plan_text(found), as_json)
        return
    shown = previewed(train, count)
    if as_json or not sys.stdout.isatty():
        from harken.train.preview import legend, plain_text

        text = "\n\n".join([*map(plain_text, shown), legend(colours=False)])
        finish({"examples": [asdict(one) for one in shown]}, text, as_json)
        return
    _print_in_colour(shown)


def _print_in_colour(shown: list[Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    from harken.report.text import printable
    from harken.train.preview import legend, style

    console = Console(highlight=False)
    for one in shown:
        text = Text(one.head + "\n", style="bold")
        for piece in one.pieces:
            text.append(printable(piece.text), style=f"not bold {style(piece)}".strip())
        console.print(text, soft_wrap=True)
        console.print()
    console.print(legend(colours=True), style="dim", markup=False)
