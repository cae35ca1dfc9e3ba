"""A made-up world of recordings to draw from; `write_world` makes audio for a small one."""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harken.audio.clip import Clip
from harken.corpora.base import Recording

LABELS = [
    *("dog bark", "cat", "rooster", "rain", "sea waves", "thunder", "baby cry"),
    *("person sneeze", "laughter", "clock tick", "door knock", "helicopter", "train"),
    *("chainsaw", "hand saw", "siren", "church bells", "piano", "acoustic guitar", "flute"),
]
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
EMOTIONS = ("angry", "happy", "neutral")
SPEAKERS = ["anna", "bert", "carl", "dora"]
SENTENCES = (
    "the {a} garden lies behind the {b} house",
    "nobody painted the {a} window beside the {b} river",
    "a {a} letter arrived yesterday from the {b} captain",
)
ADJECTIVES = [
    *("yellow", "silent", "ancient", "narrow", "golden"),
    *("frozen", "hollow", "distant", "humble", "crooked"),
]
CLOSED = [
    *("identify", "presence", "word", "same-sound", "same-word"),
    *("same-speaker", "which-clip", "caption", "first", "count"),
]


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def sound(label: str | tuple[str, ...], no: int, split: str = "train", **more: object) -> Recording:
    labels = (label,) if isinstance(label, str) else label
    name = f"{split}-{'+'.join(labels)}-{no}"
    licence = ("CC0", "CC BY 3.0")[no % 2]
    clip = Clip("file", f"/a/{name}.wav", duration_s=2.0 + no % 3, sha256=sha(name))
    kind = "music" if labels[0] in ("piano", "flute") else "sound"
    caption = f"Take {no} of {' and '.join(labels)} is heard."
    more = {"captions": (caption,), **more}
    return Recording(clip, name, kind, labels, split=split, licence=licence, **more)  # type: ignore[arg-type]


def voice(text: str, speaker: str, no: int, split: str = "train") -> Recording:
    name = f"{split}-{speaker}-{text}-{no}"
    clip = Clip("file", f"/a/{name}.wav", duration_s=0.5 + 0.1 * (no % 4), sha256=sha(name))
    labels = (text,) if " " not in text else ()
    return Recording(
        clip,
        name,
        "speech",
        labels,
        text,
        f"{split}:{speaker}",
        split,
        licence="CC BY 4.0",
        sex="MF"[speaker in ("anna", "dora")],
        traits=(("emotion", EMOTIONS[no % 3]),),
    )


def world(splits: Sequence[str] = ("train", "test")) -> list[Recording]:
    """Twenty kinds of sound, ten words by four voices, and some sentences, in each split."""
    found: list[Recording] = []
    for split in splits:
        found += [sound(label, no, split) for label in LABELS for no in range(30)]
        found += [sound(("rain", "thunder"), no, split) for no in range(50, 54)]
        found += [voice(w, s, no, split) for w in WORDS for s in SPEAKERS for no in range(4)]
        found += [
            voice(text.format(a=a, b=b), SPEAKERS[i % 4], i, split)
            for i, (a, b) in enumerate(
                zip(ADJECTIVES, ADJECTIVES[3:] + ADJECTIVES[:3], strict=True)
            )
            for text in SENTENCES
        ]
    return found


def write_world(folder: Path) -> list[Recording]:
    """Small real files: five sounds and five words in two splits, as recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for shift, split in enumerate(("train", "test")):
        for no in range(6):
            for i, label in enumerate(LABELS[:5]):
                found.append(
                    _written(folder, sound(label, no, split), 200 + 90 * i + 10 * shift + no, 0.5)
                )
            for i, word in enumerate(WORDS[:5]):
                speaker = SPEAKERS[no % 2]
                found.append(
                    _written(
                        folder, voice(word, speaker, no, split), 900 + 50 * i + 10 * shift + no, 0.3
                    )
                )
    return found


def _written(folder: Path, recording: Recording, hz: float, seconds: float) -> Recording:
    from dataclasses import replace

    path = folder / f"{recording.id}.wav"
    wavy = 0.4 * np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((wavy * 32767).astype("<i2").tobytes())
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(recording, clip=Clip("file", str(path), duration_s=seconds, sha256=content))
