"""Training sets of other programs, written by hand for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harken.errors import DataError
from harken.item import Item
from harken.shards.formats.load import recognise
from harken.shards.read import read_items
from made_items import tone


def wavs(folder: Path, *names: str) -> list[str]:
    """Tones of different pitch, by name; returns the names."""
    for number, name in enumerate(names):
        tone(folder / name, 300.0 + 200 * number, 0.3)
    return list(names)


def lines(path: Path, *rows: Any) -> Path:
    """A file of JSON lines; a text is a line as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def array(path: Path, *rows: Any) -> Path:
    """A JSON array, one element a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n", encoding="utf-8")
    return path


def read(path: Path, name: str, audio_root: Path | None = None) -> list[Item]:
    """The items of a set that is recognised as of the format `name`."""
    found = recognise(path)
    assert found is not None and found.name == name
    return list(read_items(path, audio_root))


def refused(path: Path, *told: str, root: Path | None = None) -> str:
    """Reading fails, and the message has every one of `told`; returns it."""
    with pytest.raises(DataError) as caught:
        list(read_items(path, root))
    message = str(caught.value)
    for text in told:
        assert text in message, message
    return message


def names(item: Item) -> list[str]:
    """The file names of an item's clips."""
    return [Path(clip.path).name for clip in item.clips]


def turns(*said: str, roles: Sequence[str] = ("user", "assistant")) -> list[dict[str, str]]:
    """Messages of alternating roles."""
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
