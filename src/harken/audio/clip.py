"""Clips: frozen references to spans of audio, and scenes mixed from several.

Conventions: samples are float32 in [-1, 1]; mono is (n,), several channels are (channels, n); times
are seconds; rates are Hz. A `Clip` holds no samples: it is loaded at the last moment, by the model
adapter or the renderer (`harken.audio.load.load`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import PurePath
from typing import Any, Literal

from harken.audio.notes import PlayedNote
from harken.audio.space.place import Place, Room
from harken.errors import AudioError
from harken.hashing import canonical, digest

RATE_HZ = 16_000
"""Sample rate of mixing and, unless a model asks for another, of loading."""

ClipKind = Literal["file", "shard", "plan", "silence", "noise", "note"]


@dataclass(frozen=True, slots=True)
class Clip:
    """A reference to audio.

    Attributes:
        kind: ``file`` (on disk), ``shard`` (encoded bytes in a Parquet shard), ``plan`` (rendered
            from other clips), ``silence``, ``noise`` (white; `row` is its seed), ``note`` (of an
            instrument).
        path: the file, or the shard that holds the bytes.
        row, slot: where in the shard (row of the file, position in that row's audio list).
        start_s, duration_s: the span; ``duration_s=None`` means to the end of the source.
        sha256: expected hash of the source's encoded bytes (hex), checked on load; None: unchecked.
        plan: for ``plan`` clips, the scene that makes the sound.
        origin: for embedded clips, the `key` the clip had before its bytes were copied.
        note: for ``note`` clips, what is played.
    """

    kind: ClipKind = "file"
    path: str = ""
    row: int = -1
    slot: int = -1
    start_s: float = 0.0
    duration_s: float | None = None
    sha256: str | None = None
    plan: ScenePlan | None = None
    origin: str = ""
    note: PlayedNote | None = None

    @property
    def key(self) -> str:
        """Content identity: does not change when files move or bytes are embedded."""
        if self.origin:
            return self.origin
        if self.kind == "silence":
            return f"silence:{self.duration_s or 0.0:g}"
        if self.kind == "noise":
            return f"noise:{self.row}:{self.duration_s or 0.0:g}"
        if self.note is not None:
            return f"note:{self.note.timbre}:{self.note.pitch:g}:{self.duration_s or 0.0:g}"
        if self.plan is not None:
            scene = digest(canonical(self.plan.to_dict(keys=True)))
            if not self.start_s and self.duration_s in (None, self.plan.duration_s):
                return scene
            return digest(canonical([scene, self.start_s, self.duration_s]))
        source = self.sha256 or f"path:{self.path}:{self.row}:{self.slot}"
        return _span_key(source, self.start_s, self.duration_s)

    @property
    def name(self) -> str:
        """File and span, for people: ``dog.wav 0.0–2.1 s``; a scene is that of its parts."""
        end = "end" if self.duration_s is None else f"{self.start_s + self.duration_s:.1f} s"
        span = f"{self.start_s:.1f}–{end}"
        if self.kind in ("silence", "noise"):
            return f"{self.kind} {span}"
        if self.plan is not None:
            files = [part.clip._place or part.clip.kind for part in self.plan.parts]
            more = f" + {len(files) - 3} more" if len(files) > 3 else ""
            return f"scene of {' + '.join(files[:3])}{more} {span}"
        return f"{self._place} {span}"

    @property
    def _place(self) -> str:
        """File name, and the row and slot of packed audio; the first slot is not told.

        Of a note its instrument.
        """
        if self.note is not None:
            return self.note.timbre
        if not self.path:
            return ""
        row = f" row {self.row}" if self.row >= 0 else ""
        slot = f" slot {self.slot}" if self.slot > 0 else ""
        return f"{PurePath(self.path).name}{row}{slot}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values, defaults left out."""
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
        if self.note is not None:
            out["note"] = self.note.to_dict()
        return out

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> Clip:
        """The inverse of `to_dict`."""
        values = dict(raw)
        if values.get("note") is not None:
            values["note"] = PlayedNote(**values["note"])
        if values.get("plan") is not None:
            values["plan"] = ScenePlan.from_dict(values["plan"])
        return Clip(**values)


@lru_cache(maxsize=1 << 14, typed=True)
def _span_key(source: str, start_s: float, duration_s: float | None) -> str:
    """The key of a span of a recording; datasets ask for the same ones again and again."""
    return digest(canonical([source, start_s, duration_s]))


@dataclass(frozen=True, slots=True)
class Part:
    """One clip in a scene.

    Attributes:
        clip: what is heard.
        at_s: when it starts.
        gain_db: relative to its own level (one metre away, where it has a place).
        fade_s: length of the fades at both ends.
        pitch: semitones by which it is raised.
        tempo: how many times as fast it is, at the same pitch.
        path: where it is: nowhere in particular, at one place, or moving in a straight line from
            the first to the last of two.
    """

    clip: Clip
    at_s: float = 0.0
    gain_db: float = 0.0
    fade_s: float = 0.01
    pitch: float = 0.0
    tempo: float = 1.0
    path: tuple[Place, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be rendered."""
        values = (self.at_s, self.gain_db, self.fade_s, self.pitch, self.tempo)
        if not all(map(isfinite, values)) or self.tempo <= 0 or self.fade_s < 0:
            told = f"at {self.at_s} s, {self.gain_db} dB, tempo {self.tempo}, fades {self.fade_s} s"
            raise AudioError("bad-plan", f"a part of a scene: {told}, pitch {self.pitch}")

    def to_dict(self, *, keys: bool = False) -> dict[str, Any]:
        """JSON-able values; what scenes of earlier versions did not have, only where it is used."""
        out: dict[str, Any] = {
            "clip": self.clip.key if keys else self.clip.to_dict(),
            "at_s": self.at_s,
            "gain_db": self.gain_db,
            "fade_s": self.fade_s,
        }
        if self.pitch:
            out["pitch"] = self.pitch
        if self.tempo != 1.0:
            out["tempo"] = self.tempo
        if self.path:
            out["path"] = [place.to_list() for place in self.path]
        return out

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> Part:
        """The inverse of ``to_dict()``."""
        own = {**raw, "clip": Clip.from_dict(raw["clip"])}
        return Part(**{**own, "path": tuple(Place(*place) for place in raw.get("path", ()))})


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """A scene: clips placed on a timeline. Rendering it is a pure function of the plan.

    Attributes:
        parts: what is heard.
        duration_s, rate_hz: of the scene.
        gain_db: of the whole, a constant, so that a part of the scene can be rendered alone. None:
            scaled down where its highest peak is beyond full scale, as in earlier versions, for
            which all of it must be rendered.
        layout: what its channels are (`harken.audio.space.layouts`).
        room: where it is heard; None: without reflections.
        mics: of the layout ``array``: positions of the microphones relative to the listener, in
            metres (front, left, up).
    """

    parts: tuple[Part, ...]
    duration_s: float
    rate_hz: int = RATE_HZ
    gain_db: float | None = None
    layout: str = "mono"
    room: Room | None = None
    mics: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be rendered: at a rate of 0 a scene would be silent and empty."""
        if not (isfinite(self.duration_s) and self.duration_s >= 0 and self.rate_hz >= 1):
            told = f"{self.duration_s} s at {self.rate_hz} Hz"
            raise AudioError("bad-plan", f"a scene of {told}", hint="Give it a length and a rate.")

    def to_dict(self, *, keys: bool = False) -> dict[str, Any]:
        """JSON-able values; with `keys`, clips are given by content key only (for the hash)."""
        out: dict[str, Any] = {
            "parts": [part.to_dict(keys=keys) for part in self.parts],
            "duration_s": self.duration_s,
            "rate_hz": self.rate_hz,
        }
        if self.gain_db is not None:
            out["gain_db"] = self.gain_db
        if self.layout != "mono":
            out["layout"] = self.layout
        if self.room is not None:
            out["room"] = self.room.to_dict()
        if self.mics:
            out["mics"] = [list(mic) for mic in self.mics]
        return out

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> ScenePlan:
        """The inverse of ``to_dict()``."""
        return ScenePlan(
            tuple(Part.from_dict(part) for part in raw["parts"]),
            raw["duration_s"],
            raw["rate_hz"],
            raw.get("gain_db"),
            raw.get("layout", "mono"),
            None if raw.get("room") is None else Room.from_dict(raw["room"]),
            tuple((mic[0], mic[1], mic[2]) for mic in raw.get("mics", ())),
        )


def silence(duration_s: float) -> Clip:
    """A clip of `duration_s` seconds of zeros."""
    return Clip(kind="silence", duration_s=duration_s)


def noise(duration_s: float, seed: int) -> Clip:
    """White noise, in which nothing is to be recognised; `seed` draws it and its level."""
    return Clip(kind="noise", duration_s=duration_s, row=seed)


def pieces(clip: Clip) -> Iterator[Clip]:
    """A clip, and what it is mixed from; silence and notes are no clips of anybody."""
    if clip.kind in ("silence", "note"):
        return
    yield clip
    for part in clip.plan.parts if clip.plan is not None else ():
        yield from pieces(part.clip)
