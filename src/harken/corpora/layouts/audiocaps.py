"""AudioCaps: captions of 10 s of AudioSet (Kim et al. 2019).

``train.csv``, ``val.csv`` and ``test.csv`` with ``audiocap_id,youtube_id,start_time,caption``, in
the folder or one below, and the sounds as people have saved them: named by ``youtube_id``,
``youtube_id_start``, ``audiocap_id``, with ``Y`` before the id or not. In val and test a sound has
five rows. Parts of one video share their id. The sounds have the licence of their videos.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import split_name
from harken.corpora.tables import read_heading, read_rows
from harken.errors import DataError

_COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")
_NAMES = ("train.csv", "val.csv", "test.csv")
_TIMES = re.compile(r"_\d+(?:\.\d+)?(?:_\d+(?:\.\d+)?)?$")


def matches(root: Path) -> bool:
    """A table of a split with a column ``youtube_id`` and one ``caption``."""
    try:
        return any(
            {"youtube_id", "caption"} <= {*read_heading(table, _COLUMNS)[0]}
            for table in _tables(root)
        )
    except DataError:
        return False


def _tables(root: Path) -> list[Path]:
    own = [root / name for name in _NAMES if (root / name).is_file()]
    return own or [path for name in _NAMES for path in sorted(root.glob(f"*/{name}"))]


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every sound with all its captions; rows without a file are missing files."""
    known: dict[str, Entry] = {}
    names: dict[str, str] = {}
    for table in _tables(root):
        for number, row in read_rows(table, _COLUMNS):
            video = "" if isinstance(row, str) else (row.get("youtube_id") or "").strip()
            if isinstance(row, str) or not video:
                why = row if isinstance(row, str) else "no youtube_id"
                yield Reject(f"{table.relative_to(root)}:{number}", "bad-row", why)
                continue
            start = (row.get("start_time") or "").strip()
            key = f"{video}_{start}"
            entry = known.get(key) or Entry(
                f"{video}.wav", id=f"youtube:{video}", split=split_name(table.stem)
            )
            captions = (*entry.captions, (row.get("caption") or "").strip())
            known[key] = replace(entry, captions=tuple(filter(None, captions)))
            for name in (key, video, (row.get("audiocap_id") or "").strip()):
                names.setdefault(name, key)
    found = set()
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        key = _key(PurePath(path).stem, names)
        if not key:
            yield Entry(path)
            continue
        found.add(key)
        yield replace(known[key], path=path)
    yield from (known[key] for key in sorted(known.keys() - found))


def _key(stem: str, names: dict[str, str]) -> str:
    """The row that a file name means; empty if none does."""
    for name in (stem, stem.removeprefix("Y")):
        for own in (name, _TIMES.sub("", name)):
            if own in names:
                return names[own]
    return ""


LAYOUT = Layout("audiocaps", "AudioCaps: captions of AudioSet clips", matches, entries)
