"""Qwen3-Omni's thinker (Xu et al. 2025, arXiv 2509.17765): 13 tokens a second, no windows.

The tower has blocks of 1 s and attends within 8 s, so a clip of any length is encoded as a whole.
The class neither pads nor truncates, but its processor cannot be built without torchvision. In the
class a clip below 1 s has other embeddings in a batch with a longer one, since its convolutions
reach into the padding; here each clip is encoded alone. Position ids are those of any text, as for
Qwen2.5-Omni.
"""

from __future__ import annotations

import math
from typing import Any

from harken.models.engine.features import Array
from harken.models.native import mel
from harken.models.native.base import Window
from harken.models.native.qwen2_5_omni import TEMPLATE, Qwen25Omni


class Qwen3Omni(Qwen25Omni):
    """``Qwen3OmniMoeThinkerForConditionalGeneration``."""

    name = "Qwen3-Omni"
    types = ("qwen3_omni_moe", "qwen3_omni_moe_thinker")
    model_name = "Qwen3OmniMoeThinkerForConditionalGeneration"
    placeholder = "<|audio_pad|>"
    template = (
        "{%- set system = '' -%}"
        "{%- set begin, mark, end = '<|audio_start|>', '<|audio_pad|>', '<|audio_end|>' -%}"
        + TEMPLATE
    )

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self.window_s = math.inf

    def window(self, wave: Array, index: int) -> Window:
        """Mel (bins, n // hop), mirrored at its end as by the extractor without padding."""
        return mel.whisper(self.extractor, wave, index, tail=False)

    def tokens_of(self, samples: int) -> int:
        """Blocks of ``2 * n_window`` frames, through three convolutions of stride 2."""
        config: Any = self.tower.config
        block = 2 * config.n_window
        frames = samples // self.extractor.hop_length
        return eighths(int(frames), int(block))


def eighths(frames: int, block: int) -> int:
    """Output frames of three convolutions of stride 2 over blocks, of which the last is shorter."""
    whole, rest = divmod(frames, block)
    for _ in range(3):
        block, rest = -(-block // 2), -(-rest // 2)
    return whole * block + rest
