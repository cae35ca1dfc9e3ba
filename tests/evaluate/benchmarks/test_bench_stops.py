"""Where a script would stop before it prints, the result says so instead of a number."""

from __future__ import annotations

from typing import Any

import pytest
from test_bench_golden import opened

from harken.evaluate.benchmarks.hallucination import FIRST, SECOND, Hallucination
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.lmms import TASKS, choice, reading
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import Official, key_of

BARE: dict[str, Any] = {}
OLD = {"sampling": "random", "prompt_text": "Is there?"}
NEW = {"query": "Is there?"}


def scored(golds: str, replies: list[str], more: dict[str, Any]) -> Official:
    """Golds as letters Y and N, in order."""
    benchmark = Hallucination()
    rows = [{"entry_id": n, "audio_index": f"c{n // 2}", "label": {"Y": "Yes", "N": "No"}[own],
             **more} for n, own in enumerate(golds)]  # fmt: skip
    items = [benchmark.item(benchmark.keyed(row, n), ()) for n, row in enumerate(rows)]
    texts = {key_of(item): reply for item, reply in zip(items, replies, strict=True)}
    return benchmark.official(items, Predictions.of(texts), Helpers())


@pytest.mark.parametrize("golds, replies, why", [
    ("YNYN", ["Yes"] * 4, "no reply that is not Yes"),
    ("YYYY", ["No"] * 4, "no item with the gold No"),
    ("YNYN", ["No", "Yes", "No", "Yes"], "no right No"),
    ("YNYN", [""] * 4, "no right No"),
    ("YNYN", ["No", "Hmm", "Yes", "Yes"], "no right No"),
])  # fmt: skip
@pytest.mark.parametrize("more", [BARE, OLD, NEW])
def test_both_hallucination_scripts_stop(
    golds: str, replies: list[str], why: str, more: dict[str, Any]
) -> None:
    found = scored(golds, replies, more)
    assert found.value is None and why in found.stops and found.n == 4
    whose = {id(BARE): (FIRST, SECOND), id(OLD): (FIRST,), id(NEW): (SECOND,)}[id(more)]
    assert [name for name in (FIRST, SECOND) if name in found.stops] == list(whose)


def test_a_script_that_does_not_stop_gives_its_number() -> None:
    """Rows in an order without pairs: only the second script needs pairs."""
    golds, replies = "NNYY", ["No", "Yes", "Yes", "No"]
    for more in (BARE, OLD):
        found = scored(golds, replies, more)
        assert found.value == 0.5 and not found.stops
        assert found.parts[FIRST]["accuracy"] == 50.0
        assert any(one.startswith(f"{SECOND}: the script stops") for one in found.faults)
    found = scored(golds, replies, NEW)
    assert found.value is None and "no pair of a positive and a negative row" in found.stops


def test_no_rows_stop_the_script() -> None:
    benchmark, items = opened("hallucination")
    assert "no rows" in score(benchmark, items, {})["official"]["stops"]


# How lmms-eval reads the same replies.


@pytest.mark.parametrize("reply, plain, worded", [
    ("B", 1, 1), ("(B)", 1, 1), ("B.", 1, 1), ("The answer is (C).", 2, 2), ("A or B", 1, 1),
    ("I hear a dog", None, None), ("The sound is that of a dog", None, 0),
    ("The answer is C because B is not heard", 1, 1), ("NASA is", None, 0), ("", None, None),
    ("It is B. Then C.", 2, 2), ("(A) and (C)", 0, 2), ("dog", None, None),
])  # fmt: skip
def test_letters_as_lmms_eval_finds_them(reply: str, plain: int | None, worded: int | None) -> None:
    options = ["dog", "cat", "car", "rain"]
    assert choice(reply, options, 4, False) == plain
    assert choice(reply, options, 4, True) == worded


@pytest.mark.parametrize("name", TASKS)
def test_a_guess_counts_by_its_expectation(name: str) -> None:
    items = opened(name)[1]
    silent = reading(name, items, {})
    assert silent is not None and silent["guessed"] == 1
    chance = [item.plan["options"].count(item.answer) / len(item.plan["options"]) for item in items]
    assert silent["accuracy"] <= sum(chance) / len(chance) + 1e-9  # MMAU: always four letters
    letters = {key_of(item): "ABCDE"[item.plan["options"].index(item.answer)] for item in items}
    told = reading(name, items, letters)
    assert told == {"accuracy": 1.0, "n": len(items), "guessed": 0.0}
    assert reading("compa", items, letters) is None
