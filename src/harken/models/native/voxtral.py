"""Voxtral (Liu et al. 2025, arXiv 2507.13264): Whisper's encoder, 4 frames a token, a Mistral.

375 tokens for each 30 s or part of it: the tower has no mask, and the silence after the clip is
encoded too. The mel of a longer clip is computed as a whole, since the loudest point of the whole
clip sets the value of silence; it is then split into 30 s windows whose tokens are concatenated
after one ``[BEGIN_AUDIO]``. Its processor takes clips only with mistral-common; its tokenizer
(``tekken.json``) is read by transformers without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from harken.models.engine.features import Array
from harken.models.native import mel
from harken.models.native.base import Window, padded
from harken.models.native.whisper import WhisperFamily


class Voxtral(WhisperFamily):
    """``VoxtralForConditionalGeneration``."""

    name = "Voxtral"
    types = ("voxtral",)
    model_name = "VoxtralForConditionalGeneration"
    placeholder = "[AUDIO]"
    turn_end = "</s>"
    after_clip = ""
    template = (
        "{{ '<s>' }}"
        "{%- for message in messages -%}"
        "{%- if message.role == 'system' -%}"
        "{{ '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' }}"
        "{%- elif message.role == 'assistant' -%}"
        "{{ message.content + '</s>' }}"
        "{%- else -%}{{ '[INST]' }}"
        "{%- if message.content is string -%}{{ message.content }}"
        "{%- else -%}{%- for part in message.content -%}"
        "{%- if part.type == 'audio' -%}{{ '[BEGIN_AUDIO][AUDIO]' }}"
        "{%- else -%}{{ part.text }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        "{{ '[/INST]' }}"
        "{%- endif -%}"
        "{%- endfor -%}"
    )

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        tower: Any = self.tower
        self._frames = int(extractor.nb_max_frames)
        self._merged = tower.config.intermediate_size // tower.config.hidden_size

    def window(self, wave: Array, index: int) -> Window:
        """Mel (bins, T) of a wave of any length, with the frames that reach past its end."""
        size = int(self.extractor.n_samples)
        return mel.whisper(self.extractor, wave, index, limit=-(-len(wave) // size) * size)

    def windows(self, wave: Array) -> list[Window]:
        """The mel of the whole clip (n,), split every 30 s."""
        whole = self.window(padded(wave, self.min_samples), 0)
        most = -(-whole.frames // self._frames) * self._frames
        return [
            Window(
                np.ascontiguousarray(whole.features[:, at : at + self._frames]),
                min(whole.frames - at, self._frames),
                index,
            )
            for index, at in enumerate(range(0, most, self._frames))
        ]

    def tokens_of(self, samples: int) -> int:
        """The same number for every window of up to 30 s."""
        return int(self._frames // 2 // self._merged)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each window padded with silence, which becomes tokens too."""
        tower: Any = self.tower
        features, _ = mel.stack(windows, self._frames, tower.conv1.weight)
        frames = tower(features).last_hidden_state
        merged = frames.reshape(-1, self._merged * frames.shape[-1])
        tokens: Tensor = self.projector(merged)  # type: ignore[misc]
        return tokens
