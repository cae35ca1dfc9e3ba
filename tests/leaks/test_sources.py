"""What names tell about where a recording comes from, and how certainly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.leaks.sources import Origin, certainty, distinctive, in_order, keys, origins


def read(name: str, row: dict[str, object] | None = None) -> set[tuple[str, str]]:
    return {(one.kind, one.id) for one in origins([name], row)}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("esc/1-100032-A-0.wav", {("freesound", "100032")}),
        ("5-9032-A.ogg", {("freesound", "9032")}),
        ("fold1/100032-3-0-0.wav", {("freesound", "100032")}),
        ("freesound:100032", {("freesound", "100032")}),
        ("https://freesound.org/people/someone/sounds/100032/", {("freesound", "100032")}),
        ("FSD50K.dev_audio/100032.wav", {("number", "100032")}),
        ("audio/Yb0RFKhbpFJA_30000_40000.wav", {("youtube", "b0RFKhbpFJA")}),
        ("--PJHxphWEs_30.000.wav", {("youtube", "--PJHxphWEs")}),
        ("https://www.youtube.com/watch?v=b0RFKhbpFJA&t=30s", {("youtube", "b0RFKhbpFJA")}),
        ("https://youtu.be/b0RFKhbpFJA", {("youtube", "b0RFKhbpFJA")}),
        ("84/121123/84-121123-0000.flac",
         {("utterance", "librispeech 84-121123-0000"), ("speaker", "librispeech 84")}),
        ("p225_001_mic1.flac", {("utterance", "vctk p225_001_mic1"), ("speaker", "vctk p225")}),
        ("3fe64f3d-282c-4bc8-a753-68f8f6c35652.wav",
         {("name", "3fe64f3d-282c-4bc8-a753-68f8f6c35652")}),
        ("LJ001-0001.wav", {("name", "lj001-0001")}),
        ("https://www.bilibili.com/video/BV1xx411c7mD", {("name", "bilibili bv1xx411c7md")}),
        ("librispeech_12.wav", {("name", "librispeech_12")}),
        ("Recording1A_2.wav", {("name", "recording1a_2")}),
        ("2024-03-14a_1.wav", {("name", "2024-03-14a_1")}),
        ("clip_00012.wav", set()),
        ("audio 3.wav", set()),
        ("test_0_1.wav", set()),
        ("rain.wav", set()),
        ("7.wav", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_names(name: str, found: set[tuple[str, str]]) -> None:
    assert read(name) == found


def test_seconds_of_a_video() -> None:
    def one(name: str, **row: object) -> Origin:
        (found,) = origins([name], row)
        return found

    assert one("Yb0RFKhbpFJA_30000_40000") == Origin("youtube", "b0RFKhbpFJA", 30.0, 40.0)
    assert one("b0RFKhbpFJA_30.000.wav").start_s == 30.0
    assert one("b0RFKhbpFJA_30_40").end_s == 40.0
    assert one("https://youtu.be/b0RFKhbpFJA", start_time="12").start_s == 12.0
    assert one("https://youtu.be/b0RFKhbpFJA", timestamp="00:10-01:05") == Origin(
        "youtube", "b0RFKhbpFJA", 10.0, 65.0
    )
    here = Origin("youtube", "x", 30.0, 40.0)
    assert certainty(here, Origin("youtube", "x", 39.0, 49.0)) == 1.0
    assert certainty(here, Origin("youtube", "x", 40.0, None)) == 0.25, "ten seconds unless told"
    assert certainty(here, Origin("youtube", "x")) == 0.5


def test_certainty() -> None:
    sure, number = Origin("freesound", "1234"), Origin("number", "1234")
    assert certainty(sure, sure) == 1.0 and certainty(sure, number) == 0.5
    assert certainty(number, number) == 0.5 == certainty(Origin("name", "a"), Origin("name", "a"))
    assert certainty(Origin("speaker", "a"), Origin("speaker", "a")) == 0.25
    assert ("freesound", "1234") in keys(number) and ("number", "1234") in keys(sure)
    assert not distinctive("audio12") and not distinctive("abcdefgh") and distinctive("kitchen7a")


SEVERAL = [
    Origin("youtube", "a", 1.0, 2.0),
    Origin("youtube", "a"),
    Origin("name", "b"),
    Origin("youtube", "a", 1.0, 3.0),
    Origin("speaker", "a"),
]


@given(st.permutations(SEVERAL))
def test_origins_have_one_order_whatever_that_of_the_set(found: list[Origin]) -> None:
    assert in_order(found) == in_order(reversed(found)) == in_order(frozenset(found))
    assert [one.kind for one in in_order(found)] == ["name", "speaker", *["youtube"] * 3]
