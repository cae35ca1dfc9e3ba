"""What is told beside the numbers: servers that became another model during the run."""

from __future__ import annotations

import pytest

from harken.evaluate.about import served_checks


def served(*rows: tuple[str, str, int]) -> dict[str, object]:
    return {"served": [dict(zip(("model", "fingerprint", "replies"), row, strict=True))
                       for row in rows]}  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [(), (("m", "", 3),), (("m", "f", 3),), (("m", "", 1), ("m", "f", 3)), (("", "", 9),)],
)  # fmt: skip
def test_one_model_under_one_fingerprint_is_no_change(rows):
    assert served_checks(served(*rows)) == []


def test_a_change_is_told_with_counts_for_model_and_fingerprint_apart():
    found = served_checks(served(("m1", "f1", 1), ("m1", "f2", 20), ("m2", "f2", 300)))
    assert [one["replies"] for one in found] == [{"m1": 21, "m2": 300}, {"f1": 1, "f2": 320}]
    assert all(one["ok"] is False and one["name"] == "server" for one in found)
    assert "'m1' gave 21 replies, 'm2' gave 300 replies" in found[0]["text"]


def test_servers_inside_a_cascade_are_looked_at_too():
    inner = served(("m", "f1", 1), ("m", "f2", 2))
    report = {
        "clips_heard": 3,
        "listener": {"requests": 1, **inner},
        "reader": served(("r", "", 1)),
    }
    assert [one["replies"] for one in served_checks(report)] == [{"f1": 1, "f2": 2}]
