"""Mixtures have the shares they say, in the order they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import ConfigError, DataError, HarkenError
from harken.item import Contribution, Item
from harken.parsing import parse_json
from harken.recipes.mixture import MixSettings, mix
from harken.recipes.selections import shared_out
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from made_items import contents


def items(label: str, count: int) -> list[Item]:
    return [
        Item(
            question=f"What is {label} {n}?" + " and" * (n % 4),
            answer="a",
            choices=("a", "b"),
            split="train",
            contribution=Contribution(label, "bits", float(n) + 100 * (label == "strong")),
        )
        for n in range(count)
    ]


WEAK, STRONG = items("weak", 30), items("strong", 40)
SOURCES = [("x/weak", WEAK, 0.25), ("x/strong", STRONG, 0.75)]


def test_shares_are_kept_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    """Of 40 strong ones a share of 3/4 allows 53.3, which is 54 to within one: 14 are weak."""
    made = mix(SOURCES, tmp_path / "a")
    (one,) = made["made"]
    assert one["sources"] == {"x/weak": 14, "x/strong": 40}
    assert one["items"] == one["different"] == 54 and one["labels"] == {"weak": 14, "strong": 40}
    made = mix(SOURCES, tmp_path / "b", MixSettings(items=20))
    assert made["made"][0]["sources"] == {"x/weak": 5, "x/strong": 15}
    with pytest.raises(DataError, match="60 items are wanted of 40"):
        mix(SOURCES, tmp_path / "c", MixSettings(items=80))
    made = mix(SOURCES, tmp_path / "c", MixSettings(items=80, repeat=True))
    assert made["made"][0]["sources"] == {"x/weak": 20, "x/strong": 60}
    assert made["made"][0]["different"] == 60


def test_the_seed_decides_and_the_order_of_the_input_does_not(tmp_path: Path) -> None:
    mix(SOURCES, tmp_path / "a", MixSettings(items=20))
    turned = [(name, own[::-1], share) for name, own, share in SOURCES]
    mix(turned, tmp_path / "b", MixSettings(items=20))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    mix(SOURCES, tmp_path / "c", MixSettings(items=20, seed=1))
    first, other = ([i.id for i in read_items(tmp_path / name)] for name in "ac")
    assert first != other
    labels = [i.contribution.label for i in read_items(tmp_path / "a") if i.contribution]
    assert labels != sorted(labels) and labels != sorted(labels, reverse=True)


def test_a_curriculum_is_cut_into_parts(tmp_path: Path) -> None:
    made = mix(SOURCES, tmp_path / "a", MixSettings(items=40, order="weak-first", parts=4))
    assert [one["labels"] for one in made["made"]] == [{"weak": 10}, *[{"strong": 10}] * 3]
    mix(SOURCES, tmp_path / "b", MixSettings(items=40, order="bits"))
    bits = [i.contribution.bits for i in read_items(tmp_path / "b") if i.contribution]
    assert bits == sorted(bits) and len(bits) == 40
    mix(SOURCES, tmp_path / "c", MixSettings(items=9, order="words", parts=2))
    sizes = [len(list(read_items(tmp_path / "c" / f"part-{n}"))) for n in (1, 2)]
    words = [len(i.question.split()) for n in (1, 2) for i in read_items(tmp_path / f"c/part-{n}")]
    assert sizes == [4, 5] and words == sorted(words)


def test_what_cannot_be_mixed_is_told(tmp_path: Path) -> None:
    plain = [("p", [Item("What?", "a")], 1.0)]
    for sources, settings, error in (
        ([("a", WEAK, 1.0), ("b", WEAK[:1], 1.0)], MixSettings(), "in two sources"),
        ([("a", [], 1.0)], MixSettings(), "no items to mix"),
        ([("a", WEAK, 0.0)], MixSettings(), "share above 0"),
        (SOURCES, MixSettings(order="luck"), "no order is called"),
        (SOURCES, MixSettings(items=4, parts=5), "cannot be cut"),
        (plain, MixSettings(order="bits"), "no bits to order by"),
        (plain, MixSettings(order="weak-first"), "no label"),
    ):
        with pytest.raises((ConfigError, DataError), match=error):
            mix(sources, tmp_path / "out", settings)


def test_the_command(tmp_path: Path) -> None:
    for name, own in (("weak", WEAK), ("strong", STRONG)):
        write_dataset(own, tmp_path / name, name=name)
    words = ["mix", f"{tmp_path}/weak=1", f"{tmp_path}/strong=3", "-o", str(tmp_path / "out")]
    told = CliRunner().invoke(app, [*words, "-n", "20", "--json"])
    assert told.exit_code == 0
    assert [*parse_json(told.stdout)["made"][0]["sources"].values()] == [5, 15]
    again = CliRunner().invoke(app, [*words, "-n", "20"])
    assert again.exit_code == 0 and "20" in again.stdout
    wrong = CliRunner().invoke(app, ["mix", f"{tmp_path}/weak=many", "-o", str(tmp_path / "no")])
    assert isinstance(wrong.exception, ConfigError)


@given(
    st.integers(0, 200),
    st.lists(st.floats(0.001, 1000), min_size=1, max_size=6),
)
def test_shares_add_up_and_are_right_to_within_one(count: int, shares: list[float]) -> None:
    found, whole = shared_out(count, shares), sum(shares)
    assert sum(found) == count and min(found) >= 0
    if count >= len(shares):
        assert min(found) >= 1
    for own, share in zip(found, shares, strict=True):
        assert abs(own - count * share / whole) < max(2, len(shares)), "the least have one"
    if count >= 100 and min(shares) >= 0.02 * whole:
        assert all(abs(own - count * s / whole) < 1 for own, s in zip(found, shares, strict=True))


def test_shares_by_hand() -> None:
    """Eight by thirds: 2.67 each, so two of them are three."""
    assert shared_out(8, [1, 1, 1]) == [3, 3, 2]
    assert shared_out(7, [1e-9, 1]) == [1, 6]
    assert shared_out(1, [1, 3]) == [0, 1]


def test_as_many_items_as_are_asked_for(tmp_path: Path) -> None:
    third = items("undecided", 30)
    sources = [*((name, own, 1.0) for name, own, _ in SOURCES), ("x/undecided", third, 1.0)]
    for count in (8, 11, 23):
        made = mix(sources, tmp_path / str(count), MixSettings(items=count))
        assert made["items"] == made["made"][0]["items"] == count


def test_a_source_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in two sources: x/weak and x/weak"):
        mix([SOURCES[0], SOURCES[0]], tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("share", [0.0, -1.0, float("nan"), float("inf")])
def test_a_share_is_a_number_above_zero(tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match="every source needs a share above 0"):
        mix([("x/weak", WEAK, share), SOURCES[1]], tmp_path / "a")


def test_items_that_were_measured_anew_are_another_mixture(tmp_path: Path) -> None:
    """Their ids are the same; the old mixture is not given as the answer."""
    mix(SOURCES, tmp_path / "a", MixSettings(items=20, order="bits"))
    anew = [replace(item, contribution=Contribution("weak", "bits", 7.0)) for item in WEAK]
    with pytest.raises(HarkenError, match="another"):
        mix([("x/weak", anew, 0.25), SOURCES[1]], tmp_path / "a", MixSettings(items=20))
