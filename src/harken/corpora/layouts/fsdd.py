"""Free Spoken Digit Dataset: digits 0-9 by six speakers, 8 kHz, CC BY-SA 4.0.

``{digit}_{speaker}_{number}.wav`` in ``recordings/`` (or at the top level); ``speakers.csv`` has
the sex. The official test split repeats the training speakers; no split is given here, so that
`assign_splits` separates speakers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.tables import read_rows

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^\W\d_]+)_(?P<number>\d+)$")


def matches(root: Path) -> bool:
    """Most of the first file names look like ``7_jackson_32.wav``."""
    folder = root / "recordings" if (root / "recordings").is_dir() else root
    names = [p.stem for p in islice(folder.glob("*.wav"), 20)]
    return 2 * sum(bool(_NAME.match(name)) for name in names) > len(names)


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every recording with its digit as a word and its speaker."""
    sexes = read_speakers(root / "speakers.csv")
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        match = _NAME.match(PurePath(path).stem)
        word = DIGITS[int(match["digit"])] if match else None
        speaker = match["speaker"] if match else None
        yield Entry(
            path,
            id=f"fsdd:{PurePath(path).stem}",
            kind="speech",
            labels=(word,) if word else (),
            transcript=word,
            speaker=f"fsdd:{speaker}" if speaker else None,
            licence="CC BY-SA 4.0",
            sex=sexes.get(speaker or "", ""),
        )


def read_speakers(path: Path) -> dict[str, str]:
    """Speaker -> ``"F"`` or ``"M"``."""
    if not path.is_file():
        return {}
    rows = [row for _, row in read_rows(path, ("speaker", "gender")) if isinstance(row, dict)]
    known = {"male": "M", "female": "F"}
    return {r.get("speaker") or "": known.get(r.get("gender") or "", "") for r in rows}


LAYOUT = Layout("fsdd", "Free Spoken Digit Dataset: digits 0-9 by six speakers", matches, entries)
