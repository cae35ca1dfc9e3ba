"""Clips: frozen references to stretches of audio, and the only code that touches a codec.

Conventions: samples are float32 in [-1, 1]; mono is (n,), several channels are (channels, n); times
are seconds; rates are Hz. A `Clip` holds no samples: it is loaded at the last moment, by the model
adapter or the renderer.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from harken.audio_container import AUDIO_SUFFIXES, OTHER_SUFFIXES
from harken.audio_decode import Lru, Samples, encode, resample, write_bytes
from harken.audio_probe import REASONS, Probe, file_sha256, probe
from harken.audio_source import Source, clear_sources, cut, read_source
from harken.errors import AudioError

__all__ = [
    "AUDIO_SUFFIXES",
    "OTHER_SUFFIXES",
    "RATE_HZ",
    "REASONS",
    "Clip",
    "Part",
    "Plan",
    "Probe",
    "canonical",
    "clear_cache",
    "digest",
    "duration_s",
    "encode_flac",
    "encode_wav",
    "file_sha256",
    "load",
    "probe",
    "render",
    "silence",
    "silenced",
    "span",
    "write_wav",
]

RATE_HZ = 16_000
"""The rate at which everything is mixed and, unless a model asks otherwise, heard."""

ClipKind = Literal["file", "shard", "plan", "silence"]


# Made once: json.dumps makes a new encoder for every call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value, the base of every hash."""
    return _ENCODER.encode(value)


def digest(text: str | bytes, size: int = 16) -> str:
    """BLAKE2b of `text` as `size` hex digits."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=size // 2).hexdigest()


@dataclass(frozen=True, slots=True)
class Clip:
    """A reference to audio.

    Attributes:
        kind: ``file`` (on disk), ``shard`` (encoded bytes in a Parquet shard), ``plan`` (rendered
            from other clips), ``silence``.
        path: the file, or the shard that holds the bytes.
        row, slot: where in the shard (row of the file, position in that row's audio list).
        start_s, duration_s: the span; ``duration_s=None`` means to the end of the source.
        sha256: expected hash of the source's encoded bytes (hex), checked on load; None: unchecked.
        plan: for ``plan`` clips, the scene that makes the sound.
        origin: for embedded clips, the `key` the clip had before its bytes were copied.
    """

    kind: ClipKind = "file"
    path: str = ""
    row: int = -1
    slot: int = -1
    start_s: float = 0.0
    duration_s: float | None = None
    sha256: str | None = None
    plan: Plan | None = None
    origin: str = ""

    @property
    def key(self) -> str:
        """Content identity: stays the same when files move or bytes are embedded."""
        if self.origin:
            return self.origin
        if self.kind == "silence":
            return f"silence:{self.duration_s or 0.0:g}"
        if self.plan is not None:
            scene = digest(canonical(self.plan.to_dict(keys=True)))
            if not self.start_s and self.duration_s in (None, self.plan.duration_s):
                return scene
            return digest(canonical([scene, self.start_s, self.duration_s]))
        source = self.sha256 or f"path:{self.path}:{self.row}:{self.slot}"
        return digest(canonical([source, self.start_s, self.duration_s]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, defaults left out."""
        out: dict[str, Any] = {"kind": self.kind}
        for name in ("path", "origin"):
            if getattr(self, name):
                out[name] = getattr(self, name)
        for name in ("row", "slot"):
            if getattr(self, name) >= 0:
                out[name] = getattr(self, name)
        if self.start_s:
            out["start_s"] = self.start_s
        for name in ("duration_s", "sha256"):
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        if self.plan is not None:
            out["plan"] = self.plan.to_dict()
        return out

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> Clip:
        """The inverse of `to_dict`."""
        values = dict(raw)
        if values.get("plan") is not None:
            values["plan"] = Plan.from_dict(values["plan"])
        return Clip(**values)


@dataclass(frozen=True, slots=True)
class Part:
    """One sound in a scene: which clip, from when, how loud (dB relative to its own level)."""

    clip: Clip
    at_s: float = 0.0
    gain_db: float = 0.0
    fade_s: float = 0.01


@dataclass(frozen=True, slots=True)
class Plan:
    """A scene: sounds placed on a time line. Rendering it is a pure function of the plan."""

    parts: tuple[Part, ...]
    duration_s: float
    rate_hz: int = RATE_HZ

    def to_dict(self, *, keys: bool = False) -> dict[str, Any]:
        """Plain values; with `keys`, clips appear by content key only (the base of the hash)."""
        return {
            "parts": [
                {
                    "clip": part.clip.key if keys else part.clip.to_dict(),
                    "at_s": part.at_s,
                    "gain_db": part.gain_db,
                    "fade_s": part.fade_s,
                }
                for part in self.parts
            ],
            "duration_s": self.duration_s,
            "rate_hz": self.rate_hz,
        }

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> Plan:
        """The inverse of ``to_dict()``."""
        parts = tuple(
            Part(Clip.from_dict(p["clip"]), p["at_s"], p["gain_db"], p["fade_s"])
            for p in raw["parts"]
        )
        return Plan(parts, raw["duration_s"], raw["rate_hz"])


def silence(duration_s: float) -> Clip:
    """A clip of zeros."""
    return Clip(kind="silence", duration_s=duration_s)


def silenced(clip: Clip) -> Clip:
    """Zeros of the same length as `clip`."""
    return silence(clip.duration_s if clip.duration_s is not None else duration_s(clip))


def span(clip: Clip, start_s: float, length_s: float) -> Clip:
    """A stretch of `clip`."""
    # An embedded clip is known by its origin, and its stretches must not be known by the same.
    origin = digest(canonical([clip.origin, start_s, length_s])) if clip.origin else ""
    return replace(clip, start_s=clip.start_s + start_s, duration_s=length_s, origin=origin)


def duration_s(clip: Clip) -> float:
    """Length in seconds, from the reference if it says so, else from the source.

    Raises:
        AudioError: the source cannot be used.
    """
    if clip.duration_s is not None:
        return clip.duration_s
    if clip.kind == "silence":
        return 0.0
    if clip.plan is not None:
        return clip.plan.duration_s - clip.start_s
    if clip.kind == "file":
        return probe(clip.path).duration_s - clip.start_s
    return len(load(clip)) / RATE_HZ


def load(clip: Clip, rate_hz: int = RATE_HZ, mono: bool = True) -> Samples:
    """The samples of a clip.

    Args:
        clip: what to hear.
        rate_hz: the rate wanted; resampled by soxr when the source has another.
        mono: average the channels into one.

    Returns:
        float32 (n,) if `mono`, else (channels, n), with n = round(length * rate_hz). The array is
        the caller's own.

    Raises:
        AudioError: with one of `REASONS`; ``hash-mismatch`` when the bytes are not the expected.
    """
    if clip.kind == "silence":
        zeros = np.zeros((1, round((clip.duration_s or 0.0) * rate_hz)), np.float32)
        return zeros[0] if mono else zeros
    if clip.plan is not None and clip.kind != "shard":  # a shard holds what was rendered
        scene = render(clip.plan)[None, :], clip.plan.rate_hz
        return _shaped(*cut(*scene, clip.start_s, clip.duration_s), rate_hz, mono)
    return _load_source(clip, rate_hz, mono)


def render(plan: Plan) -> Samples:
    """The sound of a scene: a pure function of the plan.

    Every part is loaded at the plan's rate, scaled by its gain, faded in and out (linearly, so that
    no cut clicks), and added at its place; what reaches past the end of the scene is cut off before
    the fade. If the sum peaks above 1 the whole is scaled down, so that loudness relations hold.

    Returns:
        mono float32 (round(duration * rate),).

    Raises:
        AudioError: ``bad-plan`` for a part outside the scene, or a clip's own reason.
    """
    total = round(plan.duration_s * plan.rate_hz)
    scene = np.zeros(total, np.float64)
    for number, part in enumerate(plan.parts):
        first = round(part.at_s * plan.rate_hz)
        if first < 0 or first > total:
            found = f"part {number} begins at {part.at_s:g} s in a scene of {plan.duration_s:g} s"
            raise AudioError("bad-plan", found, mend="Place every part inside the scene.")
        sound = load(part.clip, plan.rate_hz).astype(np.float64)[: total - first]
        sound *= 10.0 ** (part.gain_db / 20.0)
        fade = min(round(part.fade_s * plan.rate_hz), len(sound) // 2)
        if fade > 0:
            ramp = (np.arange(fade) + 0.5) / fade
            sound[:fade] *= ramp
            sound[-fade:] *= ramp[::-1]
        scene[first : first + len(sound)] += sound
    peak = float(np.max(np.abs(scene), initial=0.0))
    if peak > 1.0:
        scene /= peak
    return scene.astype(np.float32)


def encode_flac(samples: Samples, rate_hz: int) -> bytes:
    """16-bit FLAC of (n,) or (channels, n); the same samples give the same bytes."""
    return encode(samples, rate_hz, "FLAC")


def encode_wav(samples: Samples, rate_hz: int) -> bytes:
    """16-bit WAV of (n,) or (channels, n); the same samples give the same bytes."""
    return encode(samples, rate_hz, "WAV")


def write_wav(path: str | os.PathLike[str], samples: Samples, rate_hz: int) -> None:
    """Write 16-bit WAV; the file appears whole or not at all."""
    write_bytes(path, encode_wav(samples, rate_hz))


_heard: Lru[Samples] = Lru(128 << 20)


def clear_cache() -> None:
    """Forget everything that has been decoded."""
    _heard.clear()
    clear_sources()


def _load_source(clip: Clip, rate_hz: int, mono: bool) -> Samples:
    """`load` for what lies on disk, remembered; (n,) or (channels, n)."""
    if clip.kind == "shard" and clip.row < 0:
        raise AudioError("missing", f"the shard has no row {clip.row}", where=clip.path)
    row = clip.row if clip.kind == "shard" else -1
    source = Source(clip.path, row, clip.slot, clip.start_s, clip.duration_s, clip.sha256)
    key = (*source.state(), clip.start_s, clip.duration_s, rate_hz, mono)
    held = _heard.get(key)
    if held is None:
        held = _shaped(*read_source(source), rate_hz, mono)
        _heard.put(key, held, held.nbytes)
    return np.array(held)


def _shaped(samples: Samples, rate: int, rate_hz: int, mono: bool) -> Samples:
    """(channels, n) at `rate` -> what `load` gives."""
    if mono and samples.shape[0] > 1:
        samples = samples.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    samples = resample(samples, rate, rate_hz)
    return np.array(samples[0] if mono else samples)
