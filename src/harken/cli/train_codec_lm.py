"""`harken train-codec-lm`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.encode import Codec
from harken.cli.options import ConfigFile, Json, Overrides, RecordingSplit, Seed, finish
from harken.cli.outputs import folder_option


def train_codec_lm(
    codec: Codec,
    corpus: Annotated[
        list[Path], typer.Argument(help="Folders of recordings with transcripts or labels.")
    ],
    out: Annotated[
        Path,
        folder_option(
            "--out", "-o", help="Folder of the run; the new one is model in it.", makes="run"
        ),
    ],
    preset: Annotated[
        str,
        typer.Option(
            help="As a published model: audiolm, audiopalm, llama-mimi, ualm, apertus-1.5."
        ),
    ] = "",
    config: ConfigFile = None,
    override: Overrides = None,
    split: RecordingSplit = "train",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a codec language model (speech LM, TTS): text to the codes of a codec, and back.

    A small decoder over text tokens and codes learns to speak (text to sound), to continue a sound,
    and to write what is said. codec-lm.pattern says how the codebooks are laid out: flattened,
    delayed or parallel. Killed and started again, it ends with the same weights.

    Examples:  harken train-codec-lm codec/model FSDD -o speech
    harken train-codec-lm codec/model FSDD ESC-50 -o speech --set codec-lm.steps=4000
    harken train-codec-lm codec/model FSDD -o flat --preset llama-mimi
    """
    from harken.recipes.codec_lm import train

    made = train(
        codec,
        corpus,
        out,
        config=config,
        overrides=override or [],
        preset=preset,
        split=split,
        seed=seed,
    )
    known = made["training"]
    held = f", held out {known['held_out_code']:.2f}" if "held_out_code" in known else ""
    lines = [
        f"{made['model']}: {made['parameters']:,} parameters, {made['pattern']} codes of "
        f"{made['codebooks']} codebooks, {len(made['voices'])} voices, {made['texts']} texts",
        f"trained on {known['recordings']} of {made['recordings']} recordings, "
        f"{known['steps']} steps",
    ]
    if "code" in known:
        lines.append(f"nats a code: trained {known['code']:.2f}{held}")
    finish(made, "\n".join(lines), as_json)
