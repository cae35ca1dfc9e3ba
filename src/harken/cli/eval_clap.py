"""`harken eval-clap`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.tag import Contrastive


def eval_clap(
    model: Contrastive,
    corpus: Annotated[list[Path], typer.Argument(help="Folders of labelled recordings.")],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Give a contrastive model its exams on held-out sounds, with 95 % intervals.

    Zero-shot labels, a linear probe, retrieval (R@k, mAP@10), and CompA: scenes of two sounds are
    made in pairs that differ in order, loudness or pitch alone; text, audio and group score, with
    chance 1/4, 1/4 and 1/6.

    Examples:  harken eval-clap clap/model ESC-10
    harken eval-clap clap/model ESC-50 UrbanSound8K --json
    """
    from harken.recipes.clap_exam import eval_clap as run

    found = run(model, corpus, seed=seed)
    lines = []
    for row in found["exams"]:
        chance = "" if row["chance"] is None else f", chance {row['chance']:.2f}"
        ends = "" if row["low"] is None else f" ({row['low']:.3f} to {row['high']:.3f})"
        lines.append(f"{row['exam']}: {row['value']:.3f}{ends}, n {row['n']}{chance}")
    finish(found, "\n".join(lines), as_json)
