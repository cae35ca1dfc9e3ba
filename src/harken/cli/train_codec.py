"""`harken train-codec`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import ConfigFile, Json, Overrides, RecordingSplit, Seed, finish
from harken.cli.outputs import folder_option


def train_codec(
    corpus: Annotated[list[Path], typer.Argument(help="Folders of recordings.")],
    out: Annotated[
        Path,
        folder_option(
            "--out", "-o", help="Folder of the run; the codec is model in it.", makes="run"
        ),
    ],
    config: ConfigFile = None,
    override: Overrides = None,
    split: RecordingSplit = "train",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a neural audio codec: sound to integers and back.

    A causal convolutional encoder, a residual vector quantiser and a decoder, small enough for one
    CPU core; codec.kind=spectral encodes log-mel spectra and finds phases when it decodes. How the
    entries of each codebook are used is told in metrics.jsonl, and a collapse by a warning. Killed
    and started again, it ends with the same weights.

    Examples:  harken train-codec recordings -o codec
    harken train-codec recordings -o codec --set codec.kind=spectral
    harken train-codec ESC-50 LibriSpeech -o codec --set codec.steps=4000
    harken train-codec recordings -o small --set codec.codebooks=4 --set codec.size=128
    """
    from harken.recipes.codec import train
    from harken.report.text import table

    made = train(corpus, out, config=config, overrides=override or [], split=split, seed=seed)
    usage = made["usage"]
    rows = [
        (str(number), f"{own:.0%}", f"{perplexity:.0f}")
        for number, (own, perplexity) in enumerate(
            zip(usage.get("used", ()), usage.get("perplexity", ()), strict=True), 1
        )
    ]
    lines = [
        f"{made['model']}: {made['parameters']:,} parameters, {made['frames_per_s']:g} frames/s, "
        f"{made['codebooks']} codebooks of {made['size']}, {made['bits_per_s'] / 1000:.2f} kbit/s",
        f"trained on {made['recordings']} recordings ({made['hours']:.2f} h)",
    ]
    lines += [table(rows, ("codebook", "used", "perplexity"))] if rows else []
    finish(made, "\n".join(lines), as_json)
