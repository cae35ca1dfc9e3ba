"""RAVDESS: two sentences spoken and sung in eight emotions by 24 actors (Livingstone, Russo 2018).

Names of seven numbers, such as ``03-01-06-01-02-01-12.wav``: modality (03: audio alone), vocal
channel (01 speech, 02 song), emotion, intensity, sentence, repetition, actor (odd numbers are men).
Songs have no transcript here: what is sung is drawn out, and no reference for recognition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths

_NAME = re.compile(r"03-0[12]-0[1-8]-0[12]-0[12]-0[12]-\d\d$")

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised")

SENTENCES = ("Kids are talking by the door.", "Dogs are sitting by the door.")


def matches(root: Path) -> bool:
    """Most of the first file names, here or in ``Actor_…``, are seven numbers."""
    names = [path.stem for path in islice(root.glob("*.wav"), 20)]
    names += [path.stem for path in islice(root.glob("Actor_*/*.wav"), 20)]
    return 2 * sum(bool(_NAME.match(name)) for name in names) > len(names)


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every recording with its sentence, its actor and the emotion that was acted."""
    for path in audio_paths(root):
        name = "" if isinstance(path, Reject) else PurePath(path).stem
        if isinstance(path, Reject) or not _NAME.match(name):
            yield path if isinstance(path, Reject) else Entry(path, kind="speech")
            continue
        _, channel, emotion, _, sentence, _, actor = map(int, name.split("-"))
        yield Entry(
            path,
            id=f"ravdess:{name}",
            kind="speech",
            transcript=SENTENCES[sentence - 1] if channel == 1 else None,
            speaker=f"ravdess:{actor:02d}",
            licence="CC BY-NC-SA 4.0",
            sex="M" if actor % 2 else "F",
            traits=(("emotion", EMOTIONS[emotion - 1]),),
        )


LAYOUT = Layout("ravdess", "RAVDESS: sentences acted in eight emotions", matches, entries)
