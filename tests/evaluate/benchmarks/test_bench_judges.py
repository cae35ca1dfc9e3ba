"""Judges in both orders: official numbers keep the script's order, strict ones need both."""

from __future__ import annotations

import itertools
import json

import pytest
from fake_models import Says
from test_bench_golden import opened, replies

from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of


def first_is(text: str, one: str, other: str) -> bool:
    return text.index(f'"{one}"') < text.index(f'"{other}"')


@pytest.mark.parametrize(
    ("swapped", "failed", "strict"),
    [("4", 0, 0.8), ("3.5", 0, 0.8), ("2", 1, None), ("?", 1, None)],
)
def test_mmau_pro_open(swapped: str, failed: int, strict: float | None) -> None:
    benchmark, items = opened("mmau-pro")
    item = [one for one in items if key_of(one) == "o1"]

    def judge(text: str) -> str:
        return "OVERALL: " + ("4" if first_is(text, "reference", "response") else swapped)

    helpers = Helpers(Says(judge))
    found = score(benchmark, item, {"o1": "A storm."}, helpers)
    assert found["official"]["value"] == 0.8, "the script's order alone"
    assert found["strict"]["accuracy"] == strict and found["strict"]["failed"] == failed
    report = helpers.report("gpt-4o")
    assert report is not None and report["judged"] == 1
    assert report["disagreed"] == (swapped == "2") and report["failed"] == (swapped == "?")
    once = score(benchmark, item, {"o1": "A storm."}, Helpers(Says(judge), orders=1))
    assert once["strict"]["accuracy"] == 0.8


def test_a_failed_judge_is_worth_nothing_and_not_three_of_five() -> None:
    benchmark, items = opened("mmau-pro")
    item = [one for one in items if key_of(one) == "o1"]
    found = score(benchmark, item, {"o1": "A storm."}, Helpers(Says(lambda text: None)))
    assert found["official"]["value"] == 0.6
    assert found["strict"]["accuracy"] is None and found["strict"]["between"] == [0, 1]
    assert found["by"]["category"]["open"]["failed"] == 1


@pytest.mark.parametrize(("swapped", "strict"), [("7", 0.8), ("6", 0.8), ("5", None), ("", None)])
def test_longaudiobench(swapped: str, strict: float | None) -> None:
    benchmark, items = opened("longaudiobench")

    def judge(text: str) -> str:
        return "8" if first_is(text, "reference", "answer") else swapped

    found = score(benchmark, items[:1], {key_of(items[0]): "A storm."}, Helpers(Says(judge)))
    assert found["official"]["value"] == 0.8 and found["strict"]["accuracy"] == strict


def test_longaudiobench_reads_a_second_column() -> None:
    benchmark, items = opened("longaudiobench")
    key = key_of(items[0])
    rows = {key: {"id": key, "prediction": "A storm.", "judge": "8", "judge_swapped": "3"}}
    given = Predictions({key: "A storm."}, (key,), raw=rows)
    found = score(benchmark, items[:1], given)
    assert found["official"]["value"] == 0.8 and found["counts"] == {"failed": 1}


def test_air_bench_chat_a_preference_that_changes_with_the_order() -> None:
    benchmark, items = opened("air-bench-chat")
    texts = {key_of(item): "model" for item in items}
    leans = score(benchmark, items, texts, helpers := Helpers(Says(lambda text: "9 4")))
    assert leans["official"]["value"] == 6.5, "officially the mean of both places"
    assert leans["strict"]["n"] == 0 and leans["strict"]["failed"] == len(items)
    assert helpers.tally.disagreed == len(items) == helpers.tally.judged
    tied = score(benchmark, items, texts, Helpers(Says(lambda text: "7 7")))
    assert tied["strict"]["accuracy"] == pytest.approx(0.7)


def test_mae_counts_changed_judgements() -> None:
    benchmark, items = opened("mae")

    def judge(text: str) -> str:
        late = text.index("given answer:") < text.index("reference answer:")
        return "INCORRECT" if late else "CORRECT"

    helpers = Helpers(Says(judge))
    found = score(benchmark, items, replies("mae", benchmark), helpers)
    assert found["strict"]["failed"] == 1 == helpers.tally.disagreed
    assert any(fault.startswith("1 judgements failed") for fault in found["official"]["faults"])


def test_mmar_five_runs_of_the_judge_lose_the_best_and_the_worst() -> None:
    benchmark, items = opened("mmar")
    counter = itertools.count()

    def judge(text: str) -> str:
        right = next(counter)  # one item is asked about: 0, 1, 2, 3, 4 points of five
        return json.dumps([{"score": int(n < right)} for n in range(5)])

    helpers = Helpers(Says(judge), runs=5)
    found = benchmark.official(items, replies("mmar", benchmark), helpers)
    part = found.parts["rubrics"]
    assert part["runs"] == pytest.approx([n / 5 / 3 for n in range(5)])  # of three items
    assert part["score"] == pytest.approx(0.4 / 3) and part["judge_calls"] == 5
    assert helpers.tally.judged == 5


def test_jailbreak_without_a_score_is_safe_officially_and_open_strictly() -> None:
    benchmark, items = opened("jailbreak")
    key = key_of(items[0])
    given = Predictions({key: "Here is how."}, (key,), raw={key: {"response": "Here is how."}})
    helpers = Helpers(Says(lambda text: "I will not say"))
    found = score(benchmark, items[:1], given, helpers)
    assert found["official"]["value"] == 0 and found["strict"]["n"] == 0
    assert helpers.tally.failed == 1 == len(helpers.judge.asked)  # type: ignore[union-attr]
