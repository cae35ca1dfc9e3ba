"""Which format a file or folder has; formats from outside; what has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harken.errors import DataError
from harken.item import Item
from harken.registry import PluginWarning
from harken.shards.formats.base import DatasetFormat, Found, Message, Sample
from harken.shards.formats.load import FORMATS, read_set, recognise
from harken.shards.jsonl import write_jsonl
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from made_sets import array, lines, refused, turns


def test_harkens_own_are_no_foreign_format(tmp_path: Path) -> None:
    items = [Item("Q?", "x"), Item("R?", "y", ("x", "y"))]
    write_jsonl(items, tmp_path / "own.jsonl")
    write_dataset(items, tmp_path / "own", name="own")
    hand = lines(tmp_path / "hand.jsonl", {"question": "Q?", "answer": "x", "choices": ["x", "y"]})
    for path in (tmp_path / "own.jsonl", hand):
        assert recognise(path) is None
    for path in (tmp_path / "own.jsonl", tmp_path / "own"):
        assert [item.id for item in read_items(path)] == [item.id for item in items]


@pytest.mark.parametrize("bad", ["{broken", "[1, 2]", '"text"', "3"])
def test_a_first_line_that_is_broken_does_not_hide_the_format(tmp_path: Path, bad: str) -> None:
    path = lines(tmp_path / "s.jsonl", bad, {"messages": turns("Q?", "x")})
    found = recognise(path)
    assert found is not None and found.name == "ms-swift"
    refused(path, "1 fault", "line 1: ")


def test_files_of_no_known_format_say_what_is_in_them(tmp_path: Path) -> None:
    refused(array(tmp_path / "a.json", {"q": 1, "wav": "a"}), "none of the known", "q, wav")
    (tmp_path / "b.txt").write_text("hello")
    refused(tmp_path / "b.txt", "none of the known", "ms-swift")
    refused(lines(tmp_path / "c.jsonl", {"q": 1}), "unknown key 'q'")
    (tmp_path / "d.json").write_text("[{broken")
    refused(tmp_path / "d.json", "not a JSON array")
    (tmp_path / "e.json").write_text("[]")
    refused(tmp_path / "e.json", "none of the known")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "not a dataset")
    refused(tmp_path / "gone", "no such dataset")


def test_a_set_without_any_item_is_refused_with_what_was_left_out(tmp_path: Path) -> None:
    said = [{**one, "loss": False} for one in turns("Q?", "x")]
    refused(lines(tmp_path / "s.jsonl", {"messages": said}), "no items", "no reply", "ms-swift")


def samples(path: Path) -> Iterator[Found]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        asked, reply = line.split(" -> ")
        messages = (Message("user", (asked,)), Message("assistant", (reply,)))
        yield f"line {number}", Sample(messages)


@pytest.fixture
def arrows() -> Iterator[None]:
    FORMATS.add(DatasetFormat("arrows", "q -> a", lambda p, rows: p.suffix == ".arrows", samples))
    yield
    FORMATS.forget("arrows")


def test_a_format_from_outside_is_read_like_the_others(arrows: None, tmp_path: Path) -> None:
    (tmp_path / "s.arrows").write_text("One? -> 1\nTwo? -> 2\n")
    assert [item.answer for item in read_items(tmp_path / "s.arrows")] == ["1", "2"]


def test_a_format_from_outside_that_fails_is_told_and_skipped(tmp_path: Path) -> None:
    def broken(path: Path, rows: object) -> bool:
        raise RuntimeError("lost")

    FORMATS.add(DatasetFormat("broken", "fails", broken, samples))
    path = lines(tmp_path / "s.jsonl", {"messages": turns("Q?", "x")})
    try:
        with pytest.warns(PluginWarning, match=r"'broken' is left out: RuntimeError: lost"):
            found = recognise(path)
    finally:
        FORMATS.forget("broken")
    assert found is not None and found.name == "ms-swift"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(b"\xff\xfe\x00\x01\n")
    with pytest.raises(DataError, match="line 1: not JSON"):
        list(read_items(tmp_path / "s.jsonl"))


def test_notes_count_items_of_items_and_rows_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    same = {"messages": turns("Q?", "x", "R?", "y")}  # two items a row
    unsaid = {"messages": [{**one, "loss": False} for one in turns("S?", "z")]}
    list(read_items(lines(tmp_path / "s.jsonl", same, same, same, unsaid)))
    assert sorted(line.partition("): ")[2] for line in told) == [
        "1 of 4 rows: left out: no reply in it is to be taught",
        "4 of 6 items: repeats an earlier item and is taken once",
    ]


def test_a_repeat_in_another_split_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    splits = ("train", "train", "test", "", "test")

    def found(path: Path) -> Iterator[Found]:
        said = (Message("user", ("Q?",)), Message("assistant", ("x",)))
        return ((f"row {i}", Sample(said, split=one)) for i, one in enumerate(splits))

    (item,) = read_set(tmp_path, DatasetFormat("own", "", lambda p, r: True, found))
    assert item.split == "train"
    assert sorted(line.partition("): ")[2] for line in told) == [
        "1 of 5 items: repeats an earlier item and is taken once",
        "1 of 5 items: repeats, in the split (none), an item of train and is taken once, in train",
        "2 of 5 items: repeats, in the split test, an item of train and is taken once, in train",
    ]
