"""Qwen2-Audio (Chu et al. 2024, arXiv 2407.10759): Whisper's encoder, pooled by 2, and a linear.

25 tokens a second. The class takes windows of exactly 3000 frames, and its processor truncates a
clip at 30 s; here a longer clip is split into 30 s windows whose tokens are concatenated between
one pair of begin and end tokens. The model was not trained on such clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harken.models.native import mel
from harken.models.native.base import Window
from harken.models.native.whisper import WhisperFamily


class Qwen2Audio(WhisperFamily):
    """``Qwen2AudioForConditionalGeneration``."""

    name = "Qwen2-Audio"
    types = ("qwen2_audio",)
    model_name = "Qwen2AudioForConditionalGeneration"
    placeholder = "<|AUDIO|>"
    after_clip = ""
    template = (
        "{%- set heard = namespace(count=0) -%}"
        "{%- for message in messages -%}"
        "{%- if loop.first and message.role != 'system' -%}"
        "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
        "{%- endif -%}"
        "{{ '<|im_start|>' + message.role + '\n' }}"
        "{%- if message.content is string -%}{{ message.content }}"
        "{%- else -%}{%- for part in message.content -%}"
        "{%- if part.type == 'audio' -%}"
        "{%- set heard.count = heard.count + 1 -%}"
        "{{ 'Audio ' ~ heard.count ~ ': <|audio_bos|><|AUDIO|><|audio_eos|>\n' }}"
        "{%- else -%}{{ part.text }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        "{{ '<|im_end|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
    )

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Padded to the length the class requires; the padding is masked in attention."""
        from transformers.masking_utils import create_bidirectional_mask

        tower: Any = self.tower
        length = tower.config.max_source_positions * 2
        features, mask = mel.stack(windows, length, tower.conv1.weight)
        lengths, counts = tower._get_feat_extract_output_lengths(mask.sum(-1))
        valid = torch.arange(length // 2, device=mask.device)[None] < lengths[:, None]
        attention = create_bidirectional_mask(
            config=tower.config,
            inputs_embeds=features.new_zeros(*valid.shape, 1),
            attention_mask=valid.long(),
        )
        frames = tower(features, attention_mask=attention).last_hidden_state
        tokens: Tensor = self.projector(frames)  # type: ignore[misc]
        return torch.cat([row[:count] for row, count in zip(tokens, counts.tolist(), strict=True)])
