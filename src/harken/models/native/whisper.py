"""The bases of classes with Whisper's encoder.

Their parts have the same names, their mel is Whisper's, and a clip is split into windows of the
length of their feature extractor.
"""

from __future__ import annotations

from typing import Any

from harken.models.engine.features import Array
from harken.models.native import mel
from harken.models.native.base import NativeFamily, Window


class JoinedFamily(NativeFamily):
    """Tower, projector and language model are attributes of ``model.model``."""

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        inner = model.model
        self.tower = inner.audio_tower
        self.projector = inner.multi_modal_projector
        self.decoder = inner.language_model
        self.head = model.lm_head


class WhisperFamily(JoinedFamily):
    """`JoinedFamily` with Whisper's mel, in windows of the extractor's length."""

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self.window_s = extractor.n_samples / extractor.sampling_rate

    def window(self, wave: Array, index: int) -> Window:
        """Mel (bins, T) with the frames that reach past the end of the clip."""
        return mel.whisper(self.extractor, wave, index)

    def tokens_of(self, samples: int) -> int:
        """A convolution of stride 2, then pairs of frames averaged."""
        frames = -(-samples // self.extractor.hop_length)
        return int(((frames - 1) // 2 + 1 - 2) // 2 + 1)
