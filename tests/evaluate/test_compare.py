"""Two runs side by side: what flipped, both ways, and both replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rotating_models import picks, questions

from harken.errors import RunError
from harken.evaluate.compare import compare
from scored_records import make_run

ITEMS = questions(8)


def finished_run(folder: Path, *records: list[dict[str, Any]]) -> Path:
    return make_run(folder, [], [t for some in records for t in some], None, folder.name)


def test_flips_have_both_replies_and_the_truth(tmp_path: Path) -> None:
    old = finished_run(
        tmp_path / "old", *(picks(i, (0 if at < 2 else 3,)) for at, i in enumerate(ITEMS))
    )
    new = finished_run(
        tmp_path / "new", *(picks(i, (0 if at % 2 else None,)) for at, i in enumerate(ITEMS))
    )
    found = compare(old, new)
    whole = found["conditions"]["audio"][0]
    better, worse = (set(whole["paired"][to]) for to in ("better", "worse"))
    assert better == {ITEMS[i].id for i in (3, 5, 7)} and worse == {ITEMS[0].id}
    flips = found["flips"]["audio"]
    assert [f["to"] for f in flips] == ["better"] * 3 + ["worse"]
    lost = flips[-1]
    assert (lost["item"], lost["gold"], lost["question"]) == (ITEMS[0].id, "ant", "t 0?")
    assert lost["first"]["parsed"] == "ant" and lost["first"]["right"] == 1
    assert lost["second"] == {
        "right": 0, "answered": 1, "outcome": "abstained", "parsed": None, "reply": "ant",
    }  # fmt: skip


def test_the_pass_that_differs_is_the_one_reported(tmp_path: Path) -> None:
    old = finished_run(tmp_path / "old", picks(ITEMS[0], (0, 2, 0)), picks(ITEMS[1], (0, 0, 0)))
    new = finished_run(tmp_path / "new", picks(ITEMS[0], (0, 0, 0)), picks(ITEMS[1], (0, 0, 0)))
    (flip,) = compare(old, new)["flips"]["audio"]
    assert (flip["first"]["right"], flip["second"]["right"], flip["second"]["answered"]) == (
        2,
        3,
        3,
    )
    assert (flip["first"]["parsed"], flip["second"]["parsed"]) == ("cat", "ant")


def test_runs_need_share_some_conditions_only(tmp_path: Path) -> None:
    old = finished_run(
        tmp_path / "old",
        *(picks(i, (1,)) for i in ITEMS),
        *(picks(i, (1,), "clip-1") for i in ITEMS[:3]),
    )
    new = finished_run(
        tmp_path / "new",
        *(picks(i, (0,), "swap") for i in ITEMS),
        *(picks(i, (0,)) for i in ITEMS),
    )
    found = compare(old, new)
    assert list(found["conditions"]) == ["audio"]
    assert found["only"] == {"first": ["clip-1"], "second": ["swap"]}
    assert found["conditions"]["audio"][0]["paired"]["difference"] == 1.0
    lonely = finished_run(tmp_path / "lonely", *(picks(i, (0,), "none") for i in ITEMS))
    with pytest.raises(RunError, match="share no condition"):
        compare(old, lonely)


def test_other_orders_of_the_clips_are_other_rotations(tmp_path: Path) -> None:
    old = finished_run(tmp_path / "old", *(picks(i, (0,)) for i in ITEMS))
    new = finished_run(tmp_path / "new", *(picks(i, (0, 0), rotate="clips") for i in ITEMS))
    with pytest.raises(RunError, match="different rotations: 8 in the first, 16 in the second"):
        compare(old, new)


def test_p_values_are_corrected_over_tasks(tmp_path: Path) -> None:
    items = [*questions(8, task="s"), *questions(8, task="t")]
    old = finished_run(tmp_path / "old", *(picks(i, (1,)) for i in items))
    new = finished_run(
        tmp_path / "new", *(picks(i, (0 if at < 8 else at % 2,)) for at, i in enumerate(items))
    )
    whole, s, t = compare(old, new)["conditions"]["audio"]
    assert whole["p_holm"] == whole["paired"]["p"] == pytest.approx(2 / 2**12)
    assert s["p_holm"] == pytest.approx(2 * 2 / 2**8) and t["p_holm"] == pytest.approx(2 / 2**4)
    for row in (s, t):
        assert row["p_bootstrap_holm"] >= row["paired"]["p_bootstrap"]
