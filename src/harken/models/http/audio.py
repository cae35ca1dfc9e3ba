"""Clips as base64 WAV: each distinct clip is encoded once and cached within a bound."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import Future

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import encode_wav, load
from harken.cache import LruCache
from harken.hashing import canonical, digest

DECODING = ("wav", RATE_HZ, "mono", "pcm16", "soxr-hq")
"""How a clip is decoded and encoded for a server; part of every reply's key."""


class ClipPayloads:
    """Base64 of 16-bit mono WAV at 16 kHz, by clip. Safe to use from several threads.

    Attributes:
        encoded: how many clips were encoded.
    """

    def __init__(self, limit: int = 512 << 20) -> None:
        """An empty cache of `limit` bytes."""
        self.encoded = 0
        self._cache: LruCache[bytes] = LruCache(limit)
        self._pending: dict[Clip, Future[bytes]] = {}
        self._lock = threading.Lock()

    def ready(self, clips: tuple[Clip, ...]) -> bool:
        """Whether all are in the cache, so that getting them does not block."""
        return all(self._cache.get(clip) is not None for clip in clips)

    def __call__(self, clip: Clip) -> bytes:
        """The base64 of `clip`; one thread encodes it, others that need it wait.

        Raises:
            AudioError: the clip cannot be loaded.
        """
        cached = self._cache.get(clip)
        if cached is not None:
            return cached
        with self._lock:
            future = self._pending.get(clip)
            first = future is None
            if future is None:
                future = self._pending[clip] = Future()
        if not first:
            return future.result()
        try:
            data = base64.b64encode(encode_wav(load(clip), RATE_HZ))
            self._cache.put(clip, data, len(data))
            self.encoded += 1
            future.set_result(data)
            return data
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._pending[clip]

    def identity(self, clip: Clip) -> str:
        """The content of the clip, as part of a reply's key.

        Where the reference has the hash of its source, which loading checks, the reference is
        enough; else the encoded samples are hashed, since a path says nothing of the content.
        """
        known = _known(clip)
        return known if known is not None else "wav:" + digest(self(clip), 32)


def _known(clip: Clip) -> str | None:
    """Content identity from hashes alone; None where a source has none."""
    if clip.kind in ("silence", "note"):
        return clip.key
    if clip.plan is not None and clip.kind != "shard":
        parts = [_known(part.clip) for part in clip.plan.parts]
        if None in parts:
            return None
        return digest(canonical([clip.plan.to_dict(keys=True), parts, _span(clip)]), 32)
    # The hash, not the key: the key of an embedded clip names the bytes it was copied from.
    return digest(canonical([clip.sha256, _span(clip)]), 32) if clip.sha256 else None


def _span(clip: Clip) -> list[float | None]:
    return [clip.start_s, clip.duration_s]
