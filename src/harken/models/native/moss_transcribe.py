"""MOSS Transcribe Diarize (hf-audio/MOSS-Transcribe-Diarize-HF): Whisper's encoder, a Qwen3.

12.5 tokens a second, and every 2 s the number of seconds in digits among them, by which the model
tells times: harken puts the embeddings of these digits among the audio tokens of a clip. The tower
has no mask: a window is padded with silence to 30 s, as by its extractor, and the frames after the
end of the clip are left out, but for those that complete a group of four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import RATE_HZ
from harken.errors import ModelError
from harken.models.engine.features import Array
from harken.models.native import mel
from harken.models.native.base import Window
from harken.models.native.whisper import WhisperFamily
from harken.parsing import load_json

_TAIL = 4  # frames of silence that are kept: the last of them pads the window


class MossTranscribeDiarize(WhisperFamily):
    """``MossTranscribeDiarizeForConditionalGeneration``."""

    name = "MOSS Transcribe Diarize"
    types = ("moss_transcribe_diarize",)
    model_name = "MossTranscribeDiarizeForConditionalGeneration"
    extractor_name = "MossTranscribeDiarizeFeatureExtractor"
    placeholder = "<|audio_pad|>"
    text_in_audio = True
    after_clip = "\n"
    template = (
        "{%- for message in messages -%}"
        "{{ '<|im_start|>' + message.role + '\n' }}"
        "{%- if message.content is string -%}{{ message.content }}"
        "{%- else -%}{%- for part in message.content -%}"
        "{%- if part.type == 'audio' -%}{{ '<|audio_start|><|audio_pad|><|audio_end|>' }}"
        "{%- else -%}{{ part.text }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        "{{ '<|im_end|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
    )

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self._merged = int(model.config.audio_merge_size)
        self._rate, self._every_s = 12.5, 2
        self._encode: Callable[[str], list[int]] = _digits

    def after_open(self, folder: Path, hf_tokenizer: Any) -> None:
        """Read how often the time stands among the tokens, and take the tokenizer for it.

        Raises:
            ModelError: the settings of the processor are damaged.
        """
        path = folder / "processor_config.json"
        try:
            found = load_json(path) if path.is_file() else {}
            self._rate = float(found.get("audio_tokens_per_second", self._rate))
            self._every_s = int(found.get("time_marker_every_seconds", self._every_s))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the processor cannot be read: {error}", where=str(path)) from error
        self._encode = partial(hf_tokenizer.encode, add_special_tokens=False)

    def window(self, wave: Array, index: int) -> Window:
        """Mel (bins, T) with some frames of silence after the clip's own."""
        made = self.extractor(wave, sampling_rate=RATE_HZ, return_tensors="np")
        frames = int(made["input_features_mask"][0].sum())
        features = made["input_features"][0][:, : frames + _TAIL]
        return Window(np.ascontiguousarray(features, np.float32), frames, index)

    def tokens_of(self, samples: int) -> int:
        """A convolution of stride 2, then four frames concatenated, the last of them filled up."""
        return self._groups(-(-samples // int(self.extractor.hop_length)))

    def tokens(self, samples: int) -> int:
        """Audio tokens of a clip, and the digits among them."""
        count = super().tokens(samples)
        return count + sum(len(digits) for _, digits in self._marks(count))

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each window padded with silence; the seconds in digits among the tokens of the clip."""
        tower: Any = self.tower
        features, _ = mel.stack(windows, self.extractor.nb_max_frames, tower.conv1.weight)
        frames = tower(features).last_hidden_state
        kept = [
            row[: self._groups(window.frames) * self._merged]
            for row, window in zip(frames, windows, strict=True)
        ]
        merged = torch.cat(kept).reshape(-1, self._merged * frames.shape[-1])
        tokens: Tensor = self.projector(merged)  # type: ignore[misc]
        parts, done = [], 0
        for place, digits in self._marks(len(tokens)):
            ids = torch.tensor(digits, device=self.device)
            parts += [tokens[done:place], self.embed(ids).to(tokens)]
            done = place
        return torch.cat([*parts, tokens[done:]])

    def _groups(self, frames: int) -> int:
        return -(-((frames - 1) // 2 + 1) // self._merged)

    def _marks(self, count: int) -> list[tuple[int, list[int]]]:
        """(audio tokens before it, ids of its digits) of each time among `count` tokens."""
        step = int(self._rate * self._every_s)
        if step <= 0:
            return []
        seconds = range(self._every_s, int(count / self._rate) + 1, self._every_s)
        return [(s // self._every_s * step, self._encode(str(s))) for s in seconds]


def _digits(text: str) -> list[int]:
    """One token a digit, as in the checkpoints; the ids are known with the tokenizer only."""
    return [-1] * len(text)
