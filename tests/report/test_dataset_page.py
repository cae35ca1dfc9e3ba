"""The page of a dataset: counts by hand, what answers give away, and nobody's script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import DataError
from harken.facts import ClipFacts, SourceFacts
from harken.item import Contribution, Item, ListeningNeed
from harken.report.dataset_page import write_dataset_report
from harken.report.dataset_stats import DatasetCounts
from harken.shards.jsonl import write_jsonl
from harken.stats.measures import wilson
from made_items import tone
from scored_records import EVIL, page_data


def closed(number: int, gold: int, task: str = "count") -> Item:
    """A question whose options have lengths 1, 2 and 3."""
    choices = ("a", "bb", "ccc")
    return Item(f"Number {number}?", choices[gold], choices, task=task, split="test")


def test_counts_by_hand(tmp_path: Path) -> None:
    one, two = tone(tmp_path / "a.wav", 300.0, 0.5), tone(tmp_path / "b.wav", 400.0, 0.25)
    dog = SourceFacts("sound", label="dog")
    rain = SourceFacts("background", label="rain")
    known = (ClipFacts((dog, dog, rain), layout="foa"),)
    items = [
        *(closed(number, gold) for number, gold in enumerate((2, 2, 2, 0))),
        Item("Which?", "x", ("x", "y"), (one,), "pick", facts=known, licence="MIT",
             contribution=Contribution("strong", "bits", 1.5), recordings=("r",), speakers=("s",)),
        Item("And now?", "open", clips=(one, two), task="say", recordings=("r", "q")),
    ]  # fmt: skip
    found = DatasetCounts()
    assert list(found.through(items)) == items
    count, pick, say = (found.tasks[name] for name in ("count", "pick", "say"))
    assert (count.items, count.closed, count.chance) == (4, 4, pytest.approx(1 / 3))
    assert count.first_position == count.common_answer == (0.75, *wilson(3, 4))
    assert count.longest_right == (0.75, *wilson(3, 4))
    assert pick.longest_right is None  # two options of one length
    assert (say.closed, say.chance, say.clips) == (0, None, 2)
    assert (found.clips, found.seconds, found.unknown_length) == (2, 0.75, 0)
    assert (found.recordings, found.speakers) == (2, 1)
    assert found.labels == {"dog": 2} and found.sources == {2: 1} and found.layouts == {"foa": 1}
    assert found.bits == {"strong": [1.5]} and found.splits == {"test": 4, "": 2}


def test_what_must_be_heard_is_told_where_it_is_known(tmp_path: Path) -> None:
    needs = (ListeningNeed(True, 2.0, 8.0), ListeningNeed(False, 4.0, 8.0), None)
    items = [replace(closed(n, n % 3), need=need) for n, need in enumerate(needs)]
    found = DatasetCounts()
    list(found.through([*items, closed(9, 0, "other")]))
    assert (found.tasks["count"].caption_proof, found.tasks["count"].need) == (0.5, 0.375)
    assert (found.tasks["other"].caption_proof, found.tasks["other"].need) == (None, None)
    for given, told in ((items, True), ([closed(9, 0)], False)):
        html = write_dataset_report(tmp_path / "page.html", given, "x").read_text("utf-8")
        assert ("caption-proof" in html) == told


@pytest.mark.parametrize(("biased", "told"), [(True, True), (False, False)])
def test_a_task_is_marked_where_its_answers_can_be_guessed(
    tmp_path: Path, biased: bool, told: bool
) -> None:
    items = [closed(number, 2 if biased else number % 3) for number in range(300)]
    html = write_dataset_report(tmp_path / "page.html", items, "items").read_text("utf-8")
    assert ("can be guessed above chance" in html) == told
    assert ("▲" in html) == told


def test_items_are_played_and_no_text_runs(tmp_path: Path) -> None:
    sound = tone(tmp_path / "a.wav", 300.0)
    items = [
        Item(f"{EVIL} {number}", EVIL, (EVIL, "b"), (sound,), task=EVIL, licence=EVIL,
             facts=(ClipFacts((SourceFacts("sound", label=EVIL),)),))
        for number in range(30)
    ]  # fmt: skip
    page = write_dataset_report(tmp_path / "page.html", items, EVIL, max_items=12)
    html = page.read_text("utf-8")
    data = page_data(html)
    assert len(data["items"]) == 12 and len(data["sounds"]) == 1  # one clip, stored once
    assert "<script>alert" not in html and "<img src=x" not in html
    again = write_dataset_report(tmp_path / "again.html", reversed(items), EVIL, max_items=12)
    assert again.read_text("utf-8") == html


def test_rare_tasks_have_players_too(tmp_path: Path) -> None:
    items = [*(closed(number, 0, "many") for number in range(200)), closed(999, 1, "rare")]
    html = write_dataset_report(tmp_path / "page.html", items, "x", max_items=4).read_text("utf-8")
    assert [one["task"] for one in page_data(html)["items"]] == ["many"] * 3 + ["rare"]


def test_the_command_takes_one_dataset(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    write_jsonl([closed(number, number % 3) for number in range(9)], path)
    out = tmp_path / "items.html"
    done = CliRunner().invoke(app, ["report", str(path), "-o", str(out), "--tables", str(tmp_path)])
    assert done.exit_code == 0 and "9 questions of 1 task<" in out.read_text("utf-8")
    assert list(tmp_path.glob("**/*.csv"))
    for more in ([str(path)], ["--curate", str(tmp_path)]):
        wrong = CliRunner().invoke(app, ["report", str(path), *more, "-o", str(out)])
        assert wrong.exit_code != 0 and "one dataset" in str(wrong.exception)
    with pytest.raises(DataError, match="no items"):
        write_dataset_report(out, [], "empty")
