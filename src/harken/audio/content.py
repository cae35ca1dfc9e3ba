"""What a clip holds, whatever the name of its file: a key for everything that is kept by content.

`Clip.key` is such a key where the clip carries the hash of its source, and the key of a path where
it does not. Here the file is hashed then, once while it is unchanged.
"""

from __future__ import annotations

import os
from functools import lru_cache

from harken.audio.clip import Clip
from harken.audio.probe import file_sha256
from harken.errors import AudioError
from harken.hashing import canonical, digest


def content_key(clip: Clip) -> str:
    """A hash of the encoded bytes that `clip` is made of, and of what is cut and mixed of them.

    Empty for a row of a shard whose bytes have no hash.

    Raises:
        AudioError: a file without a stated hash cannot be read.
    """
    if clip.kind == "silence":
        return digest(canonical(["silence", clip.duration_s or 0.0]), 32)
    if clip.plan is not None and clip.kind != "shard":
        parts = [
            [content_key(part.clip), part.at_s, part.gain_db, part.fade_s]
            for part in clip.plan.parts
        ]
        if not all(part[0] for part in parts):
            return ""
        scene = [parts, clip.plan.duration_s, clip.plan.rate_hz]
        return digest(canonical(["scene", scene, clip.start_s, clip.duration_s]), 32)
    source = clip.sha256 or (file_hash(clip.path) if clip.kind == "file" else "")
    return digest(canonical([source, clip.start_s, clip.duration_s]), 32) if source else ""


def file_hash(path: str) -> str:
    """SHA-256 of a file, read again only if its size or time of change is another.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        state = os.stat(path)
    except OSError:
        raise AudioError("missing", "there is no such file", where=path) from None
    return _hash(path, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=1 << 16)
def _hash(path: str, state: tuple[int, ...]) -> str:
    del state  # a part of the cache's key
    return file_sha256(path)
