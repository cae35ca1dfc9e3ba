"""Events in replies, and how many are met."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from harken.recipes.effects.measures import events_in, events_met

GOLD = [("dog bark", 0.5, 1.0), ("rain", 2.0, 3.5)]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("dog bark 0.35s to 1.20s", [("dog bark", 0.35, 1.2)]),
        ("Dog Bark 0.35s to 1.20s, rain 2.0 s to 3 s", [("dog bark", 0.35, 1.2), ("rain", 2, 3)]),
        ("dog bark <|0.35|> to <|1.20|>", [("dog bark", 0.35, 1.2)]),
        ("dog bark<|0.35|> to<|1.20|>, rain<|2.00|> to<|3.00|>",
         [("dog bark", 0.35, 1.2), ("rain", 2.0, 3.0)]),
        ("dog bark 1.20s to 0.35s", []),  # backwards
        ("dog bark", []),
        ("", []),
    ],
)  # fmt: skip
def test_events_are_read_with_their_times(
    text: str, events: list[tuple[str, float, float]]
) -> None:
    assert events_in(text) == events


@pytest.mark.parametrize(
    ("said", "close", "far"),
    [
        (GOLD, 2, 2),
        ([("dog bark", 0.6, 1.0), ("rain", 1.9, 3.5)], 2, 2),  # 0.1 s off each: just within
        ([("dog bark", 0.65, 1.0), ("rain", 2.9, 3.5)], 0, 2),
        ([("rain", 0.5, 1.0), ("dog bark", 2.0, 3.5)], 0, 0),  # names exchanged, 1.5 s apart
        ([("dog bark", 0.5, 1.0), ("dog bark", 0.5, 1.0)], 1, 1),  # said twice, met once
        ([("cat meow", 0.5, 1.0)], 0, 0),
        ([], 0, 0),
    ],
)
def test_an_event_is_met_by_one_of_its_name_within_the_collar(
    said: list[tuple[str, float, float]], close: int, far: int
) -> None:
    assert events_met(said, GOLD, 0.1) == close
    assert events_met(said, GOLD, 1.0) == far
