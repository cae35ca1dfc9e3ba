"""GLM-ASR (zai-org/GLM-ASR-Nano-2512): a Whisper encoder with rotary positions, 4 frames a token.

12.5 tokens a second. The tower has no mask: a window is padded with silence to 30 s, as by its
extractor, and the tokens after the end of the clip are left out. Its processor takes one clip per
prompt and truncates a clip after 21 windows (630 s) with a line in the log; here any number of
clips may be anywhere, and a longer one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harken.models.native import mel
from harken.models.native.base import Window
from harken.models.native.whisper import WhisperFamily

_MERGED = 4  # frames of the tower in one token


class GlmAsr(WhisperFamily):
    """``GlmAsrForConditionalGeneration``."""

    name = "GLM-ASR"
    types = ("glmasr",)
    model_name = "GlmAsrForConditionalGeneration"
    placeholder = "<|pad|>"
    turn_end = "<|user|>"
    after_clip = ""
    min_samples = 7 * 160  # fewer frames become no token
    template = (
        "{%- for message in messages -%}"
        "{%- if message.content is string -%}"
        "{{ '<|' + message.role + '|>\n' + message.content }}"
        "{%- else -%}{%- for part in message.content -%}"
        "{{ '<|' + message.role + '|>\n' }}"
        "{%- if part.type == 'audio' -%}"
        "{{ '<|begin_of_audio|><|pad|><|end_of_audio|>' }}"
        "{%- else -%}{{ part.text }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}"
    )

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self.max_clip_s = 655 // self.window_s * self.window_s  # where its processor truncates

    def tokens_of(self, samples: int) -> int:
        """A convolution of stride 2, then four frames concatenated; a remainder is left out."""
        return _tokens(-(-samples // int(self.extractor.hop_length)))

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each window padded with silence; tokens after the end of the clip are left out."""
        tower: Any = self.tower
        features, _ = mel.stack(windows, self.extractor.nb_max_frames, tower.conv1.weight)
        frames = tower(features).last_hidden_state
        merged = frames.reshape(len(windows), -1, frames.shape[-1] * _MERGED)
        tokens: Tensor = self.projector(merged)  # type: ignore[misc]
        counts = [_tokens(window.frames) for window in windows]
        return torch.cat([row[:count] for row, count in zip(tokens, counts, strict=True)])


def _tokens(frames: int) -> int:
    return ((frames - 1) // 2 + 1) // _MERGED
