"""The interface of a neural audio codec: sound -> codes -> sound.

Codes are integers (codebooks, frames), coarse codebooks first; every frame stands for `hop` samples
at `rate_hz`. Samples given and returned are mono float32 at `RATE_HZ`, as everywhere in harken; a
codec with another rate resamples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from harken.audio.clip import RATE_HZ
from harken.audio.codec import resample
from harken.errors import ConfigError
from harken.models.engine.features import Array

Codes = npt.NDArray[np.int64]

CONTEXT = 64
"""Frames before a piece that are decoded with it: more than the decoders of harken's own codecs
depend on."""


class AudioTokenizer(ABC):
    """A codec with frozen weights.

    Attributes:
        name: of the class in `CODECS`; of a codec for display. `about`: one sentence.
        rate_hz: sampling rate it works at.
        hop: samples at `rate_hz` of one frame.
        codebooks: most codebooks it can use; `size`: entries of each.
    """

    name: str = ""
    about: ClassVar[str] = ""
    rate_hz: int
    hop: int
    codebooks: int
    size: int

    @property
    def frames_per_s(self) -> float:
        """Frames in one second."""
        return self.rate_hz / self.hop

    @property
    def bits_per_s(self) -> float:
        """Bits in one second with all codebooks."""
        return float(self.frames_per_s * self.codebooks * np.log2(self.size))

    def encode(self, samples: Array, codebooks: int | None = None) -> Codes:
        """The codes of samples.

        Args:
            samples: float32 (n,) at `RATE_HZ`.
            codebooks: how many are used, the first ones; None: all.

        Returns:
            int64 (codebooks, frames), of at least one frame; the last one is padded with zeros.

        Raises:
            ConfigError: more codebooks than there are.
        """
        count = self.require(codebooks)
        own = resample(np.asarray(samples, np.float32)[None], RATE_HZ, self.rate_hz)[0]
        own = np.pad(own, (0, -len(own) % self.hop if len(own) else self.hop))
        return np.asarray(self._encode(own, count), np.int64)

    def decode(self, codes: Codes, length: int | None = None) -> Array:
        """The samples of codes.

        Args:
            codes: int64 (codebooks, frames), as many codebooks as were used.
            length: samples to return; None: all of the frames'.

        Returns:
            float32 (n,) at `RATE_HZ`.

        Raises:
            ConfigError: codes of another shape, or that are no entries.
        """
        codes = np.asarray(codes)
        if codes.ndim != 2 or not np.issubdtype(codes.dtype, np.integer):
            raise ConfigError(f"codes are {codes.dtype} {codes.shape}: (codebooks, frames) is read")
        self.require(len(codes))
        if codes.size and not 0 <= codes.min() <= codes.max() < self.size:
            raise ConfigError(
                f"a code is outside 0 to {self.size - 1}: {codes.min()} to {codes.max()}",
                hint="Decode with the codec that encoded.",
            )
        if not codes.shape[1]:
            return np.zeros(length or 0, np.float32)
        made = np.asarray(self._decode(codes.astype(np.int64)), np.float32)
        own: Array = np.asarray(resample(made[None], self.rate_hz, RATE_HZ)[0], np.float32)
        if length is None:
            return own
        return np.asarray(np.pad(own[:length], (0, max(0, length - len(own)))), np.float32)

    def decoding(self) -> DecodeStream:
        """What decodes a sound whose codes come in pieces."""
        return DecodeStream(self)

    def require(self, codebooks: int | None) -> int:
        """The number of codebooks asked for, all if None; raises ConfigError if there are fewer."""
        count = self.codebooks if codebooks is None else codebooks
        if not 1 <= count <= self.codebooks:
            raise ConfigError(
                f"{count} codebooks are asked for",
                hint=f"{self.name} has 1 to {self.codebooks}.",
            )
        return count

    def describe(self) -> dict[str, Any]:
        """What it is, as JSON values."""
        return {
            "name": self.name,
            "rate_hz": self.rate_hz,
            "frames_per_s": self.frames_per_s,
            "codebooks": self.codebooks,
            "size": self.size,
            "bits_per_s": self.bits_per_s,
            "identity": self.identity(),
        }

    @classmethod
    @abstractmethod
    def open(cls, target: str) -> Self:
        """The codec that `target` names: a folder, or what else its class knows.

        Raises:
            ModelError: there is none, or it is another kind of model.
        """

    @abstractmethod
    def identity(self) -> str:
        """Hash of configuration and weights: two codecs with one identity have the same codes."""

    @abstractmethod
    def _encode(self, samples: Array, codebooks: int) -> Codes:
        """Codes of samples (n,) at `rate_hz`, n a multiple of `hop`."""

    @abstractmethod
    def _decode(self, codes: Codes) -> Array:
        """Samples (n,) at `rate_hz` of at least one frame."""


class DecodeStream:
    """Decodes a sound whose codes come in pieces, each with the `CONTEXT` frames before it.

    Joined, the pieces are what the whole would be, but for rounding. For codecs that need later
    frames and do not say so by a class of their own, or have another sampling rate, they differ a
    little at their borders.
    """

    def __init__(self, codec: AudioTokenizer) -> None:
        self._codec = codec
        self._kept: Codes | None = None

    def push(self, codes: Codes, *, last: bool = False) -> Array:
        """The samples, float32 (n,) at `RATE_HZ`, that are known after those given before.

        Args:
            codes: int64 (codebooks, frames), the next ones, of any number of frames.
            last: whether the sound ends here.

        Raises:
            ConfigError: see `AudioTokenizer.decode`.
        """
        joined, before = self._joined(codes)
        if not codes.shape[1]:
            return np.zeros(0, np.float32)
        samples = self._codec.decode(joined)
        return samples[before * (len(samples) // joined.shape[1]) :]

    def _joined(self, codes: Codes) -> tuple[Codes, int]:
        """The codes after those that are kept, of which the last are kept; and how many were."""
        before = codes[:, :0] if self._kept is None else self._kept
        joined = np.concatenate([before, codes], axis=1)
        self._kept = joined[:, -CONTEXT:]
        return joined, before.shape[1]
