"""Changed copies of recordings, planted among them, and how many of them filters find."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from harken.audio.clip import Clip
from harken.audio.codec import Samples, resample
from harken.audio.load import write_wav
from harken.clean.load import filters_of
from harken.clean.workspace import Workspace
from harken.item import Drop, Item

Change = Callable[[Samples, int], tuple[Samples, int]]


def coded(format: str, subtype: str) -> Change:
    def change(wave: Samples, rate: int) -> tuple[Samples, int]:
        file = io.BytesIO()
        soundfile.write(file, wave.T, rate, format=format, subtype=subtype, compression_level=0.9)
        file.seek(0)
        back, _ = soundfile.read(file, dtype="float32", always_2d=True)
        return back.T, rate

    return change


def cropped(start: float, end: float) -> Change:
    """From one share of the length to another."""

    def change(wave: Samples, rate: int) -> tuple[Samples, int]:
        count = wave.shape[1]
        return wave[:, round(start * count) : round(end * count)], rate

    return change


def gained(decibels: float) -> Change:
    def change(wave: Samples, rate: int) -> tuple[Samples, int]:
        return np.clip(wave * 10 ** (decibels / 20), -1, 1).astype(np.float32), rate

    return change


def noisy(decibels: float) -> Change:
    """White noise, so many decibels below the recording."""

    def change(wave: Samples, rate: int) -> tuple[Samples, int]:
        level = float(np.sqrt(np.mean(wave**2))) * 10 ** (-decibels / 20)
        draw = np.random.default_rng([int(1e6 * level), wave.shape[1]])
        return (wave + level * draw.standard_normal(wave.shape)).astype(np.float32), rate

    return change


KINDS: dict[str, Change] = {
    "re-encoded (MP3, lowest quality)": coded("MP3", "MPEG_LAYER_III"),
    "re-encoded (Vorbis, lowest quality)": coded("OGG", "VORBIS"),
    "resampled to 8 kHz": lambda wave, rate: (resample(wave, rate, 8000), 8000),
    "cropped to the middle half": cropped(0.25, 0.75),
    "gain +6 dB, clipped": gained(6),
    "gain -12 dB": gained(-12),
    "noise 20 dB below": noisy(20),
    "noise 10 dB below": noisy(10),
}


@dataclass(frozen=True)
class Found:
    """Of copies of one kind: how many were planted, found, and dropped for something else."""

    planted: int
    found: int
    wrong: int

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0


def item_of(path: Path, label: str, labels: Sequence[str], split: str = "train") -> Item:
    return Item(
        question="What is heard in the recording?",
        answer=label,
        choices=tuple(sorted(labels)),
        clips=(Clip(path=str(path)),),
        task="identify",
        split=split,
    )


def plant(
    folder: Path, recordings: Sequence[tuple[str, Samples, int]], change: Change, name: str
) -> list[tuple[Path, str]]:
    """A changed copy of every recording: (file, label)."""
    made = []
    for number, (label, wave, rate) in enumerate(recordings):
        path = folder / name / f"{number:04d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, *change(wave, rate))
        made.append((path, label))
    return made


def duplicates_by_kind(
    folder: Path, recordings: Sequence[tuple[str, Samples, int]], kinds: Mapping[str, Change]
) -> dict[str, Found]:
    """Each kind of copy among all originals, found by the filter `acoustic`.

    A copy is found if it or its original is dropped and names the other; another drop is wrong.
    """
    labels = sorted({label for label, _, _ in recordings})
    plain = plant(folder, recordings, lambda wave, rate: (wave, rate), "original")
    workspace = Workspace()
    step = filters_of(["acoustic"], workspace)[0]
    originals = [item_of(path, label, labels) for path, label in plain]
    table = {}
    for number, (kind, change) in enumerate(kinds.items()):
        made = plant(folder, recordings, change, f"copy{number}")
        copies = [item_of(path, label, labels) for path, label in made]
        pairs = {frozenset((a.id, b.id)) for a, b in zip(originals, copies, strict=True)}
        table[kind] = _counted(step([*originals, *copies]), pairs)
    return table


def _counted(judged: Iterable[Item | Drop], pairs: set[frozenset[str]]) -> Found:
    drops = [one for one in judged if isinstance(one, Drop)]
    right = [d for d in drops if frozenset((d.item.id, d.note.split()[1])) in pairs]
    return Found(len(pairs), len(right), len(drops) - len(right))


def leaks_by_kind(
    folder: Path,
    recordings: Sequence[tuple[str, Samples, int]],
    kinds: Mapping[str, Change],
    leaked: int,
) -> dict[str, Found]:
    """Each kind of copy of the first `leaked` recordings, which are a benchmark, in a training set.

    The others are the training set's own; a drop of one of them is wrong.
    """
    labels = sorted({label for label, _, _ in recordings})
    plain = plant(folder, recordings, lambda wave, rate: (wave, rate), "original")
    rows = [
        {"id": f"b{n}", "question": f"Which sound is number {n} of the exam?", "audio": str(path)}
        for n, (path, _) in enumerate(plain[:leaked])
    ]
    bench = folder / "bench.jsonl"
    bench.write_text("".join(json.dumps(row) + "\n" for row in rows))
    step = filters_of([f"leak?against={bench}"], Workspace())[0]
    own = [item_of(path, label, labels) for path, label in plain[leaked:]]
    table = {}
    for number, (kind, change) in enumerate(kinds.items()):
        made = plant(folder, recordings[:leaked], change, f"leak{number}")
        copies = [item_of(path, label, labels) for path, label in made]
        names = {item.id: f"b{n}" for n, item in enumerate(copies)}
        drops = [one for one in step([*own, *copies]) if isinstance(one, Drop)]
        right = [d for d in drops if names.get(d.item.id) == d.note.split()[0]]
        table[kind] = Found(leaked, len(right), len(drops) - len(right))
    return table


def shown(title: str, table: Mapping[str, Found]) -> str:
    lines = [f"{title:38} planted  found  wrong  recall  precision"]
    lines += [
        f"{kind:38} {one.planted:7} {one.found:6} {one.wrong:6} {100 * one.recall:6.1f} % "
        f"{100 * one.precision:7.1f} %"
        for kind, one in table.items()
    ]
    return "\n".join(lines)
