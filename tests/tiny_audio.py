"""Small models, sounds and items for tests of models and of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.audio.probe import file_sha256
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.models.composed.model import ComposedModel

RATE = RATE_HZ
NAMES = ("low tone", "high tone", "noise", "clicks")
TEXTS = [
    "Which of these sounds do you hear?",
    "Is the same sound in both clips?",
    "yes",
    "no",
    *NAMES,
    ", ".join(NAMES),
]


def sound(folder: Path, name: str, seconds: float = 0.5, seed: int = 0) -> Clip:
    """A wav file of one of `NAMES`."""
    path = folder / f"{name}-{seconds:g}-{seed}.wav"
    rng = np.random.default_rng([seed, NAMES.index(name)])
    t = np.arange(round(seconds * RATE)) / RATE
    if name.endswith("tone"):
        wave = np.sin(2 * np.pi * (300 if name == "low tone" else 3000) * rng.uniform(0.9, 1.1) * t)
    elif name == "noise":
        wave = rng.standard_normal(len(t)) * 0.3
    else:
        wave = (rng.random(len(t)) < 0.002).astype(np.float64)
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(path, (0.5 * wave).astype(np.float32), RATE)
    return Clip(path=str(path), duration_s=seconds, sha256=file_sha256(str(path)))


def heard(*names: str) -> tuple[ClipFacts, ...]:
    """The facts of clips with one sound each."""
    return tuple(ClipFacts((SourceFacts("sound", name),)) for name in names)


def named(folder: Path, name: str, seed: int = 0, seconds: float = 0.5) -> Item:
    """A question for the sound in a clip, with four choices."""
    return Item(
        question=TEXTS[0],
        answer=name,
        choices=NAMES,
        clips=(sound(folder, name, seconds, seed),),
        task="identify",
        tags=("single", "sound"),
        facts=heard(name),
    )


def alike(folder: Path, first: str, second: str, seed: int = 0) -> Item:
    """A question whether two clips have the same sound."""
    return Item(
        question=TEXTS[1],
        answer="yes" if first == second else "no",
        choices=("yes", "no"),
        clips=(sound(folder, first, 0.4, seed), sound(folder, second, 0.7, seed + 1)),
        task="same-sound",
        tags=("multi", "sound"),
        facts=heard(first, second),
    )


def mini(seed: int = 0, **changes: object) -> ComposedModel:
    """The smallest preset."""
    return ComposedModel.preset("harken-mini", TEXTS, seed, **changes)
