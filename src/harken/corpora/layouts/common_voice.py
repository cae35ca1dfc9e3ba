"""Common Voice: read sentences of many speakers, CC0 (Ardila et al. 2020, arXiv 1912.06670).

``clips/`` (MP3) and tables with ``client_id``, ``path``, ``sentence``, ``gender``, ``age``,
``accents`` (in older releases ``accent``):
``train.tsv``, ``dev.tsv``, ``test.tsv`` (which share no speaker), and ``validated.tsv``, whose
other clips are in no split. Clips that only ``invalidated.tsv`` or ``other.tsv`` name have no
transcript here: nobody has confirmed that the sentence is what is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.tables import read_heading, read_rows
from harken.errors import DataError

_COLUMNS = ("client_id", "path", "sentence", "gender", "locale")
_TABLES = {"validated.tsv": "", "train.tsv": "train", "dev.tsv": "dev", "test.tsv": "test"}
_TRAITS = (("accents", "accent"), ("accent", "accent"), ("age", "age"))
_SEXES = {"male": "M", "female": "F"}


def matches(root: Path) -> bool:
    """``clips/`` beside a table with ``client_id`` and ``sentence``."""
    if not (root / "clips").is_dir():
        return False
    try:
        return any(
            {"client_id", "sentence"} <= {*read_heading(root / name, _COLUMNS)[0]}
            for name in _TABLES
            if (root / name).is_file()
        )
    except DataError:
        return False


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every clip with its sentence and speaker; rows without a file are missing files."""
    known: dict[str, Entry] = {}
    for table, split in _TABLES.items():
        for number, row in read_rows(root / table, _COLUMNS) if (root / table).is_file() else ():
            name = "" if isinstance(row, str) else (row.get("path") or "").strip()
            if isinstance(row, str) or not name:
                why = row if isinstance(row, str) else "no path"
                yield Reject(f"{table}:{number}", "bad-row", why)
                continue
            name = name if PurePath(name).suffix else f"{name}.mp3"
            known[name] = _entry(f"clips/{name}", row, split)
    seen = set()
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        name = PurePath(path).name
        seen.add(name)
        yield known.get(name) or Entry(path, kind="speech", licence="CC0")
    yield from (known[name] for name in sorted(known.keys() - seen))


def _entry(path: str, row: dict[str, str], split: str) -> Entry:
    speaker = (row.get("client_id") or "").strip()
    sex = (row.get("gender") or "").strip().lower().split("_")[0]
    return Entry(
        path,
        kind="speech",
        transcript=row.get("sentence") or None,
        speaker=f"common-voice:{speaker[:16]}" if speaker else None,
        split=split,
        licence="CC0",
        sex=_SEXES.get(sex, ""),
        traits=tuple((name, row.get(column) or "") for column, name in _TRAITS if row.get(column)),
    )


LAYOUT = Layout("common-voice", "Common Voice: read sentences of many speakers", matches, entries)
