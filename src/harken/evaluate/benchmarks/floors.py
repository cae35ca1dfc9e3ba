"""Text-only floors: what a benchmark scores without audio, most of them without any model.

* ``chance``: uniform guessing over the official options;
* ``constant``: always the same position, for each position;
* ``longest``: the option with most characters, the first of equally long ones; ``ties_shared`` is
  the same with the point shared by ties, so position bias does not raise it;
* ``category_majority``: the best position of each value of a field; as found on these items, and
  held out (the position is chosen on nine tenths, by hash of the key, and scored on the last);
* ``linear``: a bag of words with lengths, overlap and position (`harken.models`, name ``linear``),
  each item answered by the model of the fold that has not seen it (10 folds);
* ``text_model``: where one is named, a model given the same prompts without clips; an
  unreadable answer is wrong, and a failed request is counted apart.

Intervals are Wilson's 95 %. Questions without options, and withheld answers, are counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from harken.ask.parse import parse
from harken.ask.prompt import make_prompt
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.types import key_of, options_of, row_of
from harken.item import HIDDEN, Item
from harken.models.base import Model, Sampling, style_of
from harken.models.load import load_model
from harken.stats import measures as stats

FOLDS = 10


def floor(
    benchmark: Benchmark,
    items: Sequence[Item],
    *,
    linear: bool = True,
    model: Model | None = None,
    sampling: Sampling | None = None,
) -> dict[str, Any]:
    """All floors; shares in 0..1. `linear` takes seconds per thousand items and may be left out.

    `sampling` is that of the replies of `model`.
    """
    closed_ended = [item for item in items if len(item.choices) > 1 and HIDDEN not in item.tags]
    found: dict[str, Any] = {
        "benchmark": benchmark.name,
        "n": len(closed_ended),
        "open": sum(not item.choices for item in items),
        "hidden": sum(HIDDEN in item.tags for item in items),
    }
    if not closed_ended:
        names = ("chance", "longest", "category_majority", "linear", "text_model")
        return {**found, **dict.fromkeys(names), "fields": {}, "constant": [], "gold_position": []}
    sizes = [len(options_of(item)) for item in closed_ended]
    # An empty option is not shown, and so not guessed.
    shown = [sum(bool(one.strip()) for one in options_of(item)) for item in closed_ended]
    found["chance"] = sum(1 / size for size in shown) / len(closed_ended)
    found["constant"] = [
        {"position": place, **_cell([_holds(item, place) for item in closed_ended])}
        for place in range(max(sizes))
    ]
    golds = [options_of(item).index(item.answer) for item in closed_ended]
    found["gold_position"] = [golds.count(place) for place in range(max(sizes))]
    longest = [_longest(item) for item in closed_ended]
    found["longest"] = {
        **_cell([first for first, _ in longest]),
        "ties_shared": sum(shared for _, shared in longest) / len(closed_ended),
    }
    fields = {name: _majority(benchmark, closed_ended, name) for name in benchmark.by}
    main = benchmark.task or next(iter(fields), "")
    found["category_majority"] = {**fields[main], "by": main} if main in fields else None
    found["fields"] = fields
    found["linear"] = _linear(closed_ended) if linear else None
    found["text_model"] = None
    if model is not None:
        found["text_model"] = _text_model(benchmark, closed_ended, model, sampling or Sampling())
    return found


def _cell(scores: Sequence[float]) -> dict[str, Any]:
    low, high = stats.wilson(sum(scores), len(scores))
    return {"accuracy": sum(scores) / len(scores), "low": low, "high": high}


def _holds(item: Item, place: int) -> float:
    """Whether the option at `place` is the gold, by text: a repeated gold is right twice."""
    options = options_of(item)
    return float(place < len(options) and options[place] == item.answer)


def _longest(item: Item) -> tuple[float, float]:
    """The score of the first longest option, and of the longest ones with the point shared."""
    options = options_of(item)
    size = max(len(one) for one in options)
    longest = [one for one in options if len(one) == size]
    return float(longest[0] == item.answer), longest.count(item.answer) / len(longest)


def _majority(benchmark: Benchmark, items: Sequence[Item], name: str) -> dict[str, Any]:
    """The best position of each value: on the items themselves, and chosen on the other folds."""
    values = [benchmark.value(row_of(item), name) for item in items]
    folds = [crc32(key_of(item).encode()) % FOLDS for item in items]
    size = max(len(options_of(item)) for item in items)
    holds = np.array([[_holds(item, place) for place in range(size)] for item in items])
    right: dict[str, npt.NDArray[np.float64]] = {}  # value -> (folds, positions) right answers
    for value, fold, row in zip(values, folds, holds, strict=True):
        right.setdefault(value, np.zeros((FOLDS, size)))[fold] += row
    best = {value: int(own.sum(0).argmax()) for value, own in sorted(right.items())}
    fitted = [float(row[best[value]]) for value, row in zip(values, holds, strict=True)]
    held = [
        float(row[int((right[value].sum(0) - right[value][fold]).argmax())])
        for value, fold, row in zip(values, folds, holds, strict=True)
    ]
    return {**_cell(fitted), "held_out": _cell(held), "positions": best}


def _linear(items: Sequence[Item]) -> dict[str, Any]:
    model = load_model("linear", items=items)
    prompts = [make_prompt(item, style_of(model)) for item in items]
    scores = []
    for item, logs in zip(items, model.choice_logprobs(prompts), strict=True):
        top = [place for place, value in enumerate(logs or ()) if value == max(logs or ())]
        scores.append(float(item.gold in top) / max(1, len(top)))
    return {**_cell(scores), "folds": FOLDS}


def _text_model(
    benchmark: Benchmark, items: Sequence[Item], model: Model, sampling: Sampling
) -> dict[str, Any]:
    """Replies to the prompts of `items` without their clips."""
    prompts = [make_prompt(item.with_clips(()), style_of(model)) for item in items]
    scores: list[float] = []
    read = failed = 0
    replies = model.generate(prompts, sampling)
    cut = sum(reply.stop == "length" for reply in replies)
    for item, reply in zip(items, replies, strict=True):
        if reply.stop == "failed" or reply.error is not None:
            failed += 1
            continue
        # Prompts list the choices in the item's order, each text once.
        parsed = parse(reply.text, make_prompt(item, style_of(model)))
        read += parsed.choice is not None
        scores.append(float(parsed.choice == item.gold))
    if not scores:
        return {"name": model.name, "accuracy": None, "low": None, "high": None,
                "parsed": 0, "failed": failed, "cut": cut}  # fmt: skip
    return {"name": model.name, **_cell(scores), "parsed": read, "failed": failed, "cut": cut}
