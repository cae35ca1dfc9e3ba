"""Whisper's encoder, padded to 30 s as it was trained, or at the clip's own length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.transformers_parts import config_of, open_part
from harken.models.engine.features import Array


class WhisperAudioEncoder(AudioEncoder):
    """Whisper's encoder, for clips up to the length it was trained on (30 s).

    With the setting ``own_length`` a clip is not padded: positions beyond its end are cut off. A
    clip of 3 s then costs a tenth. Frames differ from those of the padded clip, so an LM that was
    trained on one kind does not understand the other.
    """

    name = "whisper"
    about = "Whisper's encoder, padded to 30 s with its own value of silence, or own_length=true"
    model_types = ("whisper",)
    options: ClassVar[dict[str, type]] = {"own_length": bool, "layers": str, "limit_s": float}

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import WhisperFeatureExtractor

        super().__init__(encoder, settings)
        config: Any = encoder.config
        self_limit = config.max_source_positions * 2 / 100
        self.limit_s = min(float(self.settings.get("limit_s") or self_limit), self_limit)
        self._extract = WhisperFeatureExtractor(
            feature_size=config.num_mel_bins, chunk_length=math.ceil(self_limit)
        )
        self._length = config.max_source_positions * 2
        self._own_length = bool(self.settings.get("own_length"))
        # Padded, silent clips of one number of frames have equal features.
        self.pads_with_silence = not self._own_length

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """The encoder without the decoder, with fresh weights."""
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        return cls(WhisperEncoder(config_of(settings["config"])), settings)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """The encoder of the model in a folder."""
        from transformers import AutoModel

        return cls(open_part(AutoModel, folder).encoder, settings)

    def features(self, samples: Array) -> Array:
        """(T, bins) up to the end of the clip."""
        made = self._extract(samples, sampling_rate=RATE_HZ, return_tensors="np")
        whole = made["input_features"][0].T
        return np.ascontiguousarray(whole[: min(self._length, len(samples) // 160 + 2)])

    def frames(self, length: int) -> int:
        """One convolution of stride 2."""
        return -(-length // 2)

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Padded with the value its extractor gives to silence: 8 decades below the maximum."""
        counts = [self.frames(len(part)) for part in batch]
        if self._own_length:
            return self._side_by_side(self._unpadded(batch, counts)), counts
        fill = [max(float(part.max()) - 2.0, -1.5) for part in batch]
        rows = self._stack(batch, self._length, fill)
        return self._side_by_side(self._run(rows.transpose(1, 2))), counts

    def _unpadded(self, batch: Sequence[Array], counts: Sequence[int]) -> Any:
        """The forward pass of transformers' encoder with positions up to the longest clip only.

        Frames past the end of a shorter clip are zero before the second convolution and masked in
        attention, so a clip's frames do not depend on its batch.
        """
        from transformers.masking_utils import create_bidirectional_mask
        from transformers.modeling_outputs import BaseModelOutput

        encoder: Any = self.encoder
        rows = self._stack(batch, 2 * max(counts), [0.0] * len(batch)).transpose(1, 2)
        lengths = torch.tensor([len(part) for part in batch], device=self.device)
        inside = torch.arange(rows.shape[2], device=self.device)[None] < lengths[:, None]
        hidden = nn.functional.gelu(encoder.conv1(rows)) * inside[:, None]
        hidden = nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        valid = torch.arange(hidden.shape[1])[None] < torch.tensor(counts)[:, None]
        mask = create_bidirectional_mask(
            config=encoder.config,
            inputs_embeds=hidden,
            attention_mask=valid.long().to(self.device),
        )
        states = [hidden]
        for layer in encoder.layers:
            hidden = layer(hidden, mask)
            states.append(hidden)
        states[-1] = encoder.layer_norm(hidden)
        return BaseModelOutput(last_hidden_state=states[-1], hidden_states=tuple(states))
