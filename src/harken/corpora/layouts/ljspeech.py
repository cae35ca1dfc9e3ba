"""LJ Speech: one woman reads seven books, 22.05 kHz, public domain (Ito and Johnson 2017).

``metadata.csv`` with ``id|text|normalised text`` (no heading, no quoting) and ``wavs/{id}.wav``.
Each utterance counts as a source recording, as in the usual splits of this corpus: utterances of a
chapter (``LJ001``) are adjacent, but their words and samples do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.tables import read_text
from harken.errors import DataError
from harken.parsing import text_lines


def matches(root: Path) -> bool:
    """``metadata.csv`` with ``|``, beside a folder ``wavs``."""
    table = root / "metadata.csv"
    if not table.is_file() or not (root / "wavs").is_dir():
        return False
    try:
        return "|" in (text_lines(read_text(table, 10_000)) or [""])[0]
    except DataError:
        return False


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every utterance with its normalised text; lines without a file give missing files."""
    texts = {}
    for number, line in enumerate(text_lines(read_text(root / "metadata.csv")), 1):
        fields = line.split("|")
        if len(fields) >= 2:
            texts[fields[0].strip()] = fields[-1].strip()
        elif line.strip():
            yield Reject(f"metadata.csv:{number}", "bad-row", "no text behind a |")
    seen = set()
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        stem = PurePath(path).stem
        seen.add(stem)
        yield _entry(path, texts.get(stem))
    for stem in sorted(texts.keys() - seen):
        yield _entry(f"wavs/{stem}.wav", texts[stem])


def _entry(path: str, words: str | None) -> Entry:
    """One utterance."""
    return Entry(
        path,
        id=f"ljspeech:{PurePath(path).stem}",
        kind="speech",
        transcript=words,
        speaker="ljspeech:linda-johnson",
        licence="public domain",
        sex="F",
    )


LAYOUT = Layout("ljspeech", "LJ Speech: one reader, with transcripts", matches, entries)
