"""Clotho: 15 to 30 s of sound with five captions each (Drossos et al. 2020, arXiv 1910.09387).

``clotho_captions_{split}.csv`` (``file_name,caption_1 … caption_5``), beside it
``clotho_metadata_{split}.csv`` (keywords, Freesound id, licence; often in Latin-1), and the sounds
in a folder named as the split, at any depth. The keywords are the uploader's: they are no labels,
but the description. Clips cut from one Freesound recording share its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import description_of, sole_licence, split_name
from harken.corpora.tables import read_rows

_CAPTIONS = ("file_name", *(f"caption_{number}" for number in range(1, 6)))
_ABOUT = ("file_name", "keywords", "sound_id", "sound_link", "license")


def matches(root: Path) -> bool:
    """``clotho_captions_….csv``, in the folder or one below."""
    return bool(_tables(root, "captions"))


def _tables(root: Path, what: str) -> dict[str, Path]:
    """Split as the corpus names it -> its table."""
    paths = [*root.glob(f"clotho_{what}_*.csv"), *root.glob(f"*/clotho_{what}_*.csv")]
    return {path.stem.rpartition("_")[2]: path for path in sorted(paths)}


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every sound with its captions, licence and split; lines without a file are missing files."""
    captions: dict[tuple[str, str], tuple[str, ...]] = {}
    for split, table in _tables(root, "captions").items():
        for number, row in read_rows(table, _CAPTIONS):
            name = "" if isinstance(row, str) else (row.get("file_name") or "").strip()
            if isinstance(row, str) or not name:
                why = row if isinstance(row, str) else "no file_name"
                yield Reject(f"{table.relative_to(root)}:{number}", "bad-row", why)
                continue
            texts = (row.get(column) or "" for column in _CAPTIONS[1:])
            captions[split, name] = tuple(filter(None, texts))
    about = {
        (split, row["file_name"].strip()): row
        for split, table in _tables(root, "metadata").items()
        for _, row in read_rows(table, _ABOUT)
        if not isinstance(row, str) and row.get("file_name")
    }
    seen = set()
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        own = PurePath(path)
        key = (own.parent.name, own.name)
        seen.add(key)
        yield _entry(path, key[0], captions.get(key, ()), about.get(key, {}))
    for split, name in sorted(captions.keys() - seen):
        yield _entry(f"{split}/{name}", split, captions[split, name], {})


def _entry(path: str, split: str, captions: tuple[str, ...], about: dict[str, str]) -> Entry:
    source = (about.get("sound_id") or "").strip()
    return Entry(
        path,
        id=f"freesound:{source}" if source.isdigit() else "",
        captions=captions,
        description=description_of({"keywords": (about.get("keywords") or "").replace(";", ", ")}),
        # Of Clotho, evaluation is the test set, and validation was made for tuning.
        split=split_name(split) if split != "development" else "train",
        licence=sole_licence(about.get("license") or ""),
    )


LAYOUT = Layout("clotho", "Clotho: sounds with five captions each", matches, entries)
