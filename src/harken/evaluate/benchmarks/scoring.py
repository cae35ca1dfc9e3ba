"""Official and strict scores from a release and a set of replies.

*Official* is what the benchmark's own script prints, faults included, and the faults that took
effect are named. *Strict* has a fixed denominator, all items: a reply that is missing, empty,
unreadable or declines is wrong. Only what a judge should have scored and did not (it failed, its
two orders disagree, none was given) is left out and counted as ``failed``; ``between`` has the
lowest and highest score possible with it. Readable is decided by harken's cascade
(`harken.ask.parse`) for choice questions, by the benchmark's own reader for the others. Pure: no
model is called here, except by official rules that need a judge or an embedding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions, unknown, without
from harken.evaluate.benchmarks.rows import faulty
from harken.evaluate.benchmarks.types import FAULTY_ROW, ItemScore, Official, key_of, row_of, share
from harken.item import HIDDEN, Item
from harken.stats import measures as stats


def strict(
    benchmark: Benchmark,
    items: Sequence[Item],
    predictions: Predictions,
    official: Official | None = None,
) -> list[ItemScore]:
    """One strict score per item, in order; what only a judge can score is taken from `official`."""
    return [
        _faulty(item)
        or absent(item, predictions)
        or (_verdict(item, official) if benchmark.judged(item) else None)
        or benchmark.strict_score(item, predictions)
        for item in items
    ]


def _faulty(item: Item) -> ItemScore | None:
    """The score of a row to which no reply is right, else None."""
    return ItemScore(None, FAULTY_ROW) if FAULTY_ROW in item.tags else None


def _verdict(item: Item, official: Official | None) -> ItemScore:
    """A judge's score; where it did not judge, or was not given: ``failed``, without a value."""
    key = key_of(item)
    value = official.scores.get(key) if official is not None else None
    if official is None or value is None or key in official.failed:
        return ItemScore(None, "failed", "no judgement")
    return ItemScore(value, "parsed", "judge")


def absent(item: Item, predictions: Predictions) -> ItemScore | None:
    """The score of an item without a readable reply value, else None."""
    if key_of(item) not in predictions.texts:
        return ItemScore(0.0, "missing")
    value = predictions.get(key_of(item))
    if value is None or not isinstance(value, str | list | dict):
        return ItemScore(0.0, "not-text")
    if isinstance(value, str) and not value.strip():
        return ItemScore(0.0, "empty")
    return None


def score(
    benchmark: Benchmark,
    items: Sequence[Item],
    predictions: Predictions | Mapping[str, Any],
    helpers: Helpers | None = None,
    left_out: Collection[str] = (),
) -> dict[str, Any]:
    """The whole result of ``harken score``; shares in 0..1.

    Args:
        benchmark: its rules.
        items: of the release; those of its faulty rows that the official script scores
            (`Release.odd`) may be among them: they count there, and under ``strict.faulty``.
        predictions: the replies.
        helpers: judge and embedding.
        left_out: keys of rows that nobody can score; replies to them are left out, and told.

    Raises:
        DataError: predictions for keys that are not in the data (all are listed), or the answers
            of all items are withheld.
    """
    given = without(Predictions.of(predictions), left_out, "their rows of the release are faulty")
    unknown_keys = unknown(given, [key_of(item) for item in items])
    if unknown_keys:
        raise faulty(
            unknown_keys, benchmark.name, "Score against the data the model was evaluated on."
        )
    hidden = [key_of(item) for item in items if HIDDEN in item.tags]
    if hidden and len(hidden) == len(items):
        raise faulty(
            [f"the answers of {len(hidden)} of {len(items)} items are withheld"],
            benchmark.name,
            "Write a submission file instead: harken benchmarks NAME --submit.",
        )
    if hidden:
        items = [item for item in items if HIDDEN not in item.tags]
        given = without(given, hidden, "the answers of their items are withheld")
    official = benchmark.official(items, given, helpers or Helpers())
    scores = strict(benchmark, items, given, official)
    read = [one.state == "parsed" for one in scores if one.value is not None]
    return {
        "benchmark": benchmark.name,
        "n": len(items),
        "official": official_json(benchmark, official),
        "strict": _strict_json(scores),
        "parse_rate": share(read),
        "counts": dict(sorted(Counter(one.state for one in scores).items())),
        "by": {name: breakdown(benchmark, items, official, scores, name) for name in benchmark.by},
        "notes": [*given.notes, *_withheld(hidden)],
    }


def _withheld(hidden: Sequence[str]) -> list[str]:
    if not hidden:
        return []
    return [f"{len(hidden)} items left out, as {hidden[0]}: their answers are withheld"]


def official_json(benchmark: Benchmark, found: Official) -> dict[str, Any]:
    """The official part: the value under its metric's name and as ``accuracy`` where it is one."""
    counted = [one for one in found.scores.values() if one is not None]
    low, high = None, None
    # Only of a headline that is the mean of the scores: one by last attempts, say, is not.
    if benchmark.share and found.value is not None and counted and len(counted) == found.n:
        low, high = stats.wilson(sum(counted), len(counted))
    return {
        "metric": found.metric,
        "unit": benchmark.unit,
        "value": found.value,
        "accuracy": found.value if found.metric == "accuracy" else None,
        "n": found.n,
        "low": low,
        "high": high,
        "rule": benchmark.rule,
        "faults": list(found.faults),
        "stops": found.stops,
        "parts": dict(found.parts),
    }


def _strict_json(scores: Sequence[ItemScore]) -> dict[str, Any]:
    values = [one.value for one in scores if one.value is not None]
    faulty_rows = sum(one.state == FAULTY_ROW for one in scores)
    total = len(scores) - faulty_rows
    right, failed = sum(values), total - len(values)
    low, high = stats.wilson(right, len(values)) if values else (None, None)
    rules = Counter(f"{one.state}: {one.rule}" if one.rule else one.state for one in scores)
    return {
        "accuracy": share(values),
        "right": right,
        "n": len(values),
        "failed": failed,
        "faulty": faulty_rows,
        "between": [right / total, (right + failed) / total] if total else None,
        "low": low,
        "high": high,
        "rules": dict(sorted(rules.items())),
    }


def breakdown(
    benchmark: Benchmark,
    items: Sequence[Item],
    official: Official,
    scores: Sequence[ItemScore],
    name: str,
) -> dict[str, Any]:
    """Official and strict by the values of one raw field."""
    groups: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(benchmark.value(row_of(item), name), []).append(place)
    table = {}
    for value, places in sorted(groups.items()):
        theirs = [official.scores.get(key_of(items[place])) for place in places]
        counted = [one for one in theirs if one is not None]
        ours = [own for place in places if (own := scores[place].value) is not None]
        low, high = stats.wilson(sum(ours), len(ours)) if ours else (None, None)
        table[value] = {
            "n": len(places),
            "official": share(counted),
            "official_n": len(counted),
            "strict": share(ours),
            "failed": sum(scores[place].state == "failed" for place in places),
            "low": low,
            "high": high,
        }
    return table
