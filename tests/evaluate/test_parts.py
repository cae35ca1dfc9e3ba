"""Numbers of clips, cuts, single clips: by hand."""

from __future__ import annotations

import pytest
from rotating_models import picks, questions

from harken.evaluate.results import tabulate


def test_accuracy_by_number_of_clips() -> None:
    items = questions(6)
    records = []
    for at, item in enumerate(items):
        clips = 1 + at % 2  # one clip: all right; two clips: one of three right
        records += picks(item, (0 if clips == 1 or at == 1 else 2,), heard=clips)
        records += picks(item, (1,), "none", heard=clips, clips=0)
    found = tabulate(records)["by_clips"]
    audio = [(row["clips"], row["items"], row["accuracy"]) for row in found["audio"]]
    assert audio == [(1, 3, 1.0), (2, 3, pytest.approx(1 / 3))]
    assert [row["accuracy"] for row in found["none"]] == [0.0, 0.0]
    assert found["audio"][0]["cluster_low"] == 1.0 and found["audio"][0]["low"] < 1.0


def test_fragments_by_hand() -> None:
    # item: whole, first half, second half
    passes = ((0, 0, 0), (0, 1, 0), (0, 1, 1), (1, 0, 1), (0, 1, -1))
    records = []
    for item, (whole, first, second) in zip(questions(5), passes, strict=True):
        records += picks(item, (whole,))
        records += picks(item, (first,), "fragment-1of2")
        records += picks(item, (second,), "fragment-2of2")
    (found,) = tabulate(records)["fragments"]
    assert (found["of"], found["n"]) == (2, 4)  # the fifth has no second half
    places = [(row["position"], row["items"], row["accuracy"]) for row in found["positions"]]
    assert places == [(1, 5, pytest.approx(2 / 5)), (2, 4, pytest.approx(2 / 4))]
    assert found["whole"] == pytest.approx(3 / 4)
    assert found["mean"] == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    assert found["retained"] == pytest.approx(0.5 / 0.75)
    assert found["any"] == pytest.approx(3 / 4)
    assert found["needs_whole"] == pytest.approx(1 / 4)


def test_a_cut_that_was_not_asked_leaves_the_rest_unknown() -> None:
    records = [t for item in questions(2) for t in picks(item, (0,), "fragment-1of4")]
    (found,) = tabulate(records)["fragments"]
    assert (found["of"], found["n"], found["needs_whole"], found["retained"]) == (4, 0, None, None)
    assert [row["accuracy"] for row in found["positions"]] == [1.0]


def test_one_clip_alone_by_hand() -> None:
    records = []
    for at, item in enumerate(questions(4)):
        two = {"heard": 2, "clips": 2}
        records += picks(item, (0,), **two)
        records += picks(item, (0 if at else 1,), "clip-1", **two)
        records += picks(item, (3,), "clip-2", **two)
    found = tabulate(records)["per_clip"]
    assert [(row["clips"], row["clip"], row["accuracy"]) for row in found] == [
        (2, 1, 0.75), (2, 2, 0.0),
    ]  # fmt: skip
    assert [row["drop"]["difference"] for row in found] == [0.25, 1.0]
    assert found[1]["drop"]["p"] == pytest.approx(2 / 2**4)


def test_without_the_whole_audio_there_is_no_drop() -> None:
    records = [t for item in questions(2) for t in picks(item, (0,), "clip-1")]
    (found,) = tabulate(records)["per_clip"]
    assert found["drop"] is None and found["clip"] == 1
