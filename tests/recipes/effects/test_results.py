"""From lines to claims: paired seeds, verdicts, tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("torch")

from harken.recipes.effects.results import ArmRun, summarised, verdict
from harken.recipes.effects.study import Claim
from harken.stats.crossed import CrossedInterval

PLAN = {"arms": [{"name": "a"}, {"name": "b"}]}
TERMS = ((1, "a", "exam", "audio"), (-1, "b", "exam", "audio"))


def lines(
    rights: Sequence[float], task: str = "t", condition: str = "audio"
) -> list[dict[str, Any]]:
    return [
        {"exam": "exam", "condition": condition, "task": task, "item": f"{task}{i}",
         "group": f"r{i}", "right": right, "n": 1.0}
        for i, right in enumerate(rights)
    ]  # fmt: skip


def claim(**bound: float) -> Claim:
    return Claim("a is better than b", TERMS, **bound)


def test_only_seeds_of_both_arms_count_in_a_claim() -> None:
    runs = [
        ArmRun("a", 0, lines([1, 1, 1, 0])),
        ArmRun("b", 0, lines([0, 0, 1, 0])),
        ArmRun("a", 1, lines([0, 0, 0, 0])),  # b is not done yet
    ]
    found = summarised([claim(above=0.2)], PLAN, runs)
    (own,) = found["claims"]
    assert own["seeds"] == [0]
    assert own["value"] == pytest.approx(0.5)
    assert own["verdict"] == "too few seeds"
    assert found["seeds"] == {"a": [0, 1], "b": [0]}


def test_cells_say_n_and_right_of_every_run() -> None:
    runs = [ArmRun("b", 3, lines([1, 0, 1])), ArmRun("a", 3, lines([0, 0, 1], condition="none"))]
    cells = summarised([], PLAN, runs)["cells"]
    assert cells == [
        {"arm": "a", "seed": 3, "exam": "exam", "condition": "none", "n": 3, "right": 1.0},
        {"arm": "b", "seed": 3, "exam": "exam", "condition": "audio", "n": 3, "right": 2.0},
    ]


def test_an_exam_of_several_tasks_is_told_by_task_as_well() -> None:
    runs = [ArmRun("a", seed, [*lines([1, 1], "x"), *lines([0, 1], "y")]) for seed in (0, 1)]
    means = {row["task"]: row["value"] for row in summarised([], PLAN, runs)["means"]}
    assert means == {"": 0.75, "x": 1.0, "y": 0.5}


def test_a_claim_without_runs_is_not_run() -> None:
    (own,) = summarised([claim(above=0.0)], PLAN, [])["claims"]
    assert (own["verdict"], own["value"], own["seeds"]) == ("not run", None, [])


@pytest.mark.parametrize(
    ("bound", "low", "high", "expected"),
    [
        ({"above": 0.2}, 0.21, 0.4, "supported"),
        ({"above": 0.2}, 0.1, 0.3, "undecided"),
        ({"above": 0.2}, 0.0, 0.19, "contradicted"),
        ({"above": -0.01}, -0.009, 0.0, "supported"),
        ({"below": 0.0}, -0.3, -0.1, "supported"),
        ({"below": 0.0}, -0.3, 0.1, "undecided"),
        ({"below": 0.0}, 0.01, 0.1, "contradicted"),
        ({"above": 0.0}, 0.0, 0.1, "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    bound: dict[str, float], low: float, high: float, expected: str
) -> None:
    middle = (low + high) / 2
    for seeds, told in ((5, expected), (4, "too few seeds")):
        found = CrossedInterval(middle, low, high, (middle,) * seeds)
        assert verdict(claim(**bound), found) == told
