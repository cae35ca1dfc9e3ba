"""The clips of an export as files: each written once, under its content key."""

from __future__ import annotations

import os
from pathlib import Path

from harken.audio.clip import Clip
from harken.audio.codec import encode_float, encode_whole, open_regular
from harken.audio.container import read_header
from harken.audio.load import load
from harken.audio.probe import identify, probe
from harken.files import real_path, write_whole
from harken.shards.embed import embedded
from harken.shards.exports.base import AudioFile

FOLDER = "audio"
_SILENCE_HZ = 16_000
"""Of silence and noise, which have no rate of their own."""


class AudioFiles:
    """Writes clips below ``audio/`` of a folder.

    Args:
        folder: of the export.
        suffix, rate_hz: see `harken.shards.exports.base.ExportFormat`.
        absolute: name files by absolute paths.
        reference: name whole recordings where they are; everything else is written.
    """

    def __init__(
        self, folder: Path, suffix: str, rate_hz: int, absolute: bool, reference: bool
    ) -> None:
        self._folder = real_path(folder)
        self._suffix, self._rate_hz = suffix, rate_hz
        self._absolute, self._reference = absolute, reference
        self._known: dict[str, AudioFile] = {}

    def file(self, clip: Clip) -> AudioFile:
        """The file of a clip, written if it is not there.

        Raises:
            AudioError: the clip cannot be decoded.
        """
        if clip.key not in self._known:
            own = self._referred(clip) if self._reference else None
            self._known[clip.key] = own or self._written(clip)
        return self._known[clip.key]

    def _referred(self, clip: Clip) -> AudioFile | None:
        """The recording itself, if the clip is the whole of a file."""
        if clip.kind != "file" or clip.plan is not None or clip.start_s:
            return None
        found = probe(clip.path)
        if clip.duration_s is not None and abs(clip.duration_s - found.duration_s) > 1e-6:
            return None
        frames = round(found.duration_s * found.rate_hz)
        path = os.path.abspath(clip.path)
        return AudioFile(path, Path(path), clip.key, found.rate_hz, found.channels, frames)

    def _written(self, clip: Clip) -> AudioFile:
        data = self._data(clip)
        # What FLAC cannot hold is WAV (`encode_whole`).
        suffix = "wav" if data[:4] == b"RIFF" else "flac"
        name = f"{FOLDER}/{clip.key[:2]}/{clip.key}.{suffix}"
        path = self._folder / name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        rate_hz, channels, frames = _shape(path)
        shown = str(path) if self._absolute else name
        return AudioFile(shown, path, clip.key, rate_hz, channels, frames)

    def _data(self, clip: Clip) -> bytes:
        """The encoded clip."""
        if self._suffix != "wav" and not self._rate_hz:
            found = embedded(clip, embed=True)
            if found is not None and found[1][:4] in (b"fLaC", b"RIFF"):
                return found[1]
        rate_hz = self._rate_hz or self._own_rate(clip)
        samples = load(clip, rate_hz=rate_hz, mono=False)
        if self._suffix == "wav":
            return encode_float(samples, rate_hz)
        return encode_whole(samples, rate_hz)

    @staticmethod
    def _own_rate(clip: Clip) -> int:
        if clip.kind == "file" and clip.plan is None:
            return probe(clip.path).rate_hz
        return clip.plan.rate_hz if clip.plan is not None else _SILENCE_HZ


def _shape(path: Path) -> tuple[int, int, int]:
    """(sample rate, channels, frames) of a file that was written here, as its header has them."""
    with open_regular(path) as file:
        kind = identify(file.read(512))
        head = read_header(file, kind, path.stat().st_size)
    return head.rate_hz, head.channels, head.frames or 0
