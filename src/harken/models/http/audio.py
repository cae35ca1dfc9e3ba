"""Clips as base64 WAV: each distinct clip is encoded once and kept, within bounds."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import Future

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import encode_wav, load
from harken.cache import LruCache
from harken.hashing import canonical, digest

DECODING = ("wav", RATE_HZ, "mono", "pcm16", "soxr-hq")
"""How a clip becomes what a server hears; part of every reply's key."""


class ClipPayloads:
    """Base64 of 16-bit mono WAV at 16 kHz, by clip. Safe to call from several threads."""

    def __init__(self, limit: int = 512 << 20) -> None:
        """An empty cache of `limit` bytes."""
        self.made = 0
        self._held: LruCache[bytes] = LruCache(limit)
        self._making: dict[Clip, Future[bytes]] = {}
        self._lock = threading.Lock()

    def ready(self, clips: tuple[Clip, ...]) -> bool:
        """Whether all are at hand, so that asking for them does not block."""
        return all(self._held.get(clip) is not None for clip in clips)

    def __call__(self, clip: Clip) -> bytes:
        """The base64 of `clip`; one thread makes it, others that want it wait.

        Raises:
            AudioError: the clip cannot be loaded.
        """
        held = self._held.get(clip)
        if held is not None:
            return held
        with self._lock:
            future = self._making.get(clip)
            mine = future is None
            if future is None:
                future = self._making[clip] = Future()
        if not mine:
            return future.result()
        try:
            data = base64.b64encode(encode_wav(load(clip), RATE_HZ))
            self._held.put(clip, data, len(data))
            self.made += 1
            future.set_result(data)
            return data
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._making[clip]

    def identity(self, clip: Clip) -> str:
        """What the clip sounds like, as part of a reply's key.

        Where the reference carries the hash of its source, which loading checks, the reference is
        enough; else the encoded samples themselves are hashed: a path is no content.
        """
        known = _known(clip)
        return known if known is not None else "wav:" + digest(self(clip), 32)


def _known(clip: Clip) -> str | None:
    """Content identity from hashes alone; None where a source has none."""
    if clip.kind == "silence":
        return clip.key
    if clip.plan is not None and clip.kind != "shard":
        parts = [_known(part.clip) for part in clip.plan.parts]
        if None in parts:
            return None
        return digest(canonical([clip.plan.to_dict(keys=True), parts, _stretch(clip)]), 32)
    # The source's hash beside the key: an embedded clip's key speaks of bytes it was copied from.
    return digest(canonical([clip.sha256, _stretch(clip)]), 32) if clip.sha256 else None


def _stretch(clip: Clip) -> list[float | None]:
    return [clip.start_s, clip.duration_s]
