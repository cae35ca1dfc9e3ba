"""CREMA-D: twelve sentences acted in six emotions by 91 speakers (Cao et al. 2014), ODbL.

Names such as ``1001_DFA_ANG_XX.wav`` (actor, sentence, emotion, intensity), in ``AudioWAV/`` or in
the folder itself; ``VideoDemographics.csv`` beside it has age and sex of the actors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.tables import read_rows

_NAME = re.compile(r"(?P<actor>1\d{3})_(?P<text>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?:LO|MD|HI|XX?)$")

EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}

SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}

_COLUMNS = ("actorid", "age", "sex")


def matches(root: Path) -> bool:
    """Most of the first file names look like ``1001_DFA_ANG_XX.wav``."""
    folder = root / "AudioWAV" if (root / "AudioWAV").is_dir() else root
    names = [path.stem for path in islice(folder.glob("*.wav"), 20)]
    return 2 * sum(bool(_NAME.match(name)) for name in names) > len(names)


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every recording with its sentence, its actor and the emotion that was acted."""
    actors = _actors(root / "VideoDemographics.csv")
    for path in audio_paths(root):
        found = None if isinstance(path, Reject) else _NAME.match(PurePath(path).stem)
        if isinstance(path, Reject) or found is None:
            yield path if isinstance(path, Reject) else Entry(path, kind="speech")
            continue
        age, sex = actors.get(found["actor"], ("", ""))
        emotion = EMOTIONS.get(found["emotion"], "")
        yield Entry(
            path,
            id=f"crema-d:{found[0]}",
            kind="speech",
            transcript=SENTENCES.get(found["text"]),
            speaker=f"crema-d:{found['actor']}",
            licence="ODbL 1.0",
            sex=sex,
            traits=(("age", age), ("emotion", emotion)),
        )


def _actors(path: Path) -> dict[str, tuple[str, str]]:
    """Actor -> age by decades ("thirties"), and ``"F"`` or ``"M"``."""
    if not path.is_file():
        return {}
    rows = [row for _, row in read_rows(path, _COLUMNS) if isinstance(row, dict)]
    sexes = {"male": "M", "female": "F"}
    return {
        (row.get("actorid") or "").strip(): (
            decade(row.get("age") or ""),
            sexes.get((row.get("sex") or "").strip().lower(), ""),
        )
        for row in rows
    }


def decade(age: str) -> str:
    """An age in years as a decade, named as Common Voice does: "34" is "thirties"."""
    names = ("", "teens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies")
    tens = int(age) // 10 if age.strip().isdecimal() else 0
    return names[tens] if tens < len(names) else ""


LAYOUT = Layout("crema-d", "CREMA-D: sentences acted in six emotions", matches, entries)
