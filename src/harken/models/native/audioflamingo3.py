"""Audio Flamingo 3 (Goel et al. 2025, arXiv 2507.08128): windows of 30 s, 25 tokens a second.

A clip is split into windows whose tokens are concatenated. The class's processor truncates it after
10 minutes with a warning and refuses more than one clip in a text, and its chat template always
writes one placeholder in front. Here each clip is where the prompt has it, and one of more than 10
minutes is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from harken.models.native import mel
from harken.models.native.base import Window
from harken.models.native.whisper import WhisperFamily


class AudioFlamingo3(WhisperFamily):
    """``AudioFlamingo3ForConditionalGeneration``."""

    name = "Audio Flamingo 3"
    types = ("audioflamingo3",)
    model_name = "AudioFlamingo3ForConditionalGeneration"
    placeholder = "<sound>"
    max_clip_s = 600.0
    opening, closing = "", ""
    after_clip = ""
    template = (
        "{%- if messages[0].role != 'system' -%}"
        "{{ '<|im_start|>system\n' + 'You are a helpful assistant.' + '<|im_end|>\n' }}"
        "{%- endif -%}"
        "{%- for message in messages -%}"
        "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
    )

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The question as one text, with a placeholder where each clip is."""
        several = sum(block["type"] == "audio" for block in blocks) > 1
        text, after = "", ""
        for block in blocks:
            sound = block["type"] == "audio"
            audio = self.opening + self.placeholder + self.closing
            text += audio if sound else after + block["text"]
            after = "\n" if sound and several else ""
        first = [{"role": "system", "content": system}] if system else []
        return [*first, {"role": "user", "content": text}]

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Every window padded on the device to the length the class requires, and masked."""
        features, mask = self._padded(windows)
        found = self.model.get_audio_features(features, mask)
        tokens: Tensor = found.pooler_output
        return tokens

    def _padded(self, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
        """Features (W, bins, T) and mask (W, T), with the T that the class requires."""
        tower: Any = self.tower
        return mel.stack(windows, tower.config.max_source_positions * 2, tower.conv1.weight)
