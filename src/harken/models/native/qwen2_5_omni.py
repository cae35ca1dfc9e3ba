"""Qwen2.5-Omni's thinker (Xu et al. 2025, arXiv 2503.20215): 25 tokens a second, block by block.

The tower attends within blocks of 2 s, so a clip is encoded at its own length; the class's
processor pads every clip to 300 s, and cannot be built without torchvision. A complete checkpoint
or a thinker alone can be opened; talker and image tower are not loaded.

Position ids: TMRoPE has the same number on all three axes for text and audio, one per token, so for
prompts without images they are those of any text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.models.engine.features import Array
from harken.models.native import mel
from harken.models.native.base import NativeFamily, Window

TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if loop.first and message.role != 'system' and system -%}"
    "{{ '<|im_start|>system\n' + system + '<|im_end|>\n' }}"
    "{%- endif -%}"
    "{{ '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type == 'audio' -%}{{ begin + mark + end }}"
    "{%- else -%}{{ part.text }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)


class Qwen25Omni(NativeFamily):
    """``Qwen2_5OmniThinkerForConditionalGeneration``."""

    name = "Qwen2.5-Omni"
    types = ("qwen2_5_omni", "qwen2_5_omni_thinker")
    model_name = "Qwen2_5OmniThinkerForConditionalGeneration"
    placeholder = "<|AUDIO|>"
    unused = ("model.visual.",)
    template = (
        "{%- set system = 'You are a helpful assistant.' -%}"
        "{%- set begin, mark, end = '<|audio_bos|>', '<|AUDIO|>', '<|audio_eos|>' -%}" + TEMPLATE
    )

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        inner = model.model
        inner.visual = None
        self.tower = inner.audio_tower
        self.decoder = inner.language_model
        self.head = model.lm_head
        self.window_s = extractor.n_samples / extractor.sampling_rate

    @classmethod
    def config(cls, whole: Any) -> Any:
        """The thinker's own."""
        return getattr(whole, "thinker_config", whole)

    def window(self, wave: Array, index: int) -> Window:
        """Mel (bins, T) without frames after the end of the clip."""
        window = mel.whisper(self.extractor, wave, index)
        features = np.ascontiguousarray(window.features[:, : window.frames])
        return Window(features, window.frames, index)

    def tokens_of(self, samples: int) -> int:
        """A convolution of stride 2, then pairs of frames averaged."""
        frames = -(-samples // self.extractor.hop_length)
        return int(((frames - 1) // 2 + 1 - 2) // 2 + 1)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """All windows concatenated, with their lengths: the tower separates them."""
        device = self.tower.get_input_embeddings().weight.device  # type: ignore[operator]
        features = np.concatenate([window.features for window in windows], 1)
        lengths = torch.tensor([window.frames for window in windows], device=device)
        tokens: Tensor = self.tower(
            torch.from_numpy(features).to(device), feature_lens=lengths
        ).last_hidden_state
        return tokens
