"""CNN14 of PANNs (Kong et al. 2020, arXiv 1912.10211), from its published tensors.

The published file is a pickle, which harken does not read: docs/systems.md has the lines that
convert it to a folder of ``config.json`` and ``model.safetensors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.audio.codec import resample
from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.engine.features import Array
from harken.models.pretrained import check_folder
from harken.parsing import load_json, regular_bytes

RATE, SIZE, HOP, BINS, LOW_HZ, HIGH_HZ = 32_000, 1024, 320, 64, 50.0, 14_000.0
STRIDE = 32
"""Mel frames in a frame of the output: five halvings."""
_NOT_HERE = ("spectrogram_extractor.", "logmel_extractor.", "fc1.", "fc_audioset.")
"""Published tensors that the encoder has no use for: features, and the classifier."""


@dataclass(frozen=True, slots=True)
class Cnn14Config:
    """Sizes: the channels of each block, 64 to 2,048 as published."""

    channels: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    model_type: str = "cnn14"

    @property
    def hidden_size(self) -> int:
        """Width of a frame."""
        return self.channels[-1]


class Cnn14Block(nn.Module):
    """Two convolutions with batch norm, then the mean of 2 × 2 neighbours."""

    def __init__(self, inside: int, outside: int, pool: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.pool = pool
        for convolution in (self.conv1, self.conv2):
            nn.init.xavier_uniform_(convolution.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C', T / pool, F / pool)."""
        maps = nn.functional.relu(self.bn1(self.conv1(maps)))
        maps = nn.functional.relu(self.bn2(self.conv2(maps)))
        return nn.functional.avg_pool2d(maps, self.pool) if self.pool > 1 else maps


class Cnn14Model(nn.Module):
    """The convolutions of CNN14 under the names of the published tensors."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.config = config
        self.bn0 = nn.BatchNorm2d(BINS)
        before = 1
        for number, channels in enumerate(config.channels, 1):
            pool = 1 if number == len(config.channels) else 2
            self.add_module(f"conv_block{number}", Cnn14Block(before, channels, pool))
            before = channels

    def forward(self, mel: Tensor) -> Tensor:
        """(B, T, bins) -> (B, T / 32, width): the mean over frequency."""
        maps: Tensor = self.bn0(mel.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)[:, None]
        for number in range(1, len(self.config.channels) + 1):
            maps = self.get_submodule(f"conv_block{number}")(maps)
        return maps.mean(3).transpose(1, 2)


class Cnn14Encoder(AudioEncoder):
    """CNN14; a frame is the mean over frequency, about three in a second."""

    name = "cnn14"
    about = "CNN14 of PANNs, from its published tensors; three frames a second"
    model_types: ClassVar[tuple[str, ...]] = ("cnn14",)
    options: ClassVar[dict[str, type]] = {"limit_s": float}

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        inner: Any = encoder
        values = {**asdict(inner.config), "channels": [*inner.config.channels]}
        super().__init__(encoder, {**(settings or {}), "config": values, "kind": self.name})

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """With fresh weights; the published sizes unless ``config`` has others."""
        return cls(Cnn14Model(_config(settings.get("config") or {})), settings)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """With the published tensors, from a folder as at the top of this file.

        Raises:
            ModelError: tensors are missing, or have other names.
        """
        from safetensors.torch import load

        check_folder(folder)
        try:
            model = Cnn14Model(_config(load_json(folder / "config.json")))
            state = load(regular_bytes(folder / "model.safetensors"))
            model.load_state_dict(
                {name: t for name, t in state.items() if not name.startswith(_NOT_HERE)}
            )
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"this CNN14 cannot be opened: {error}",
                where=str(folder),
                hint="Convert the published file as docs/systems.md says.",
            ) from error
        return cls(model, settings)

    def features(self, samples: Array) -> Array:
        """Log-mel in decibels (T, 64) at 32 kHz, T a multiple of 32: filled up with silence."""
        from transformers.audio_utils import spectrogram, window_function

        wave = resample(samples[None], RATE_HZ, RATE)[0].astype(np.float64)
        wave = np.pad(wave, (0, max(0, SIZE - len(wave))))
        made = spectrogram(
            wave, window_function(SIZE, "hann"), SIZE, HOP, power=2.0, center=True,
            pad_mode="reflect", mel_filters=_bank(), log_mel="dB", mel_floor=1e-10, min_value=1e-10,
        ).T  # fmt: skip
        padded = np.pad(made, ((0, -len(made) % STRIDE), (0, 0)), constant_values=-100.0)
        return np.ascontiguousarray(padded, dtype=np.float32)

    def frames(self, length: int) -> int:
        """One for every 32 mel frames."""
        return length // STRIDE

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Only clips of equal length share a batch: convolutions would see what fills up others."""
        counts = [self.frames(len(part)) for part in batch]
        rows: dict[int, Tensor] = {}
        for count in sorted({*counts}):
            here = [i for i, own in enumerate(counts) if own == count]
            stacked = self._stack([batch[i] for i in here], count * STRIDE, [0.0] * len(here))
            rows |= dict(zip(here, self.encoder(stacked), strict=True))
        padded = nn.utils.rnn.pad_sequence([rows[i] for i in range(len(batch))], batch_first=True)
        return padded, counts

    def _layer_count(self) -> int:
        """The blocks differ in width and length."""
        return 0


def _config(values: Mapping[str, Any]) -> Cnn14Config:
    channels = values.get("channels")
    return Cnn14Config(tuple(int(n) for n in channels)) if channels else Cnn14Config()


@cache
def _bank() -> Any:
    """Slaney's mel filters (513, 64) with equal areas, as in librosa."""
    from transformers.audio_utils import mel_filter_bank

    return mel_filter_bank(
        SIZE // 2 + 1, BINS, LOW_HZ, HIGH_HZ, RATE, norm="slaney", mel_scale="slaney"
    )
