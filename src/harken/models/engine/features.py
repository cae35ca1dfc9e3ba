"""A cache of clip features, and the limit of a clip's length."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harken.audio.clip import Clip
from harken.audio.single import duration_s
from harken.cache import LruCache
from harken.errors import ModelError

Array = npt.NDArray[np.float32]


CACHE_BYTES = 768 << 20


class FeatureCache:
    """Features by (kind, clip key), bounded in bytes; the least recently used are dropped first."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._held: LruCache[Array] = LruCache(limit)

    def get(self, clip: Clip, kind: str, make: Callable[[Clip], Array], limit_s: float) -> Array:
        """The features of `clip`, computed by `make`.

        Raises:
            ModelError: the clip is longer than `limit_s`.
            AudioError: the clip cannot be loaded.
        """
        key = (kind, clip.key)
        features = self._held.get(key)
        if features is None:
            check_length(duration_s(clip), limit_s)
            features = make(clip)
            features.setflags(write=False)
            self._held.put(key, features, features.nbytes)
        return features

    def clear(self) -> None:
        """Drop all features."""
        self._held.clear()


def check_length(duration_s: float, limit_s: float) -> None:
    """Raise ModelError for a clip that is too long for the model: nothing is truncated."""
    if duration_s > limit_s + 1e-3 or not math.isfinite(duration_s):
        raise ModelError(
            f"a clip is {duration_s:.2f} s long and the model takes at most {limit_s:g} s",
            hint="Cut the clip into spans, or build the model with a larger limit_s.",
        )
