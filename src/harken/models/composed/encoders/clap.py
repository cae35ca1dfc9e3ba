"""CLAP's audio tower (HTSAT: Chen et al. 2022, arXiv 2202.00874; Wu et al. 2023, arXiv 2211.06687).

Shorter clips are repeated to 10 s and padded with zeros, as in its training, so every clip has the
same number of frames. Longer clips, which the fused checkpoints look at through random windows,
are refused: cut them into spans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.audio.codec import resample
from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.transformers_parts import (
    config_of,
    model_type_of,
    open_part,
)
from harken.models.engine.features import Array
from harken.parsing import load_json

_EXTRACTOR = (
    "feature_size", "sampling_rate", "hop_length", "fft_window_size", "max_length_s",
    "frequency_min", "frequency_max",
)  # fmt: skip
"""What of ``preprocessor_config.json`` decides the features."""


class ClapAudioTower(AudioEncoder):
    """CLAP's audio tower; a frame is the mean over frequency, about three in a second."""

    name = "clap"
    about = "CLAP's audio tower (HTSAT), averaged over frequency; clips up to 10 s"
    model_types = ("clap", "clap_audio_model")
    options: ClassVar[dict[str, type]] = {"limit_s": float}

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import ClapFeatureExtractor

        super().__init__(encoder, settings)
        config: Any = encoder.config
        # The fused checkpoints use HTK filters and four channels of the same mel for short clips.
        self._fused = bool(config.enable_fusion)
        self._extract = ClapFeatureExtractor(
            truncation="fusion" if self._fused else "rand_trunc",
            padding="repeatpad",
            **{"feature_size": config.num_mel_bins, **self.settings.get("extractor", {})},
        )
        longest = float(self._extract.max_length_s)
        self.limit_s = min(float(self.settings.get("limit_s") or longest), longest)

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """The audio tower alone, with fresh weights."""
        from transformers import ClapAudioModel

        return cls(ClapAudioModel(config_of(settings["config"])), settings)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """The audio tower of the model in a folder, and the settings of its features."""
        from transformers import ClapAudioModel, ClapModel

        alone = model_type_of(folder) == "clap_audio_model"
        whole = open_part(ClapAudioModel if alone else ClapModel, folder)
        try:
            values = load_json(folder / "preprocessor_config.json")
            found = {name: value for name, value in values.items() if name in _EXTRACTOR}
        except FileNotFoundError:
            found = {}  # those of transformers
        except (OSError, ValueError, AttributeError) as error:
            raise ModelError(
                f"preprocessor_config.json cannot be read: {error}", where=str(folder)
            ) from error
        given = {**(settings or {}), **({"extractor": found} if found else {})}
        return cls(whole if alone else whole.audio_model, given)

    def features(self, samples: Array) -> Array:
        """(T, bins) of the clip, repeated to the full length."""
        rate = int(self._extract.sampling_rate)
        wave = resample(samples[None], RATE_HZ, rate)[0]
        wave = np.pad(wave, (0, max(0, 1 - len(wave))))[: int(self._extract.nb_max_samples)]
        made = self._extract(wave, sampling_rate=rate)["input_features"]
        return np.ascontiguousarray(np.asarray(made, np.float32)[0][0])

    def frames(self, length: int) -> int:
        """The same for every clip: patches along time, of all groups of frequencies."""
        config: Any = self.encoder.config
        stride = config.patch_stride[0] * 2 ** (len(config.depths) - 1)
        return int(config.spec_size // stride * (config.spec_size // config.num_mel_bins))

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """All clips have one length."""
        rows = self._stack(batch, len(batch[0]), [0.0] * len(batch))[:, None]
        named: dict[str, Any] = {}
        if self._fused:
            rows = rows.expand(-1, 4, -1, -1)
            named["is_longer"] = torch.zeros(len(batch), 1, dtype=torch.bool, device=self.device)
        maps = self.encoder(input_features=rows, **named).last_hidden_state
        return maps.mean(2).transpose(1, 2), [self.frames(len(part)) for part in batch]

    def _layer_count(self) -> int:
        """The stages of HTSAT differ in width and length."""
        return 0
