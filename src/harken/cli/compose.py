"""Verb: compose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, LoraOption, Seed, finish
from harken.cli.outputs import folder_option


def compose(
    encoder: Annotated[
        list[str],
        typer.Option(
            help="Folder, hub id or name of an audio encoder (Whisper, AST, wav2vec …), with "
            "settings; several times: side by side."
        ),
    ],
    lm: Annotated[
        str, typer.Option(help="Folder or hub id of a causal language model with its tokenizer.")
    ],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the new model.", makes="model")
    ],
    projector: Annotated[
        str,
        typer.Option(help="mlp, linear, pooling, qformer, window-qformer …, with settings."),
    ] = "mlp",
    pool: Annotated[int, typer.Option(min=1, help="Encoder frames in one audio token.")] = 4,
    lora: LoraOption = None,
    chat: Annotated[
        str,
        typer.Option(
            help="Prompt format: auto (the LM's chat template, if it has one), chatml, none, or a "
            "jinja file."
        ),
    ] = "auto",
    choices: Annotated[
        str,
        typer.Option(
            help="How options are listed: letters (A. …; a letter is the answer) or text (bare; "
            "an option's text is the answer, which small language models manage better)."
        ),
    ] = "letters",
    copy_bases: Annotated[
        bool,
        typer.Option(
            help="Save the pretrained weights in the model too; else they are named, and looked "
            "for where they are now, below HARKEN_WEIGHTS, and on the hub."
        ),
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the model; default: the folder's.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Join an audio encoder, a projector and a language model into one model to train.

    Only safetensors are read, and no code is run. The projector is fresh: train it with
    `harken train align` first.

    Examples:  harken compose --encoder whisper-base --lm smollm2-135m-instruct -o model

    harken compose --encoder "whisper-base?layers=all" --encoder ast --lm qwen3-0.6b -o model

    harken compose --encoder whisper-base --lm qwen3-0.6b --lora lm:16 -o model

    harken compose --encoder hubert --lm llama --projector "window-qformer?window=17" -o model
    """
    from harken.recipes.compose import PromptFormat, compose_model
    from harken.report.text import table

    made = compose_model(
        "+".join(encoder),
        lm,
        out,
        projector=projector,
        pool=pool,
        lora=lora or [],
        prompts=PromptFormat(chat, choices),
        copy_bases=copy_bases,
        name=name,
        seed=seed,
    )
    rows = [(group, f"{count:,}") for group, count in made["parameters"].items()]
    finish(made, f"{out}\n{table(rows, ('part', 'parameters'))}", as_json)
