"""Runs are told apart by the end of their path, and by the settings that differ."""

from __future__ import annotations

import pytest

from harken.labels import run_labels, settings_apart, tails


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["runs/before", "runs/after"], ["before", "after"]),
        (["a/mmau", "b/mmau"], ["a/mmau", "b/mmau"]),
        (["x/a/mmau", "y/a/mmau", "z/other"], ["x/a/mmau", "y/a/mmau", "other"]),
        (["a/r", "b/r", "c/a/r"], ["{here}/a/r", "b/r", "c/a/r"]),
        (["a/r", "a/r"], ["r", "r (2)"]),
        (["a/r", "./a/r/", "b/r"], ["a/r", "a/r (2)", "b/r"]),
        (["r"], ["r"]),
    ],
)
def test_the_shortest_end_that_no_other_path_has(
    paths: list[str], shown: list[str], tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    assert tails(paths) == [one.replace("{here}", here.name) for one in shown]
    assert len(set(tails(paths))) == len(paths)


def test_settings_that_differ_are_named_by_dotted_key() -> None:
    specs = [
        {"model": "m", "seed": 0, "sampling": {"temperature": 0, "top_k": 5}, "scorer": "strict"},
        {"model": "n", "seed": 1, "sampling": {"temperature": 1, "top_k": 5}},
    ]
    assert settings_apart(specs) == [
        {"seed": 0, "sampling.temperature": 0, "scorer": "strict"},
        {"seed": 1, "sampling.temperature": 1, "scorer": None},
    ]
    assert run_labels(["a/r", "b/r"], specs) == [
        "a/r: m; seed 0, sampling.temperature 0, scorer strict",
        "b/r: n; seed 1, sampling.temperature 1, scorer null",
    ]
    assert run_labels(["a/r", "b/r"], [specs[0]] * 2) == ["a/r: m", "b/r: m"]


def test_long_values_are_cut() -> None:
    labels = run_labels(["a", "b"], [{"model": "m", "x": "y" * 99}, {"model": "m", "x": ""}])
    assert len(labels[0]) < 60 and labels[0].endswith("…")
