"""`harken train-clap`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import ConfigFile, Json, Overrides, RecordingSplit, Seed, finish
from harken.cli.outputs import folder_option


def train_clap(
    corpus: Annotated[
        list[Path], typer.Argument(help="Folders of labelled recordings, or of harken scene.")
    ],
    out: Annotated[
        Path,
        folder_option(
            "--out", "-o", help="Folder of the run; the new one is model in it.", makes="run"
        ),
    ],
    encoder: Annotated[
        str,
        typer.Option(
            help="Audio tower: resnet (trained from fresh weights), or a folder, hub id or name of "
            "a pretrained encoder, which is frozen."
        ),
    ] = "resnet",
    text: Annotated[
        str, typer.Option(help="Text tower: ngrams, or a sentence encoder, as hf:minilm-l6.")
    ] = "ngrams",
    preset: Annotated[
        str, typer.Option(help="As a published model: clap, or compa-clap (hard negatives).")
    ] = "",
    config: ConfigFile = None,
    override: Overrides = None,
    split: RecordingSplit = "train",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a contrastive model of audio and text (CLAP), for harken tag and harken search.

    Captions are made of the labels of recordings, and of what is known of scenes: which sound comes
    first, which is on the left. With clap.hard_negatives the same words in a false order are wrong
    answers that the model learns to tell apart (CompA). Killed and started again, it ends with the
    same weights.

    Examples:  harken train-clap ESC-50 -o clap --text hf:minilm-l6
    harken train-clap ESC-50 -o clap --encoder whisper-base --text hf:minilm-l6
    harken train-clap scenes -o compa --text hf:minilm-l6 --preset compa-clap
    """
    from harken.recipes.clap import Towers, train

    made = train(
        corpus,
        out,
        towers=Towers(encoder, text),
        config=config,
        overrides=override or [],
        preset=preset,
        split=split,
        seed=seed,
    )
    told = (
        f"{made['model']}: {encoder} and {text}, {made['trained']:,} trained parameters, "
        f"{made['steps']} steps on {made['clips']} clips, {made['with_negatives']} of them with "
        "hard negatives"
    )
    finish(made, told, as_json)
