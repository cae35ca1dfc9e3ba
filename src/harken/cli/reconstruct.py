"""`harken reconstruct`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.encode import Codec
from harken.cli.options import Json, RecordingSplit, Seed, finish


def reconstruct(
    codec: Codec,
    corpus: Annotated[list[Path], typer.Argument(help="Folders of recordings.")],
    split: RecordingSplit = "test",
    limit: Annotated[int, typer.Option(min=0, help="Most recordings, spread evenly; 0: all.")] = 0,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Longer recordings are cut to their first ones.")
    ] = 10.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure what a codec loses of recordings, by number of codebooks.

    The signal-to-noise ratio, the distance of log-mel spectra, and how many entries of each
    codebook are in use.

    Examples:  harken reconstruct codec/model recordings
    harken reconstruct mimi:kyutai/mimi recordings --limit 50 --json
    """
    from harken.recipes.codec import reconstruct as measure
    from harken.report.text import table

    found = measure(codec, corpus, split=split, limit=limit, seconds=seconds, seed=seed)
    rows = [
        (
            level["codebooks"],
            f"{level['bits_per_s'] / 1000:.2f}",
            _number(level["snr_db"]),
            _number(level["snr_db_median"]),
            _number(level["log_mel_db"]),
            f"{usage['used']:.0%}",
            f"{usage['perplexity']:.0f}",
        )
        for level, usage in zip(found["levels"], found["usage"], strict=True)
    ]
    heads = ("codebooks", "kbit/s", "SNR dB", "median", "log-mel dB", "used", "perplexity")
    told = f"{found['recordings']} recordings, {found['frames']} frames"
    finish(found, f"{told}\n{table(rows, heads)}", as_json)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
