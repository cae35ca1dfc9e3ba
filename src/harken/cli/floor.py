"""`harken floor`."""

from __future__ import annotations

from typing import Annotated

import typer

from harken.cli.options import Json, MaxTokens, ThinkingTokens, finish
from harken.cli.releases import Data, about_release, source_of
from harken.report.scores import floor_text


def floor(
    benchmark: Annotated[str, typer.Argument(help="Its name; or a .yaml.")],
    data: Data = None,
    model: Annotated[
        str | None, typer.Option(help="Also evaluate this model, without the audio.")
    ] = None,
    max_tokens: MaxTokens = 32,
    thinking_tokens: ThinkingTokens = 0,
    as_json: Json = False,
) -> None:
    """The text-only floor of a benchmark: no audio, and no model unless one is named.

    Examples:  harken floor mmau --data mmau-test-mini.json     harken floor own --data items.jsonl
    """
    from harken.evaluate.benchmarks.floors import floor as measure
    from harken.evaluate.benchmarks.load import open_benchmark
    from harken.models.base import Sampling
    from harken.models.load import load_model

    sampling = Sampling(max_tokens, thinking_tokens=thinking_tokens)

    bench = open_benchmark(benchmark)
    release = bench.release(source_of(bench, data), partial=True)
    asked = load_model(model) if model else None
    found = {
        **about_release(release),
        **measure(bench, release.items, model=asked, sampling=sampling),
    }
    found["warnings"] = list(release.notes)
    finish(found, floor_text(found), as_json)
