"""A list of recordings: ``manifest.jsonl``, ``.json``, ``.csv`` or ``.tsv`` (or ``metadata.…``).

One recording a line, paths relative to the folder of the list; without a list in the folder itself,
those one folder below are read (``train/metadata.csv``). Separators are ``,`` ``;`` tab or ``|``,
the text is UTF-8, UTF-16 or UTF-32. Columns (only the first is required; `harken.corpora.columns`
has the other names that are understood)::

    path        id (source recording)     kind (sound, speech, music)
    label / labels (a list, or separated by ";")   transcript
    speaker     sex    split    fold   licence     sha256
    accent      age    emotion  intent
    description             what its publisher writes about it
    onset, offset           span of the line's labels in seconds
    onsets                  [[label, onset, offset], …]  (JSON only)
    duration                length in seconds; compared with the file
    offset, duration        without onset: the span of the file that is the recording (NeMo)

Several lines may name one file, each with another event: they are merged into one recording. A line
that cannot be read is a reject with its line number, and reading goes on. Columns that are not
understood are told in a note.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from harken.audio.container import AUDIO_SUFFIXES
from harken.corpora.base import TRAITS, Entry, Kind, Layout, Reject, audio_paths, printable
from harken.corpora.columns import HEADINGS, OTHER_NAMES, has_key, known_columns
from harken.corpora.fields import label_text, split_name
from harken.corpora.tables import heading_name, read_heading, read_json_rows, read_rows, read_text
from harken.errors import DataError
from harken.listed import listed

NAMES = tuple(f"{s}.{e}" for s in ("manifest", "metadata") for e in ("jsonl", "csv", "tsv", "json"))
KINDS = ("sound", "speech", "music")
TEXTS = (
    *("path", "id", "transcript", "speaker", "split", "licence", "sex", "sha256", "description"),
    *TRAITS,
)


class _BadRow(Exception):
    """The reason why a line cannot be read."""


def is_json(path: Path) -> bool:
    """Whether a list is JSON, by its name."""
    return path.suffix.lower() in (".json", ".jsonl")


def has_paths(path: Path) -> bool:
    """Whether a table's heading names a column of paths; JSON lines are taken to have one."""
    if path.suffix.lower() == ".jsonl":
        return True
    try:
        if is_json(path):  # often something else than a list of recordings
            keys = re.findall(r'"([^"\n]+)"\s*:', read_text(path, 1 << 16))
            return any(OTHER_NAMES.get(name, name) == "path" for name in map(heading_name, keys))
        names, _, _ = read_heading(path, HEADINGS)
    except DataError:
        return False
    files = any(os.path.splitext(name)[1] in AUDIO_SUFFIXES for name in names)
    return not files and any(OTHER_NAMES.get(name, name) == "path" for name in names)


def tables(root: Path) -> list[Path]:
    """All files of a folder with one of `NAMES`, those of its folders if it has none."""
    own = [root / name for name in NAMES if (root / name).is_file()]
    if own:
        return own
    inner = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    return [folder / name for folder in inner for name in NAMES if (folder / name).is_file()]


def find(root: Path) -> list[Path]:
    """The lists that are read: in each folder of `tables` the first with a column of paths."""
    found: dict[Path, Path] = {}
    for path in tables(root):
        if path.parent not in found and has_paths(path):
            found[path.parent] = path
    return list(found.values())


def matches(root: Path) -> bool:
    """There is a list with a column of paths."""
    return bool(find(root))


def refuse_unread(root: Path) -> None:
    """Raise DataError for a list without a column of paths: it is not passed over."""
    for path in tables(root):
        if is_json(path):
            continue
        shown = path.relative_to(root).as_posix()
        names, _, _ = read_heading(path, HEADINGS)
        if not names:
            raise DataError(
                "the table is empty",
                where=shown,
                hint="Fill it, or delete it; --layout folder reads the folder without it.",
            )
        raise DataError(
            f"no column of paths: the first line has {listed(list(map(repr, names)), 6)}",
            where=shown,
            hint="Begin it with a heading such as path,label; --layout folder reads the folder "
            "without it.",
        )


def entries(root: Path) -> Iterator[Entry | Reject | str]:
    """One entry a recording, in the order of first mention; then rejects and notes.

    Raises:
        DataError: there is no list, or it cannot be read as a whole.
    """
    lists = find(root)
    if not lists:
        refuse_unread(root)
        raise DataError(f"the folder has none of {', '.join(NAMES)}", where=root.name)
    yield from read_lists(root, lists)
    by = " and ".join(path.relative_to(root).as_posix() for path in lists)
    for other in tables(root):
        if other not in lists:
            yield f"{other.relative_to(root).as_posix()} is not read: {by} is"


def read_lists(root: Path, lists: Sequence[Path]) -> Iterator[Entry | Reject | str]:
    """What some lists say of the files in a folder: see `entries`."""
    joined: dict[tuple[str, float, float | None], Entry] = {}
    rejects: list[Reject] = []
    refused: set[str] = set()
    unread: Counter[str] = Counter()
    for path in lists:
        folder = path.parent.relative_to(root).as_posix()
        shown = path.relative_to(root).as_posix()
        for number, raw in rows(path):
            try:
                entry = placed(read_row(raw, unread), folder)
                key = (entry.path, entry.start_s, entry.length_s)
                held = joined.get(key)
                joined[key] = entry if held is None else join(held, entry)
            except _BadRow as bad:
                refused.add(named_path(raw, folder))
                rejects.append(Reject(f"{shown}:{number}", "bad-row", printable(str(bad))))
    yield from joined.values()
    yield from rejects
    named = {entry.path for entry in joined.values()} | refused
    by = " and ".join(path.relative_to(root).as_posix() for path in lists)
    for other in audio_paths(root):
        if isinstance(other, Reject):
            if other.path not in named:
                yield other
        elif other not in named:
            yield Reject(printable(other), "unlisted", f"{by} does not name this file")
    if unread:
        yield f"columns of {by} that are not read: {listed(sorted(unread), 20)}"


def placed(entry: Entry, folder: str) -> Entry:
    """An entry of a list in `folder`: its path, and the split that the folder's name gives."""
    if folder == ".":
        return entry
    path = os.path.normpath(os.path.join(folder, entry.path))
    return replace(entry, path=path, split=entry.split or split_name(folder))


def named_path(raw: Any, folder: str) -> str:
    """The path that a row in `folder` names, whatever else is wrong with it; empty without one."""
    path = known_columns(raw, Counter()).get("path") if isinstance(raw, dict) else None
    return os.path.normpath(os.path.join(folder, path.strip())) if isinstance(path, str) else ""


def rows(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, row) pairs; a row is a dict, or a sentence why the line cannot be read."""
    return read_json_rows(path) if is_json(path) else read_rows(path, HEADINGS)


def path_of(raw: Any) -> str:
    """The path that a row names; ``""`` if it names none, or the row cannot be read."""
    if not isinstance(raw, dict) or None in raw:
        return ""
    path = str(known_columns(raw, Counter()).get("path", "")).strip()
    return path if _encodable(path) and "\0" not in path else ""


def read_row(raw: Any, unread: Counter[str] | None = None) -> Entry:
    """One row as an entry; raises _BadRow with the reason. `unread` counts columns not read."""
    if isinstance(raw, str):
        raise _BadRow(raw)
    if not isinstance(raw, dict):
        raise _BadRow(f"not an object but {type(raw).__name__}")
    if None in raw:
        raise _BadRow("more fields than the heading names")
    row = known_columns(raw, Counter() if unread is None else unread)
    if "path" not in row:
        raise _BadRow("no path")
    texts = {name: read_text_value(row[name], name) for name in TEXTS if name in row}
    for name, text in texts.items():
        if name != "path" and not _encodable(text):
            raise _BadRow(f"{name} is not valid UTF-8")
    kind = str(row.get("kind", "speech" if "transcript" in texts else "sound")).strip().lower()
    if kind not in KINDS:
        raise _BadRow(f"kind is {kind!r}, not one of {', '.join(KINDS)}")
    labels = read_labels(row.get("labels"))
    split = texts.get("split", "")
    if split and not split_name(split):
        raise _BadRow(f"split is {split!r}, not train, dev or test")
    start_s, length_s, stated_s = read_span(row, nemo=has_key(raw, "audio_filepath"))
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
        onsets=() if start_s or length_s is not None else read_onsets(row, labels),
        sex=texts.get("sex", "")[:1].upper(),
        sha256=texts["sha256"].lower() if "sha256" in texts else None,
        start_s=start_s,
        length_s=length_s,
        stated_s=stated_s,
        traits=tuple((name, texts[name]) for name in TRAITS if texts.get(name)),
        description=texts.get("description", ""),
    )


def read_text_value(value: Any, name: str) -> str:
    """A text, or a number as text; raises _BadRow for anything else, such as a list."""
    if isinstance(value, (bool, dict, list)) or value != value:  # NaN, written by pandas
        raise _BadRow(f"{name} is neither a text nor a number: {value!r}"[:200])
    return str(value).strip()


def read_span(row: dict[str, Any], nemo: bool) -> tuple[float, float | None, float | None]:
    """(start, length, stated length of the file) in seconds.

    NeMo's ``offset`` and ``duration`` cut the recording from its file. A ``duration`` alone is a
    statement about the file, except in NeMo's own lists, where nothing after it is heard.
    """
    duration = _number(row["duration"], "duration") if "duration" in row else None
    if duration is not None and duration <= 0:
        raise _BadRow(f"duration is {duration:g}")
    if "onset" in row or "onsets" in row or not (nemo or duration is not None):
        return 0.0, None, duration
    start = _number(row["offset"], "offset") if "offset" in row else 0.0
    if start < 0:
        raise _BadRow(f"offset is {start:g}")
    if nemo or "offset" in row:
        return start, duration, None
    return 0.0, None, duration


def read_labels(value: Any) -> tuple[str, ...]:
    """Labels from a list or from text separated by ``;``; repeats are left out."""
    if value is None:
        return ()
    parts = value.split(";") if isinstance(value, str) else value
    parts = parts if isinstance(parts, list) else [parts]
    if any(isinstance(p, (dict, list, bool)) or p is None or p != p for p in parts):
        raise _BadRow(f"a label is neither a text nor a number: {value!r}"[:200])
    labels = tuple(dict.fromkeys(label_text(str(part)) for part in parts))
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
        found.append((label_text(str(event[0])), onset, offset))
    return tuple(found)


_JOINED = ("id", "speaker", "split", "fold", "transcript", "licence", "sha256", "traits")


def join(one: Entry, other: Entry) -> Entry:
    """Merge two lines about one file; raises _BadRow if they contradict each other."""
    kept = {}
    for name in _JOINED:
        first, second = getattr(one, name), getattr(other, name)
        said = [value for value in (first, second) if value not in (None, "", ())]
        if len(set(said)) > 1:
            raise _BadRow(f"{name} is {second!r}, an earlier line has {first!r} for this file")
        kept[name] = said[0] if said else first
    return replace(
        one,
        labels=tuple(dict.fromkeys(one.labels + other.labels)),
        onsets=tuple(dict.fromkeys(one.onsets + other.onsets)),
        **kept,
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
    "recordings listed in a manifest (or metadata) .jsonl, .json, .csv or .tsv",
    matches,
    entries,
)
