"""A list of recordings: ``manifest.jsonl``, ``.csv`` or ``.tsv`` (or ``metadata.…``).

One recording a line, paths relative to the folder. Columns (other names in brackets; only the
first is required)::

    path [file, filename, file_name, audio]        id [recording]        kind (sound, speech, music)
    label / labels (a list, or separated by ";")   transcript [text, transcription, sentence]
    speaker [speaker_id]    sex    split    fold   licence [license]     sha256
    onset, offset           span of the line's labels in seconds
    onsets                  [[label, onset, offset], …]  (JSONL only)

Several lines may name one file, each with another event: they are merged into one recording. A line
that cannot be read is a reject with its line number, and reading goes on.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from harken.corpora.base import Entry, Kind, Layout, Reject, audio_paths, printable
from harken.corpora.fields import split_name
from harken.parsing import parse_json

NAMES = tuple(f"{s}.{e}" for s in ("manifest", "metadata") for e in ("jsonl", "csv", "tsv"))
OTHER_NAMES = {
    "file": "path",
    "filename": "path",
    "file_name": "path",
    "audio": "path",
    "recording": "id",
    "label": "labels",
    "text": "transcript",
    "transcription": "transcript",
    "sentence": "transcript",
    "speaker_id": "speaker",
    "license": "licence",
}
KINDS = ("sound", "speech", "music")
_HEADINGS = {*OTHER_NAMES, *OTHER_NAMES.values()}


class _BadRow(Exception):
    """The reason why a line cannot be read."""


def find(root: Path) -> Path | None:
    """The manifest of a folder: the first of `NAMES` that exists and has a column of paths."""
    for name in NAMES:
        path = root / name
        if not path.is_file():
            continue
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(1 << 16).strip()
        if name.endswith("jsonl"):
            return path
        columns = re.split(r"[,;\t]", first.lower().replace('"', ""))
        if any(OTHER_NAMES.get(c.strip(), c.strip()) == "path" for c in columns):
            return path
    return None


def matches(root: Path) -> bool:
    """There is a manifest with a column of paths."""
    return find(root) is not None


def entries(root: Path) -> Iterator[Entry | Reject]:
    """One entry a file, in the order of first mention; then a reject for every unreadable line."""
    path = find(root)
    if path is None:
        yield Reject("manifest", "bad-row", f"the folder has none of {', '.join(NAMES)}")
        return
    joined: dict[str, Entry] = {}
    rejects: list[Reject] = []
    for number, raw in rows(path):
        try:
            entry = read_row(raw)
            held = joined.get(entry.path)
            joined[entry.path] = entry if held is None else join(held, entry)
        except _BadRow as bad:
            rejects.append(Reject(f"{path.name}:{number}", "bad-row", str(bad)))
    yield from joined.values()
    yield from rejects
    for other in audio_paths(root):
        if isinstance(other, str) and other not in joined:
            yield Reject(printable(other), "unlisted", f"{path.name} does not name this file")


def rows(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, row) pairs; a row is a dict, or a sentence why the line cannot be read."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        if path.suffix == ".jsonl":
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        yield number, parse_json(line)
                    except (ValueError, RecursionError) as error:
                        yield number, f"not JSON: {error}"
            return
        first = file.readline()
        file.seek(0)
        delimiter = max("\t;,", key=first.count)
        reader = csv.DictReader(file, delimiter=delimiter)
        while True:
            try:
                yield reader.line_num + 1, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, f"not CSV: {error}"


def read_row(raw: Any) -> Entry:
    """One row as an entry; raises _BadRow with the reason."""
    if isinstance(raw, str):
        raise _BadRow(raw)
    if not isinstance(raw, dict):
        raise _BadRow(f"not an object but {type(raw).__name__}")
    row = {}
    for key, value in raw.items():
        name = str(key).strip().lower()
        if value not in (None, "", []):
            row[OTHER_NAMES.get(name, name)] = value
    if None in raw:
        raise _BadRow("more fields than the heading names")
    if "path" not in row:
        raise _BadRow("no path")
    texts = {
        name: str(row[name]).strip()
        for name in ("path", "id", "transcript", "speaker", "split", "licence", "sex", "sha256")
        if name in row
    }
    for name, text in texts.items():
        if name != "path" and not _encodable(text):
            raise _BadRow(f"{name} is not valid UTF-8")
    kind = str(row.get("kind", "speech" if "transcript" in texts else "sound")).lower()
    if kind not in KINDS:
        raise _BadRow(f"kind is {kind!r}, not one of {', '.join(KINDS)}")
    labels = read_labels(row.get("labels"))
    split = texts.get("split", "")
    if split and not split_name(split):
        raise _BadRow(f"split is {split!r}, not train, dev or test")
    return Entry(
        path=os.path.normpath(texts["path"]),
        id=texts.get("id", ""),
        kind=cast(Kind, kind),
        labels=labels,
        transcript=texts.get("transcript"),
        speaker=texts.get("speaker"),
        split=split_name(split),
        fold=None if "fold" not in row else int(_number(row["fold"], "fold")),
        licence=texts.get("licence", ""),
        onsets=read_onsets(row, labels),
        sex=texts.get("sex", "")[:1].upper(),
        sha256=texts["sha256"].lower() if "sha256" in texts else None,
    )


def read_labels(value: Any) -> tuple[str, ...]:
    """Labels from a list or from text separated by ``;``; repeats are left out."""
    if value is None:
        return ()
    parts = value if isinstance(value, list) else str(value).split(";")
    labels = tuple(dict.fromkeys(str(part).strip().lower() for part in parts))
    if not all(map(_encodable, labels)):
        raise _BadRow("a label is not valid UTF-8")
    return tuple(label for label in labels if label)


def read_onsets(
    row: dict[str, Any], labels: tuple[str, ...]
) -> tuple[tuple[str, float, float], ...]:
    """Events of a row: its list ``onsets``, or its labels from ``onset`` to ``offset``."""
    events = row.get("onsets")
    if events is None:
        if "onset" not in row and "offset" not in row:
            return ()
        if not labels:
            raise _BadRow("an onset without a label")
        if "offset" not in row:
            raise _BadRow("an onset without an offset")
        events = [[label, row.get("onset", 0.0), row["offset"]] for label in labels]
    if not isinstance(events, list):
        raise _BadRow("onsets is not a list of [label, onset, offset]")
    found = []
    for event in events:
        if not isinstance(event, list) or len(event) != 3:
            raise _BadRow("onsets is not a list of [label, onset, offset]")
        onset, offset = _number(event[1], "onset"), _number(event[2], "offset")
        if not 0.0 <= onset < offset:
            raise _BadRow(f"the event lasts from {onset:g} s to {offset:g} s")
        found.append((str(event[0]).strip().lower(), onset, offset))
    return tuple(found)


def join(one: Entry, other: Entry) -> Entry:
    """Merge two lines about one file; raises _BadRow if they contradict each other."""
    for name in ("id", "speaker", "split", "fold", "transcript", "licence", "sha256"):
        first, second = getattr(one, name), getattr(other, name)
        if first and second and first != second:
            raise _BadRow(f"{name} is {second!r}, an earlier line has {first!r} for this file")
    return replace(
        one,
        labels=tuple(dict.fromkeys(one.labels + other.labels)),
        onsets=tuple(dict.fromkeys(one.onsets + other.onsets)),
        **{
            name: getattr(one, name) or getattr(other, name)
            for name in ("id", "speaker", "split", "fold", "transcript", "licence", "sha256")
        },
    )


def _number(value: Any, name: str) -> float:
    """A finite number; raises _BadRow."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise _BadRow(f"{name} is {value!r}, not a number") from None
    if not math.isfinite(number):
        raise _BadRow(f"{name} is {number}")
    return number


def _encodable(text: str) -> bool:
    """Whether text has no lone surrogates (undecodable bytes)."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


LAYOUT = Layout(
    "manifest",
    "recordings listed in a manifest (or metadata) .jsonl, .csv or .tsv",
    matches,
    entries,
)
