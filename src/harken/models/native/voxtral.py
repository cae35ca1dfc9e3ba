"""Voxtral (Liu et al. 2025, arXiv 2507.13264): Whisper's encoder, frames by fours, a Mistral.

375 tokens for every begun 30 s: the tower has no mask, and the silence behind the sound is heard as
well. A longer clip is one mel, since the loudest point of the whole clip decides how deep its
silence is; it is then cut into 30 s windows whose tokens stand one behind the other after one
``[BEGIN_AUDIO]``. Its processor takes clips only through mistral-common; its tokenizer
(``tekken.json``) is read by transformers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from harken.models.engine.features import Array
from harken.models.native import mel
from harken.models.native.base import Window, filled
from harken.models.native.whisper import WhisperFamily


class Voxtral(WhisperFamily):
    """``VoxtralForConditionalGeneration``."""

    name = "Voxtral"
    types = ("voxtral",)
    opens = "VoxtralForConditionalGeneration"
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
        self._side = tower.config.intermediate_size // tower.config.hidden_size

    def window(self, wave: Array, place: int) -> Window:
        """Mel (bins, T) of a wave of any length, with the frames in which it dies away."""
        size = int(self.extractor.n_samples)
        return mel.whisper(self.extractor, wave, place, most=-(-len(wave) // size) * size)

    def windows(self, wave: Array) -> list[Window]:
        """The mel of the whole clip (n,), cut every 30 s."""
        whole = self.window(filled(wave, self.min_samples), 0)
        most = -(-whole.frames // self._frames) * self._frames
        return [
            Window(
                np.ascontiguousarray(whole.features[:, at : at + self._frames]),
                min(whole.frames - at, self._frames),
                place,
            )
            for place, at in enumerate(range(0, most, self._frames))
        ]

    def tokens_of(self, samples: int) -> int:
        """As many for a moment as for 30 s."""
        return int(self._frames // 2 // self._side)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each window filled up with silence; all of it becomes tokens."""
        tower: Any = self.tower
        features, _ = mel.stack(windows, self._frames, tower.conv1.weight)
        frames = tower(features).last_hidden_state
        side = frames.reshape(-1, self._side * frames.shape[-1])
        tokens: Tensor = self.projector(side)  # type: ignore[misc]
        return tokens
