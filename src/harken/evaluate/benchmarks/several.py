"""Several sets of replies to one benchmark, as from runs of one model: mean and spread.

MMAR's rubrics are reported over five runs with the best and the worst dropped
(`harken.evaluate.benchmarks.mmar`); for all other numbers, the mean and the standard deviation of
the runs are given, and the range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harken.errors import DataError
from harken.evaluate.benchmarks.mmar import without_extremes


def several(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The results of `scoring.score` for each set, in one table.

    Returns:
        ``runs`` (how many), ``official``, ``strict``, ``parse_rate`` and, where there are any,
        ``rubrics``: each with ``values``, ``mean``, ``sd`` (sample, n - 1), ``low``, ``high``; and
        ``each``, the results themselves. Where a run has no number, there is no mean.

    Raises:
        DataError: the sets were scored against different data.
    """
    prints = {result.get("fingerprint") for result in results}
    if len(prints) > 1:
        raise DataError(
            f"the {len(results)} prediction files were scored against different data",
            where=", ".join(sorted(map(str, prints))),
            hint="Name one release with --data.",
        )
    found: dict[str, Any] = {"runs": len(results)}
    for name, key in (("official", "value"), ("strict", "accuracy")):
        found[name] = spread([result[name][key] for result in results])
    found["official"]["metric"] = results[0]["official"]["metric"]
    found["parse_rate"] = spread([result["parse_rate"] for result in results])
    rubrics = [result["official"]["parts"].get("rubrics") for result in results]
    if all(rubrics):
        scores = [part["score"] for part in rubrics if part]
        found["rubrics"] = spread(scores)
        if len(scores) >= 3 and None not in scores:
            found["rubrics"]["without_best_and_worst"] = without_extremes(scores)
    return {**found, "each": list(results)}


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1; None of one value) and range; None if a value is absent."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return {"values": list(values), "mean": None, "sd": None, "low": None, "high": None}
    mean = math.fsum(known) / len(known)
    square = math.fsum((value - mean) ** 2 for value in known)
    sd = math.sqrt(square / (len(known) - 1)) if len(known) > 1 else None
    return {"values": known, "mean": mean, "sd": sd, "low": min(known), "high": max(known)}
