"""The table of rules, tests and results in docs/benchmarks.md; run it to print the table.

PYTHONPATH=src python tests/evaluate/benchmarks/bench_table.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_models import Says

from harken.errors import DataError
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.load import BENCHMARKS, open_benchmark
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of
from harken.models.embedding import load_embedder

DATA = Path(__file__).resolve().parents[2] / "data"
JUDGES = {"mmau-pro": "OVERALL: 4", "mae": "CORRECT", "longaudiobench": "8", "jailbreak": "?"}
"""What a stand-in says wherever a judge is asked: results without one would be half empty."""

BEGIN, END = "<!-- results: bench_table.py -->", "<!-- end of results -->"


def table() -> str:
    """A line a benchmark: rule, the test that proves it, and what it gave."""
    lines = ["| name | official rule | test | result on the made-up release |", "|---|---|---|---|"]
    for name in BENCHMARKS:
        benchmark = open_benchmark(name)
        if name == "own":
            found, test, faults = _own(), "`test_bench_own.py`", ""
        else:
            found, test = _scored(name), f"`…by_hand[{name}]`"
            faults = f"; broken: {_faults(name)} faults reported"
        rule = benchmark.rule.replace("|", "\\|")
        lines.append(f"| {name} | {rule} | {test} | {_summary(found)}{faults} |")
    return "\n".join(lines)


def _scored(name: str) -> dict[str, Any]:
    benchmark = open_benchmark(name)
    items = benchmark.load(DATA / name / "release", partial=True)
    (path,) = (DATA / name).glob("predictions.*")
    judge = Says(lambda text: JUDGES[name]) if name in JUDGES else None
    helpers = Helpers(judge=judge, embed=load_embedder("ngrams"))
    return score(benchmark, items, benchmark.read_predictions(path), helpers)


def _own() -> dict[str, Any]:
    benchmark = open_benchmark(str(next((DATA / "own-described").glob("*.yaml"))))
    items = benchmark.load(benchmark.default)
    texts = {key_of(item): item.answer for item in items[:-1]}
    return score(benchmark, items, Predictions.of(texts))


def _faults(name: str) -> int:
    try:
        open_benchmark(name).load(DATA / name / "broken")
    except DataError as refused:
        return int(refused.found.split()[0])
    raise AssertionError(f"the broken release of {name} was taken")


def _summary(found: dict[str, Any]) -> str:
    official, strict = found["official"], found["strict"]
    value = "–" if official["value"] is None else f"{official['value']:.3f}"
    official_text = f"{official['metric']} {value} over {official['n']}"
    if official["stops"]:
        official_text = f"{official['metric']}: the script stops"
    count = f"{strict['n']} of {found['n']}" if strict["failed"] else str(strict["n"])
    return f"{official_text}; strict {strict['accuracy']:.3f} over {count}"


def documented(text: str) -> str:
    """The table as a page holds it."""
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


if __name__ == "__main__":
    print(table())
