"""Manifests as a leak check reads them: one `ComparedItem` each, streamed, faults counted.

A harken dataset folder, a harken JSONL, or any JSON lines, CSV or TSV whose columns have common
names (`QUESTION`, `CHOICES`, `AUDIO`, `NAMES`): training sets come in many layouts, and a line that
cannot be read is counted and must not stop the rest.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip, pieces
from harken.errors import DataError
from harken.item import Item
from harken.parsing import parse_json
from harken.shards.formats.items import Reading

QUESTION = ("question", "prompt", "instruction", "query", "problem", "text", "caption")
CHOICES = ("choices", "options", "multi_choice", "candidates")
AUDIO = ("audio", "audios", "audio_path", "audio_paths", "audio_file", "wav", "wav_path", "path",
         "file", "file_name", "filename", "sound", "clip", "location")  # fmt: skip
NAMES = (*AUDIO, "id", "uniq_id", "name", "recording", "recordings", "audio_id", "sound_id",
         "source", "url", "link", "youtube_id", "ytid", "video_id", "freesound_id",
         "origin")  # fmt: skip
SPEAKERS = ("speaker", "speakers", "speaker_id")
_TURNS = ("conversations", "messages", "conversation")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComparedItem:
    """One item of the training set or the benchmark.

    Attributes:
        id: its id, or its line in the file where it has none.
        question: its words, without choices.
        choices: bare texts.
        clips: its clips; the parts of a mixed scene are listed beside the scene.
        names: paths, addresses and ids that say where its audio comes from.
        speakers: who speaks.
        row: the raw row, for times of videos.
    """

    id: str
    question: str = ""
    choices: tuple[str, ...] = ()
    clips: tuple[Clip, ...] = ()
    names: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    row: Row = field(default_factory=dict)


@dataclass(slots=True)
class ItemSource:
    """The training set or the benchmark, as it was read.

    Attributes:
        name: where it was read.
        total: items, where that is known beforehand.
        faults: lines that could not be read, the first `KEPT` of them.
        faulty: how many there are.
    """

    name: str
    total: int | None = None
    faults: list[str] = field(default_factory=list)
    faulty: int = 0

    KEPT = 10

    def fault(self, text: str) -> None:
        """Count a line that cannot be read."""
        self.faulty += 1
        if len(self.faults) < 10:
            self.faults.append(text)


def read_entries(
    path: Path, source: ItemSource, audio_root: Path | None = None
) -> Iterator[ComparedItem]:
    """The items of a manifest, one at a time.

    Args:
        path: dataset folder, ``.jsonl``, ``.csv`` or ``.tsv``, or a set of another program.
        source: receives the faults and the number of items.
        audio_root: where relative audio paths start; default: beside the file.

    Raises:
        DataError: there is no such file, it has another format, or none of its lines can be read.
    """
    from harken.shards.formats.load import recognise
    from harken.shards.info import MARKER
    from harken.shards.read import open_dataset

    if not path.exists():
        raise DataError("there is no such manifest", where=str(path), hint="Check the path.")
    if not path.is_file() and not path.is_dir():
        raise DataError(
            "a manifest must be a file, and this is a pipe or device",
            where=str(path),
            hint="Write it to a file first.",
        )
    found = None if (path / MARKER).is_file() else recognise(path)
    if found is not None:
        return _of_set(Reading(path, found, audio_root, need_audio=False), source)
    if path.is_dir():
        dataset = open_dataset(path)
        source.total = len(dataset)
        return (entry_of(item) for item in dataset)
    if path.suffix.lower() not in (".jsonl", ".ndjson", ".csv", ".tsv"):
        raise DataError(
            f"a manifest in {path.suffix or 'no format'} cannot be read line by line",
            where=str(path),
            hint="Use a dataset folder, .jsonl, .csv or .tsv, or a training set of another "
            "program: harken plugins formats.",
        )
    if path.suffix.lower() not in (".csv", ".tsv"):  # a table's cell may hold line breaks
        with path.open("rb") as file:
            source.total = sum(
                block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")
            )
    return _entries(path, source, audio_root or path.parent)


def _of_set(reading: Reading, source: ItemSource) -> Iterator[ComparedItem]:
    """The items of another program's training set; audio that is not there is compared by name."""
    told = read = 0
    for _, item in reading.items():
        for fault in reading.faults[told:]:
            source.fault(fault)
        told = len(reading.faults)
        read += 1
        yield entry_of(item)
    for fault in reading.faults[told:]:
        source.fault(fault)
    if not read:
        raise DataError(
            f"no row can be read as an item ({reading.rows} tried)",
            where=f"{reading.path}, read as {reading.format.name}",
            hint=source.faults[0] if source.faults else "The set is empty.",
        )


def entry_of(item: Item, row: Row | None = None) -> ComparedItem:
    """An Item as a `ComparedItem`; names in its raw row, where it has one, are taken too."""
    clips = [piece for clip in item.clips for piece in pieces(clip)]
    raw = row or {}
    packed = map(str, _list(item.plan.get("audio_names")))  # `harken.shards.formats.items`
    names = [*item.recordings, *packed, *(_file(clip) for clip in clips), *_names(raw)]
    return ComparedItem(
        str(item.plan.get("key") or item.id),
        item.question,
        item.choices,
        tuple(dict.fromkeys(clips)),
        tuple(dict.fromkeys(name for name in names if name)),
        item.speakers,
        raw,
    )


def _entries(path: Path, source: ItemSource, root: Path) -> Iterator[ComparedItem]:
    read = 0
    for number, row in _rows(path, source):
        try:
            entry = entry_from_row(row, str(row.get("id") or f"line {number}"), root)
        except (TypeError, ValueError, KeyError, AttributeError, DataError) as error:
            source.fault(f"line {number}: {type(error).__name__}: {error}")
            continue
        read += 1
        yield entry
    if not read:
        raise DataError(
            f"no line can be read as an item ({source.faulty} tried)",
            where=str(path),
            hint=source.faults[0] if source.faults else "The file is empty.",
        )


def _rows(path: Path, source: ItemSource) -> Iterator[tuple[int, Row]]:
    if path.suffix.lower() in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            try:
                yield from enumerate(csv.DictReader(file, delimiter=delimiter), 2)
            except csv.Error as error:  # a cell without an end, or a NUL character
                raise DataError(
                    f"the table cannot be read: {error}",
                    where=str(path),
                    hint="Close every quote, and write a quote inside a quoted cell twice.",
                ) from None
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
            except ValueError as error:
                source.fault(f"line {number}: not JSON ({error})")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                source.fault(f"line {number}: a {type(row).__name__}, not an object")


def entry_from_row(row: Row, name: str, root: Path) -> ComparedItem:
    """A raw row as a `ComparedItem`; raises ValueError if it holds nothing to compare."""
    question, choices = _question(row), _choices(row)
    clips = [piece for clip in _clips(row, root) for piece in pieces(clip)]
    names = [*_names(row), *(_file(clip) for clip in clips)]
    if not question and not clips and not names:
        raise ValueError(f"no question, audio or id among {sorted(map(str, row))[:8]}")
    speakers = [str(one) for key in SPEAKERS for one in _list(row.get(key))]
    return ComparedItem(
        name,
        question,
        choices,
        tuple(dict.fromkeys(clips)),
        tuple(dict.fromkeys(names)),
        tuple(speakers),
        row,
    )


def _question(row: Row) -> str:
    found = next((row[name] for name in QUESTION if isinstance(row.get(name), str)), "")
    if found:
        return str(found)
    turns: list[Any] = next((row[name] for name in _TURNS if isinstance(row.get(name), list)), [])
    asked = []
    for turn in turns:
        if not isinstance(turn, dict):
            continue
        if str(turn.get("role") or turn.get("from")) in ("user", "human"):
            content = turn.get("content", turn.get("value", ""))
            blocks = content if isinstance(content, list) else [{"text": content}]
            asked += [str(b["text"]) for b in blocks if isinstance(b, dict) and b.get("text")]
    return "\n".join(asked)


def _choices(row: Row) -> tuple[str, ...]:
    for name in CHOICES:
        value = row.get(name)
        if isinstance(value, list):
            return tuple(str(one) for one in value)
        if isinstance(value, dict):
            return tuple(str(one) for one in value.values())
        if isinstance(value, str) and value:
            return tuple(value.split("|"))
    lettered = [row.get(f"choice_{sign}") for sign in "abcdefgh"]
    return tuple(str(one) for one in lettered if one)


def _clips(row: Row, root: Path) -> Iterator[Clip]:
    """The clips of a row: harken's own, or what its audio columns name."""
    held = row.get("clips")
    if isinstance(held, list) and held and all(isinstance(one, dict) for one in held):
        for one in held:
            yield _placed(Clip.from_dict(one), root)
        return
    for column in AUDIO:
        for one in _list(row.get(column)):
            entry = one if isinstance(one, dict) else {"path": one}
            path = entry.get("path")
            if not isinstance(path, str) or not path or "://" in path:
                continue
            length = entry.get("duration_s")
            yield Clip(
                path=os.path.normpath(root / path),
                start_s=float(entry.get("start_s") or 0.0),
                duration_s=None if length is None else float(length),
                sha256=entry.get("sha256") or row.get("sha256"),
            )


def _placed(clip: Clip, root: Path) -> Clip:
    from harken.shards.schema import live_path, map_paths

    return map_paths(clip, lambda path: live_path(path, root))


def _names(row: Row) -> list[str]:
    found = []
    for column in NAMES:
        for one in _list(row.get(column)):
            text = str(one.get("path") or "") if isinstance(one, dict) else str(one or "")
            found += [_ABOUT.get(column, "{}").format(text)] if text else []
    return found


_ABOUT = {
    "youtube_id": "https://youtu.be/{}",
    "ytid": "https://youtu.be/{}",
    "freesound_id": "freesound:{}",
}
"""Columns that say by their name what kind of id they hold."""


def _list(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _file(clip: Clip) -> str:
    """The file's name; a shard's says nothing about its content."""
    return clip.path if clip.kind == "file" else ""
