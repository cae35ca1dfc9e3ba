"""Consistency, positions and votes, on sets small enough to count by hand."""

from __future__ import annotations

from math import log

import pytest
from rotating_models import picks, questions

from harken.evaluate.results import tabulate
from harken.item import Item
from scored_records import record


def test_consistency_by_hand() -> None:
    # One always the same, one 3 of 4 (3 pairs of 6), one that twice names nothing (1 pair of 6),
    # one with one answer only (no series), one with two answers and two failures (1 of 1 pair).
    chosen = ((2, 2, 2, 2), (0, 0, 0, 1), (0, None, None, 0), (1, -1, -1, -1), (3, 3, -1, -1))
    items = questions(5)
    found = tabulate([t for item, c in zip(items, chosen, strict=True) for t in picks(item, c)])
    cell = found["overall"]["cells"]["audio"]["consistency"]
    assert cell["options"]["n"] == 4
    assert cell["options"]["same"] == pytest.approx(2 / 4)
    assert cell["options"]["agreement"] == pytest.approx((1 + 3 / 6 + 1 / 6 + 1) / 4)
    assert cell["clips"] == {"same": None, "agreement": None, "n": 0}


def test_options_and_clips_are_rotated_independently() -> None:
    (item,) = questions(1)
    # Rotating the clips changes the answer; rotating the options does not.
    records = [t | {"clip_rotation": turn} for turn in (0, 1, 2) for t in picks(item, [turn] * 4)]
    cell = tabulate(records)["overall"]["cells"]["audio"]["consistency"]
    assert cell["options"] == {"same": 1.0, "agreement": 1.0, "n": 1}
    assert cell["clips"] == {"same": 0.0, "agreement": 0.0, "n": 1}


def test_consistency_is_by_task_and_condition() -> None:
    steady, other = questions(2, task="a"), questions(2, task="b")
    records = [t for item in steady for t in picks(item, (1, 1))]
    records += [t for item in other for t in picks(item, (0, 1))]
    records += [t for item in steady for t in picks(item, (0, 1), "none")]
    found = tabulate(records)
    same = {
        (row["task"], c): row["cells"][c]["consistency"]["options"]["same"]
        for row in found["tasks"] for c in ("audio", "none")
    }  # fmt: skip
    assert same == {
        ("a", "audio"): 1.0,
        ("a", "none"): 0.0,
        ("b", "audio"): 0.0,
        ("b", "none"): None,
    }


def test_a_clip_bias_is_found_whatever_the_order_of_the_options() -> None:
    records = []
    for at in range(20):
        item = Item(f"{at}?", f"clip {at % 2 + 1}", ("clip 1", "clip 2"), recordings=(f"r{at}",))
        for turn in (0, 1):
            own = record(item, "audio", 0.9, turn)
            records.append(own | {"parsed": "clip 1", "logprobs": None})
    cell = tabulate(records)["overall"]["cells"]["audio"]
    assert cell["clip_position"]["chosen"] == [40, 0] and cell["clip_position"]["gold"] == [20, 20]
    assert cell["clip_position"]["p"] < 1e-6
    assert cell["position"]["chosen"] == [20, 20] and cell["position"]["p"] == pytest.approx(1.0)


def test_the_vote_by_hand() -> None:
    # Right by 3 of 4; wrong by 1 of 4; a tie 2:2 without probabilities; no vote at all.
    chosen = ((0, 0, 0, 1), (0, 1, 1, 1), (0, 0, 2, 2), (None,) * 4)
    items = questions(4)
    records = [
        t for item, c in zip(items, chosen, strict=True) for t in picks(item, c, rotate="clips")
    ]
    found = tabulate(records)["self_consistency"]
    assert list(found) == ["clips"]
    vote = found["clips"]
    assert (vote["items"], vote["passes"], vote["series"]) == (4, 4.0, 4)
    assert vote["single"] == pytest.approx((3 + 1 + 2 + 0) / 16)
    assert vote["accuracy"] == 0.25 and vote["gain"]["difference"] == pytest.approx(0.25 - 6 / 16)
    assert (vote["tied"], vote["unresolved"]) == (1, 1) and "1 ties" in vote["note"]
    # Quarters: +1, -1, -2. Of the 8 ways to set the signs, 6 have a sum at least 2 from 0.
    assert vote["gain"]["p"] == pytest.approx(6 / 8)


def test_a_tie_goes_to_the_probabilities() -> None:
    (item,) = questions(1, size=2)
    sure = [log(0.9), log(0.1)]
    unsure = [log(0.6), log(0.4)]  # as shown: the options stand the other way round
    records = picks(item, (0, 1))
    records[0]["logprobs"], records[1]["logprobs"] = sure, unsure
    vote = tabulate(records)["self_consistency"]["options"]
    assert (vote["accuracy"], vote["tied"], vote["unresolved"]) == (1.0, 1, 0)
    records[1]["logprobs"] = [log(0.95), log(0.05)]
    assert tabulate(records)["self_consistency"]["options"]["accuracy"] == 0.0


def test_a_vote_of_both_pools_all_passes() -> None:
    (item,) = questions(1)
    records = [
        t | {"clip_rotation": turn}
        for turn, chosen in enumerate(((0, 1, 0), (1, 0, 1), (0, 0, 2)))
        for t in picks(item, chosen)
    ]
    found = tabulate(records)["self_consistency"]
    assert list(found) == ["options", "clips", "both"]
    assert found["options"]["accuracy"] == pytest.approx(2 / 3)
    assert found["both"]["accuracy"] == 1.0 and found["both"]["passes"] == 9


def test_without_rotations_there_is_no_vote() -> None:
    assert tabulate([t for i in questions(3) for t in picks(i, (0,))])["self_consistency"] == {}
