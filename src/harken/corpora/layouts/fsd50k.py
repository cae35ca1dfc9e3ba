"""FSD50K: Freesound clips with labels of AudioSet's ontology (Fonseca 2022, arXiv 2010.00475).

``FSD50K.ground_truth/dev.csv`` (``fname,labels,mids,split``; the split is train or val) and
``eval.csv``, sounds in ``FSD50K.dev_audio/`` and ``FSD50K.eval_audio/``, and
``FSD50K.metadata/{dev,eval}_clips_info_FSD50K.json`` with licence and description of each clip.
Labels are
propagated to the root of the ontology ("Bark, Dog, Domestic animals, Animal"): the first is the
most specific, and all are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import description_of, label, sole_licence
from harken.corpora.tables import read_rows, read_text
from harken.errors import DataError
from harken.parsing import parse_json

_COLUMNS = ("fname", "labels", "mids", "split")
_TRUTH = "FSD50K.ground_truth"
_SPLITS = {"train": "train", "val": "dev"}


def matches(root: Path) -> bool:
    """``FSD50K.ground_truth/dev.csv`` or ``eval.csv``."""
    return any((root / _TRUTH / f"{part}.csv").is_file() for part in ("dev", "eval"))


def entries(root: Path) -> Iterator[Entry | Reject | str]:
    """Every clip with its labels, split and licence; rows without a file are missing files."""
    for part in ("dev", "eval"):
        table = root / _TRUTH / f"{part}.csv"
        rows: dict[str, dict[str, str]] = {}
        for number, row in read_rows(table, _COLUMNS) if table.is_file() else ():
            if isinstance(row, str) or not (row.get("fname") or "").strip():
                why = row if isinstance(row, str) else "no fname"
                yield Reject(f"{table.relative_to(root)}:{number}", "bad-row", why)
                continue
            rows[row["fname"].strip()] = row
        about = _about(root / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json")
        if isinstance(about, str):
            yield about
            about = {}
        seen = set()
        folder = root / f"FSD50K.{part}_audio"
        for path in audio_paths(folder) if folder.is_dir() else ():
            if isinstance(path, Reject):
                yield Reject(f"{folder.name}/{path.path}", path.reason, path.found)
                continue
            stem = PurePath(path).stem
            seen.add(stem)
            yield _entry(f"{folder.name}/{path}", part, rows.get(stem, {}), about.get(stem))
        for stem in sorted(rows.keys() - seen):
            yield _entry(f"{folder.name}/{stem}.wav", part, rows[stem], None)


def _about(path: Path) -> dict[str, Any] | str:
    """Clip -> what is known of it; a note where the file cannot be read."""
    if not path.is_file():
        return {}
    try:
        found = parse_json(read_text(path))
    except (DataError, ValueError) as error:
        return f"{path.name} cannot be read, so licences are not known: {error}"
    return found if isinstance(found, dict) else {}


def _entry(path: str, part: str, row: dict[str, str], about: Any) -> Entry:
    stem = PurePath(path).stem
    licence = about.get("license") if isinstance(about, dict) else None
    own = "test" if part == "eval" else _SPLITS.get((row.get("split") or "").strip(), "train")
    return Entry(
        path,
        id=f"freesound:{stem}",
        labels=tuple(label(name) for name in (row.get("labels") or "").split(",") if name),
        split=own,
        licence=sole_licence(str(licence or "")),
        description=description_of(about),
    )


LAYOUT = Layout("fsd50k", "FSD50K: Freesound clips with AudioSet's labels", matches, entries)
