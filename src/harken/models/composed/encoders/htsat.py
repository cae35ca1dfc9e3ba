"""HTSAT (Chen et al. 2022, arXiv 2202.00874), the audio tower of CLAP (Wu et al. 2023, 2211.06687).

HTSAT hears 10 s at once. A longer clip is cut into windows of 10 s, one after another; a shorter
one, and the last window, is repeated to 10 s and padded with zeros, as in CLAP's training, and
gives the frames that begin within it: what the repetition adds is no part of the clip. The frames
are those before CLAP's pooling, 3.2 a second. The fused checkpoints look at a long clip through
random crops; here they get the same windows, each as a short clip.
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
from harken.models.composed.encoders.concat import packed, unpacked
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


class HtsatEncoder(AudioEncoder):
    """HTSAT; a frame is the mean over frequency, 32 in a window of 10 s.

    Opens folders of CLAP (``laion/clap-htsat-…``), and of its audio tower alone.
    """

    name = "htsat"
    about = "HTSAT (CLAP's audio tower), averaged over frequency; windows of 10 s"
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
        stride = config.patch_stride[0] * 2 ** (len(config.depths) - 1)
        groups = config.spec_size // config.num_mel_bins
        self._in_window = int(config.spec_size // stride * groups)

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
        """The log-mel (T, bins) of every window, and how many frames the clip has: packed."""
        rate, size = int(self._extract.sampling_rate), int(self._extract.nb_max_samples)
        wave = resample(samples[None], RATE_HZ, rate)[0]
        wave = np.pad(wave, (0, max(0, 1 - len(wave))))
        windows = [wave[start : start + size] for start in range(0, len(wave), size)]
        made = self._extract(windows, sampling_rate=rate)["input_features"]
        whole = np.stack([np.asarray(one, np.float32)[0] for one in made])
        frames = -(-self._in_window * len(windows[-1]) // size)
        frames += self._in_window * (len(windows) - 1)
        return packed([whole.reshape(-1, whole.shape[-1]), np.array([frames], np.float32)])

    def frames_of(self, features: Array) -> int:
        """Those that begin within the clip."""
        return int(unpacked(features)[1][0])

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """All windows of all clips at once, each of one length; then those of a clip in a row."""
        parts = [unpacked(features) for features in batch]
        counts = [int(frames[0]) for _, frames in parts]
        windows = [-(-count // self._in_window) for count in counts]
        mels = [
            np.split(mel, each)[at]
            for (mel, _), each in zip(parts, windows, strict=True)
            for at in range(each)
        ]
        rows = self._stack(mels, len(mels[0]), [0.0] * len(mels))[:, None]
        named: dict[str, Any] = {}
        if self._fused:
            rows = rows.expand(-1, 4, -1, -1)
            named["is_longer"] = torch.zeros(len(mels), 1, dtype=torch.bool, device=self.device)
        maps = self.encoder(input_features=rows, **named).last_hidden_state
        found = torch.split(maps.mean(2).transpose(1, 2), windows)
        clips = [one.flatten(0, 1)[:count] for one, count in zip(found, counts, strict=True)]
        return nn.utils.rnn.pad_sequence(clips, batch_first=True), counts

    def _layer_count(self) -> int:
        """The stages of HTSAT differ in width and length."""
        return 0
