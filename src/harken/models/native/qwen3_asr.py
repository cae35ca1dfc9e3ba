"""Qwen3-ASR (Qwen/Qwen3-ASR-0.6B-hf, -1.7B-hf): a tower like Qwen3-Omni's, 13 tokens a second.

It is trained to transcribe: replies have the form ``language English<asr_text>…``. Its processor
takes one clip per prompt; here any number may be anywhere. Clips below 0.5 s are padded with zeros,
as by its extractor. In a batch with a longer clip the extractor gives a clip another last frame, so
each clip is encoded alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import RATE_HZ
from harken.models.engine.features import Array
from harken.models.native.base import Window
from harken.models.native.qwen3_omni_moe import Qwen3Omni, eighths
from harken.models.native.whisper import JoinedFamily


class Qwen3Asr(JoinedFamily):
    """``Qwen3ASRForConditionalGeneration``."""

    name = "Qwen3-ASR"
    types = ("qwen3_asr",)
    model_name = "Qwen3ASRForConditionalGeneration"
    extractor_name = "Qwen3ASRFeatureExtractor"
    placeholder = "<|audio_pad|>"
    after_clip = ""
    min_samples = 8000
    window_s = math.inf
    template = Qwen3Omni.template

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Always with a system message: it gives the model names and spellings."""
        return [{"role": "system", "content": system}, {"role": "user", "content": blocks}]

    def window(self, wave: Array, index: int) -> Window:
        """Mel (bins, n // hop), mirrored at its end as by the extractor without padding."""
        made = self.extractor(
            wave, sampling_rate=RATE_HZ, padding=True, n_window=0, return_tensors="np"
        )
        mel = np.asarray(made["input_features"][0], np.float32)
        return Window(mel, mel.shape[1], index)

    def tokens_of(self, samples: int) -> int:
        """Blocks of ``2 * n_window`` frames, through three convolutions of stride 2."""
        frames = samples // int(self.extractor.hop_length)
        return eighths(frames, self._block)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Padded with zeros to full blocks; the padding is masked."""
        tower: Any = self.tower
        (window,) = windows
        mel = torch.from_numpy(window.features).to(tower.conv2d1.weight)
        mel = torch.nn.functional.pad(mel, (0, -window.frames % self._block))[None]
        mask = torch.arange(mel.shape[-1], device=mel.device)[None] < window.frames
        frames = tower(mel, input_features_mask=mask.long()).last_hidden_state
        tokens: Tensor = self.projector(frames)  # type: ignore[misc]
        return tokens

    @property
    def _block(self) -> int:
        return int(self.model.config.audio_config.n_window) * 2
