"""What a clip holds, whatever the name of its file: a key for everything that is kept by content.

`Clip.key` is such a key where the clip carries the hash of its source, and the key of a path where
it does not. Here the file is hashed then, once while it is unchanged.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from typing import Any

from harken.audio.clip import Clip, ScenePlan
from harken.audio.packed import packed_bytes
from harken.audio.probe import file_sha256
from harken.errors import AudioError
from harken.hashing import canonical, digest


def content_key(clip: Clip) -> str:
    """A hash of the encoded bytes that `clip` is made of, and of what is cut and mixed of them.

    Raises:
        AudioError: a source without a stated hash cannot be read.
    """
    if clip.kind == "silence":
        return digest(canonical(["silence", clip.duration_s or 0.0]), 32)
    if clip.kind == "noise":
        return digest(canonical(["noise", clip.row, clip.duration_s or 0.0]), 32)
    if clip.kind == "note" and clip.note is not None:
        return digest(canonical(["note", clip.note.to_dict(), clip.duration_s or 0.0]), 32)
    if clip.plan is not None and clip.kind != "shard":
        scene = _scene(clip.plan)
        return digest(canonical(["scene", scene, clip.start_s, clip.duration_s]), 32)
    source = clip.sha256 or source_hash(clip)
    return digest(canonical([source, clip.start_s, clip.duration_s]), 32)


def _scene(plan: ScenePlan) -> list[Any]:
    """What a scene is made of; what earlier versions did not have, only where it is used."""
    parts: list[Any] = []
    for part in plan.parts:
        told = part.to_dict(keys=True)
        known = [told.pop("clip"), told.pop("at_s"), told.pop("gain_db"), told.pop("fade_s")]
        parts.append([content_key(part.clip), *known[1:], *([told] if told else [])])
    told = plan.to_dict(keys=True)
    known = [told.pop("parts"), told.pop("duration_s"), told.pop("rate_hz")]
    return [parts, *known[1:], *([told] if told else [])]


def source_hash(clip: Clip) -> str:
    """SHA-256 of the encoded bytes of a file or a row, read again only if the file has changed.

    Raises:
        AudioError: they cannot be read.
    """
    try:
        state = os.stat(clip.path)
    except OSError:
        raise AudioError("missing", "there is no such file", where=clip.path) from None
    place = (clip.row, clip.slot) if clip.kind == "shard" else None
    return _hash(clip.path, place, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=1 << 16)
def _hash(path: str, place: tuple[int, int] | None, state: tuple[int, ...]) -> str:
    del state  # a part of the cache's key
    if place is None:
        return file_sha256(path)
    return hashlib.sha256(packed_bytes(path, *place)).hexdigest()
