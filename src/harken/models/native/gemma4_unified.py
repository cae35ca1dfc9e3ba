"""Gemma 4 unified (google/gemma-4-12B-it): no audio tower, 40 ms of waveform a token.

25 tokens a second. Each token is 640 samples, normalised and projected into the text model by one
linear layer, which stands here as the module group ``audio_encoder``. Its processor takes clips of
any length as a whole, beyond the 750 tokens (30 s) that it names, and so does harken. The embedder
of images is not loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.models.engine.features import Array
from harken.models.native.base import NativeFamily, Scaled, Window
from harken.models.native.gemma4 import Gemma4


class Gemma4Unified(Gemma4):
    """``Gemma4UnifiedForConditionalGeneration`` without its embedder of images."""

    name = "Gemma 4 unified"
    types = ("gemma4_unified",)
    model_name = "Gemma4UnifiedForConditionalGeneration"
    extractor_name = "Gemma4UnifiedAudioFeatureExtractor"
    unused = ("model.embed_vision",)
    window_s = math.inf
    min_samples = 1

    def __init__(self, model: Any, extractor: Any) -> None:
        NativeFamily.__init__(self, model, extractor)
        inner = model.model
        self.tower = inner.embed_audio
        self.projector = None
        self.decoder = inner.language_model
        self.head = Scaled(model.lm_head, cap=self.decoder.config.final_logit_softcapping)

    def window(self, wave: Array, index: int) -> Window:
        """The waveform (T, 640); the last token is filled with zeros."""
        size = int(self.extractor.audio_samples_per_token)
        features = np.pad(wave, (0, -len(wave) % size)).reshape(-1, size).astype(np.float32)
        return Window(features, len(features), index)

    def tokens(self, samples: int) -> int:
        """Those of the clip as a whole: nothing stands between windows."""
        return self.tokens_of(max(samples, 1))

    def tokens_of(self, samples: int) -> int:
        """One for each 640 samples, rounded up."""
        return -(-samples // int(self.extractor.audio_samples_per_token))

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each token alone, so neither padding nor the batch changes it."""
        return torch.cat([self.encode_window(window) for window in windows])

    def encode_window(self, window: Window) -> Tensor:
        """Embeddings (tokens, width)."""
        features = torch.from_numpy(window.features).to(self.like)[None]
        tokens: Tensor = self.tower(inputs_embeds=features)[0]
        return tokens

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) -> (…, width): no vectors for each layer."""
        return NativeFamily.embed(self, ids)

    def decode(self, inputs: Tensor, **options: Any) -> Any:
        """The text model on embeddings alone."""
        return NativeFamily.decode(self, inputs, **options)
