"""Features of clips, remembered by what they are; the length that a model hears."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import duration_s, load
from harken.cache import LruCache
from harken.errors import ModelError

Array = npt.NDArray[np.float32]


CACHE_BYTES = 768 << 20


class FeatureCache:
    """Features by (what they are, clip key), bounded in bytes; the least used go first."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._held: LruCache[Array] = LruCache(limit)

    def get(self, clip: Clip, kind: str, make: Callable[[Array], Array], limit_s: float) -> Array:
        """The features of `clip`; `make` turns its samples (n,) into them.

        Raises:
            ModelError: the clip is longer than `limit_s`.
            AudioError: the clip cannot be loaded.
        """
        key = (kind, clip.key)
        held = self._held.get(key)
        if held is None:
            check_length(duration_s(clip), limit_s)
            samples = load(clip)
            check_length(len(samples) / RATE_HZ, limit_s)
            held = make(samples)
            held.setflags(write=False)
            self._held.put(key, held, held.nbytes)
        return held

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()


def check_length(duration_s: float, limit_s: float) -> None:
    """Raise ModelError for a clip that is too long for the model: nothing is cut in silence."""
    if duration_s > limit_s + 1e-3 or not math.isfinite(duration_s):
        raise ModelError(
            f"a clip is {duration_s:.2f} s long and the model hears at most {limit_s:g} s",
            hint="Cut the clip into spans, or build the model with a larger limit_s.",
        )
