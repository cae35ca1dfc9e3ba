"""LibriSpeech: read English speech, 16 kHz FLAC, CC BY 4.0 (Panayotov et al. 2015).

``{speaker}-{chapter}-{utterance}.flac`` below ``train-…``, ``dev-…`` and ``test-…`` folders, at any
depth; ``{speaker}-{chapter}.trans.txt`` beside them for transcripts; ``SPEAKERS.TXT`` has the sex.
The official splits share no speaker. Utterances of one chapter share a source recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import split_name
from harken.corpora.tables import read_text
from harken.parsing import text_lines

_NAME = re.compile(r"(?P<speaker>\d+)-(?P<chapter>\d+)-(?P<utterance>\d+)$")


def matches(root: Path) -> bool:
    """``SPEAKERS.TXT`` at the top level, or FLAC files named ``speaker-chapter-utterance``."""
    if (root / "SPEAKERS.TXT").is_file():
        return True
    names = [path.stem for path in islice(root.rglob("*.flac"), 5)]
    return bool(names) and all(_NAME.match(name) for name in names)


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every utterance with its speaker, and its transcript where there is one."""
    sexes = read_speakers(root / "SPEAKERS.TXT")
    texts: dict[Path, dict[str, str]] = {}
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        folder = (root / path).parent
        if folder not in texts:
            texts[folder] = read_transcripts(folder)
        match = _NAME.match(PurePath(path).stem)
        yield Entry(
            path,
            id=f"librispeech:{match['speaker']}-{match['chapter']}" if match else "",
            kind="speech",
            transcript=texts[folder].get(PurePath(path).stem),
            speaker=f"librispeech:{match['speaker']}" if match else None,
            split=next((s for s in map(split_name, PurePath(path).parts[:-1]) if s), ""),
            licence="CC BY 4.0",
            sex=sexes.get(match["speaker"], "") if match else "",
        )


def read_transcripts(folder: Path) -> dict[str, str]:
    """Utterance -> words, from every ``*.trans.txt`` in `folder`."""
    found = {}
    for path in sorted(folder.glob("*.trans.txt")):
        for line in text_lines(read_text(path)):
            name, _, words = line.partition(" ")
            found[name] = words.strip().lower()
    return found


def read_speakers(path: Path) -> dict[str, str]:
    """Speaker number -> ``"F"`` or ``"M"``, from ``id | sex | subset | minutes | name``."""
    found = {}
    if path.is_file():
        for line in text_lines(read_text(path)):
            fields = [field.strip() for field in line.split("|")]
            if len(fields) >= 2 and not line.startswith(";") and fields[1] in ("F", "M"):
                found[fields[0]] = fields[1]
    return found


LAYOUT = Layout(
    "librispeech", "LibriSpeech: read English with transcripts and speakers", matches, entries
)
