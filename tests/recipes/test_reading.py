"""Sets that are read once, and long ones that show how far they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from harken.errors import DataError
from harken.item import Item
from harken.recipes import reading
from harken.recipes.reading import all_items, reading_once
from harken.shards.write import write_dataset


@pytest.fixture
def items(tmp_path: Path) -> Path:
    own = [Item(f"question {i}?", "a", ("a", "b")) for i in range(6)]
    write_dataset(own, tmp_path / "items", name="few")
    return tmp_path / "items"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    found: list[Path] = []
    read = reading.read_items

    def counted(source: Path, root: Path | None) -> Iterator[Item]:
        found.append(source)
        return read(source, root)

    monkeypatch.setattr(reading, "read_items", counted)
    return found


def test_a_set_is_read_once_in_a_block_and_again_after_it(
    items: Path, readings: list[Path]
) -> None:
    with reading_once():
        first = all_items(items)
        with reading_once():
            assert all_items(items) is first
        assert all_items(items.parent / "." / "items") is first
    assert len(first) == 6 and len(readings) == 1
    assert all_items(items) == first and len(readings) == 2


def test_a_set_that_is_not_there_yet_is_read_when_it_is(items: Path) -> None:
    later = items.parent / "later"
    with reading_once():
        with pytest.raises(DataError):
            all_items(later)
        items.rename(later)
        assert len(all_items(later)) == 6


def test_only_a_long_reading_is_shown(items: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, int]] = []

    def track(own: Iterable[Item], label: str, total: int) -> Iterable[Item]:
        shown.append((label, total))
        return own

    monkeypatch.setattr(reading, "track", track)
    all_items(items)
    assert shown == []
    monkeypatch.setattr(reading, "SHOWN", 6)
    all_items(items)
    assert shown == [("reading items", 6)]
