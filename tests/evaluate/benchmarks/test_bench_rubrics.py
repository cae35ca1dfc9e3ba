"""MMAR's rubrics: five raters are five requests, trimmed by item; replies of every shape."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_models import Says
from test_bench_golden import opened, replies

from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.mmar import read_points, without_extremes
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.types import key_of
from harken.models.base import Prompt, Reply, Sampling
from harken.models.reply_cache import ReplyCache


def points(right: int, why: str = "") -> str:
    return json.dumps([{"name": f"p{n}", "score": int(n < right), "justification": why}
                       for n in range(5)])  # fmt: skip


PROSE = [
    "{}",
    "Here is my evaluation [as asked]:\n{}",
    "[Note] the model said [1] and [2].\n\n{}\nThat is all [end].",
    "```json\n{}\n```",
    '{{"result": {}}}',
    "[[see below]] [] [1, 2] {}",
    "I first thought of this: {0}\nand I keep it: {0}",
    "An open bracket [ and then {}",
]


@pytest.mark.parametrize("prose", PROSE)
@pytest.mark.parametrize("why", ["", "at [0:12] a dog, then [unclear] \\ ] ["])
def test_the_list_is_found_in_prose_with_brackets(prose: str, why: str) -> None:
    assert read_points(prose.format(points(3, why))) == pytest.approx(0.6)


@pytest.mark.parametrize(
    "reply",
    ["[see] no list", points(3)[:-1], "[" * 5000, f"{points(3)} or rather {points(4)}",
     points(3).replace('"score": 1', '"score": "1"'), points(3).replace("1", "0.5")],
)  # fmt: skip
def test_no_list_or_two_that_differ_are_unreadable(reply: str) -> None:
    assert read_points(reply) is None


@pytest.mark.parametrize("size", [1, 3, 4, 7])
def test_as_many_points_as_the_rubric_has(size: int) -> None:
    reply = json.dumps([{"name": "p", "score": int(n == 0)} for n in range(size)])
    assert read_points(reply, size) == pytest.approx(1 / size)
    assert read_points(reply, size + 1) is None and read_points(reply) is None


def judged(speak: Any, runs: int = 5) -> tuple[dict[str, Any], tuple[str, ...], Says]:
    """Rubrics of two items of three choices that are right, and one that is wrong."""
    benchmark, items = opened("mmar")
    judge = Says(speak)
    texts = {key_of(one): one.answer for one in items[:2]} | {key_of(items[2]): "none of them"}
    found = benchmark.official(items, Predictions.of(texts), Helpers(judge, runs=runs))
    return found.parts["rubrics"], found.faults, judge


def test_best_and_worst_are_dropped_by_item() -> None:
    # Run 1 is the best for the first item and the worst for the second: trimming runs drops neither
    given = {"r1": iter([5, 0, 1, 1, 1]), "r2": iter([0, 5, 3, 3, 3])}
    part, faults, judge = judged(
        lambda text: points(next(given["r1" if "Question r1?" in text else "r2"]))
    )
    assert len(judge.asked) == 10 == part["judge_calls"]
    assert part["score"] == pytest.approx((1 / 5 + 3 / 5 + 0) / 3)
    assert part["as_script"] == {"score": part["score"], "n": 3}
    assert part["runs"][0] == pytest.approx((1 + 0 + 0) / 3) and not part["deterministic"]
    assert not faults


@pytest.mark.parametrize("failing", [1, 2, 4])
def test_failed_raters_leave_the_item_to_the_others(failing: int) -> None:
    count = itertools.count()

    def speak(text: str) -> str | None:
        if "Question r1?" not in text:
            return points(5)
        return None if next(count) < failing else points(3)

    part, faults, _ = judged(speak)
    assert part["score"] == pytest.approx((0.6 + 1 + 0) / 3) and part["n"] == 3
    assert part["failed"] == 0 and part["raters_failed"] == failing
    assert part["as_script"] == {"score": 0.5, "n": 2}, "the script leaves the item out"
    assert any(f"{failing} of 10 judgements failed" in fault for fault in faults)


def test_an_item_without_any_rater_is_not_evaluated() -> None:
    part, faults, _ = judged(lambda text: None if "Question r1?" in text else points(5))
    assert (part["score"], part["n"], part["failed"]) == (0.5, 2, 1)
    assert any("1 items have no judgement" in fault for fault in faults)


def test_an_unreadable_reply_is_asked_for_again_and_a_failed_request_is_not() -> None:
    count = itertools.count()
    part, _, judge = judged(lambda text: points(4) if next(count) >= 3 else f"Hm {count}", runs=1)
    assert part["failed"] == 0 and len(judge.asked) == part["judge_calls"] == 5
    never = judged(lambda text: f"Hm {next(count)}", runs=1)
    assert never[0]["failed"] == 2 and len(never[2].asked) == 6
    same = judged(lambda text: "Hm", runs=1)
    assert same[0]["failed"] == 2 and len(same[2].asked) == 4, "word for word: no third time"
    down = judged(lambda text: None, runs=1)
    assert down[0]["failed"] == 2 and len(down[2].asked) == 2


def test_a_deterministic_judge_is_told() -> None:
    part, faults, _ = judged(lambda text: points(3))
    assert part["deterministic"] and any("deterministic" in fault for fault in faults)
    once, none, _ = judged(lambda text: points(3), runs=1)
    assert "deterministic" not in once and not none


def test_a_judge_that_is_down_is_not_called_deterministic() -> None:
    part, faults, _ = judged(lambda text: None)
    assert not part["deterministic"] and (part["n"], part["failed"]) == (1, 2)
    assert not any("deterministic" in fault for fault in faults)


def test_without_a_right_answer_no_rater_is_asked_and_all_runs_are_zero() -> None:
    benchmark, items = opened("mmar")
    judge = Says(lambda text: points(5))
    texts = {key_of(one): "none of them" for one in items}
    part = benchmark.official(items, Predictions.of(texts), Helpers(judge, runs=5)).parts["rubrics"]
    assert part["runs"] == [0.0] * 5 and part["score"] == 0 and not judge.asked


def test_five_runs_are_five_requests_and_a_second_scoring_is_none(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    from fake_server import Standin
    from harken.models.load import load_model

    class Counts(Standin):
        """Says 0, 1, 2, 3, 4 points of five, one reply after the other."""

        given = itertools.count()
        reply = property(lambda self: points(next(self.given)), lambda self, value: None)

    benchmark, items = opened("mmar")
    found = []
    with Counts() as server:
        for _ in range(2):
            model = load_model(f"openai:rater@{server.url}", backoff_s=0.01)
            judge = ReplyCache(model, tmp_path / "judge")
            helpers = Helpers(judge, runs=5)
            found.append(benchmark.official(items, replies("mmar", benchmark), helpers).parts)
            judge.close()
        assert server.seen.did["answer"] == 5, "one item is right, five raters"
        assert all("seed" not in body for body in server.seen.bodies), "greedy, as in the script"
    assert found[0]["rubrics"]["runs"] == pytest.approx([n / 5 / 3 for n in range(5)])
    assert found[0]["rubrics"]["score"] == pytest.approx(0.4 / 3)
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "told"), [("mmau-pro", True), ("mmar", False)])
def test_runs_that_a_rule_does_not_repeat_are_told(name: str, told: bool) -> None:
    benchmark, items = opened(name)
    helpers = Helpers(Says(lambda text: "OVERALL: 4" if name == "mmau-pro" else points(2)), runs=5)
    benchmark.official(items, replies(name, benchmark), helpers)
    report = helpers.report("m")
    assert report is not None and report["runs"] == (1 if told else 5)
    assert any("judge runs" in warning for warning in report["warnings"]) == told


def test_a_list_within_a_list_is_no_list_of_points() -> None:
    assert read_points('[{"score": 1, "parts": [{"score": 0}]}]', 1) == 1
    assert read_points('Parts: [["a"]]. [{"score": 0, "parts": [{"score": 1}]}]', 1) == 0


def test_the_items_that_the_script_leaves_out_are_counted() -> None:
    """Of two items all raters fail on the first, and one on the second."""
    count = itertools.count()

    def speak(text: str) -> str | None:
        return None if "Question r1?" in text or next(count) < 1 else points(5)

    part, faults, _ = judged(speak)
    assert (part["n"], part["failed"], part["raters_failed"]) == (2, 1, 6)
    assert part["as_script"] == {"score": 0.0, "n": 1}
    (told,) = (fault for fault in faults if "judgements failed" in fault)
    assert "6 of 10 judgements" in told and "all 2 items concerned" in told


def test_every_try_of_every_rater_has_a_seed_of_its_own() -> None:
    class Seeded(Says):
        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
            seeds.append(sampling.seed)
            return super().generate(prompts, sampling)

    seeds: list[int] = []
    count = itertools.count()
    benchmark, items = opened("mmar")
    judge = Seeded(lambda text: f"Hm {next(count)}")
    texts = {key_of(items[0]): items[0].answer}
    benchmark.official(items, Predictions.of(texts), Helpers(judge, runs=3))
    assert len(seeds) == 9 == len(set(seeds))


@pytest.mark.parametrize(
    ("scores", "mean"),
    [([0.4], 0.4), ([0.2, 1.0], 0.6), ([0.0, 0.4, 1.0], 0.4), ([1, 1, 0, 0.5], 0.75)],
)
def test_extremes_are_left_out_of_three_or_more(scores: list[float], mean: float) -> None:
    assert without_extremes(scores) == pytest.approx(mean)
