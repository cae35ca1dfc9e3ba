"""What filters compute once and share: fingerprints of clips, and arrays kept for a killed job.

Fingerprints are taken of all clips in fixed batches, on an engine; what needs all of them stays
with the driver. With a folder each batch is written when it is complete, so a job that was killed
decodes only what it had not. In memory and on disk they take 8
bytes a frame: 400 bytes a second of audio.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.audio.clip import Clip
from harken.audio.content import content_key
from harken.audio.fingerprint import Fingerprint
from harken.engines.base import UnitTask, WorkEngine, WorkUnit
from harken.engines.run import engine_or_here, run_units
from harken.errors import AudioError
from harken.files import write_whole
from harken.hashing import canonical, digest
from harken.leaks.find import ClipFeatures, features_of

Arrays = dict[str, npt.NDArray[Any]]

_BATCH = 64  # clips in a file
_VERSION = "sounds 1"  # another number where fingerprints or hashes change


@dataclass(slots=True)
class Workspace:
    """What filters are given beside items and settings.

    Attributes:
        folder: where arrays are kept until the job is complete; None: nowhere.
        seed: of everything that is drawn.
        engine: where audio is decoded; None: in this process.
    """

    folder: Path | None = None
    seed: int = 0
    engine: WorkEngine | None = None
    _sounds: dict[str, ClipFeatures] = field(default_factory=dict)
    _content: dict[str, str] = field(default_factory=dict)

    def content(self, clip: Clip) -> str:
        """A key for the encoded bytes of a clip; its place where they cannot be read."""
        if clip.key not in self._content:
            try:
                self._content[clip.key] = content_key(clip)
            except AudioError:
                self._content[clip.key] = f"unread {clip.key}"
        return self._content[clip.key]

    def drawn(self, split: str, name: str) -> str:
        """By what an item of a split is sorted to be drawn: a hash of it and the seed."""
        return digest(f"{self.seed}:{split}:{name}", 32)

    def take(self, clips: Iterable[Clip]) -> None:
        """Take the fingerprints of clips: a batch is a unit of work, named by its clips."""
        wanted = {clip.key: clip for clip in clips if clip.key not in self._sounds}
        keys = sorted(wanted)
        batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]

        def hold(place: int, made: Arrays) -> None:
            self._sounds |= zip(batches[place], _unpacked(made), strict=True)

        with engine_or_here(self.engine) as engine:
            run_units(
                UnitTask(_VERSION, take_sounds, self.folder),
                [
                    WorkUnit(f"{_VERSION}:{canonical(own)}", [wanted[key] for key in own], len(own))
                    for own in batches
                ],
                engine,
                f"fingerprints of {len(keys)} clips, {_BATCH} at a time",
                take=hold,
            ).raise_any()

    def sound(self, clip: Clip) -> ClipFeatures:
        """Hashes and fingerprint of a clip; its fault where it cannot be decoded."""
        if clip.key not in self._sounds:
            self._sounds[clip.key] = features_of(clip)
        return self._sounds[clip.key]

    def kept(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """The arrays that `make` gives, from the folder if a killed job has left them there.

        Args:
            name: says all that they depend on.
            make: a pure function.
        """
        return kept_arrays(self.folder, name, make)


def take_sounds(folder: Path | None, unit: WorkUnit) -> Arrays:
    """Fingerprints of the clips of a unit: the work of a worker."""
    return kept_arrays(
        folder, unit.key, lambda: _packed([features_of(clip) for clip in unit.value])
    )


def kept_arrays(folder: Path | None, name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` gives, from the folder if they are there (`Workspace.kept`)."""
    if folder is None:
        return make()
    path = folder / f"{digest(name, 32)}.npz"
    if path.is_file():
        with np.load(path) as held:
            return {key: held[key] for key in held.files}
    made = make()
    data = io.BytesIO()
    np.savez(data, **made)  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, data.getvalue())
    return made


def _packed(sounds: Sequence[ClipFeatures]) -> Arrays:
    """Features as arrays: those of all clips one after the other, and their lengths."""
    prints = [one.print for one in sounds if one.print is not None]
    return {
        "hash": np.array([one.hash for one in sounds]),
        "samples": np.array([one.samples for one in sounds]),
        "fault": np.array([one.fault for one in sounds]),
        "frames": np.array([-1 if one.print is None else len(one.print) for one in sounds]),
        "words": np.concatenate([np.zeros(0, np.uint32), *(one.words for one in prints)]),
        "clear": np.concatenate([np.zeros(0, np.bool_), *(one.clear for one in prints)]),
        "weak": np.concatenate([_NONE_WEAK, *(one.weak for one in prints)]),
    }


_NONE_WEAK = np.zeros((0, 3), np.uint8)


def _unpacked(held: Mapping[str, npt.NDArray[Any]]) -> list[ClipFeatures]:
    """The inverse of `_packed`."""
    found, at = [], 0
    for place, frames in enumerate(held["frames"].tolist()):
        own = None
        if frames >= 0:
            span = slice(at, at + frames)
            own = Fingerprint(held["words"][span], held["clear"][span], held["weak"][span])
            at += frames
        hash_, samples, fault = (str(held[key][place]) for key in ("hash", "samples", "fault"))
        found.append(ClipFeatures(hash_, samples, own, fault))
    return found
