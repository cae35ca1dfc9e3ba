"""Music Flamingo (Ghosh et al. 2025, arXiv 2511.10289): Audio Flamingo 3 with time embeddings.

Its frames have a rotary time embedding of window and second, which the class computes from the
placeholders; given one clip's run of placeholders, it computes the same as for that clip among
others. A clip of more than 20 minutes is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harken.models.native.audioflamingo3 import AudioFlamingo3
from harken.models.native.base import Window

_SYSTEM = (
    "You are Music Flamingo, a multimodal assistant for language and music. On each turn you "
    "receive an audio clip which contains music and optional text, you will receive at least one "
    "or both; use your world knowledge and reasoning to help the user with any task. Interpret "
    "the entirety of the content any input music--regardlenss of whether the user calls it audio, "
    "music, or sound."
)
"""As in training of the checkpoint, misprint included."""


class MusicFlamingo(AudioFlamingo3):
    """``MusicFlamingoForConditionalGeneration``."""

    name = "Music Flamingo"
    types = ("musicflamingo",)
    model_name = "MusicFlamingoForConditionalGeneration"
    max_clip_s = 1200.0
    opening, closing = "<|sound_bos|>", "<|sound_eos|>"
    template = AudioFlamingo3.template.replace("You are a helpful assistant.", _SYSTEM)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """One clip alone: the class derives the time from its run of placeholders."""
        features, mask = self._padded(windows)
        _, counts = self.model.model.audio_tower._get_feat_extract_output_lengths(mask.sum(-1))
        ids = torch.full((1, int(counts.sum())), self.model.config.audio_token_id)
        found = self.model.get_audio_features(features, mask, ids.to(mask.device))
        tokens: Tensor = found.pooler_output
        return tokens
