"""BEATs (Chen et al. 2022, arXiv 2212.09058), from a folder with its published tensors.

The published file is a pickle, which harken does not read: docs/systems.md has the lines that
convert it to a folder of ``config.json`` and ``model.safetensors``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.errors import ModelError
from harken.models.composed.beats import BeatsConfig, BeatsModel, own_names
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.engine.features import Array
from harken.models.pretrained import check_folder
from harken.parsing import load_json, regular_bytes

BINS = 128
_MEAN, _STD = 15.41663, 6.55582
"""Of the log-mel over AudioSet; BEATs divides by twice the deviation."""


@cache
def _bank() -> Any:
    """Kaldi's mel filters (257, 128); the lowest are narrower than a line and have no weight."""
    from transformers.audio_utils import mel_filter_bank

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return mel_filter_bank(
            257, BINS, 20, RATE_HZ // 2, RATE_HZ, norm=None, mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )  # fmt: skip


class BeatsEncoder(AudioEncoder):
    """BEATs; its frames are the patches in the order of time and then frequency, 50 a second.

    With 8 patches for each 160 ms. SALMONN (arXiv 2310.13289) takes them so, beside the frames of
    Whisper.
    """

    name = "beats"
    about = "BEATs, from its published tensors; patches in order, 50 a second"
    model_types: ClassVar[tuple[str, ...]] = ("beats",)
    pads_with_silence = False

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """With fresh weights; sizes that are not given are those of iter3+."""
        config = BeatsConfig.of(settings.get("config") or {})
        return cls(BeatsModel(config), {**settings, "config": config.values()})

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """With the published tensors, from a folder as at the top of this file.

        Raises:
            ModelError: tensors are missing, or have other names.
        """
        from safetensors.torch import load

        check_folder(folder)
        try:
            config = BeatsConfig.of(load_json(folder / "config.json"))
            state = own_names(load(regular_bytes(folder / "model.safetensors")))
            model = BeatsModel(config)
            model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"this BEATs cannot be opened: {error}",
                where=str(folder),
                hint="Convert the published file as docs/systems.md says.",
            ) from error
        return cls(model, {**(settings or {}), "config": config.values()})

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        inner: Any = encoder
        super().__init__(
            encoder, {"config": inner.config.values(), **(settings or {}), "kind": self.name}
        )
        self._patch = int(inner.config.input_patch_size)

    def features(self, samples: Array) -> Array:
        """Kaldi's log-mel (T, 128), T a multiple of a patch: filled up with silence."""
        from transformers.audio_utils import spectrogram, window_function

        wave = np.pad(samples, (0, max(0, 400 - len(samples)))).astype(np.float64) * 2.0**15
        made = spectrogram(
            wave, window_function(400, "povey", periodic=False), 400, 160, fft_length=512,
            power=2.0, center=False, preemphasis=0.97, mel_filters=_bank(), log_mel="log",
            mel_floor=1.192092955078125e-07, remove_dc_offset=True,
        ).T  # fmt: skip
        normed = (made - _MEAN) / (2 * _STD)
        short = -len(normed) % self._patch
        fill = (np.log(1.192092955078125e-07) - _MEAN) / (2 * _STD)
        padded = np.pad(normed, ((0, short), (0, 0)), constant_values=fill)
        return np.ascontiguousarray(padded, dtype=np.float32)

    def frames(self, length: int) -> int:
        """One for every patch."""
        return (length // self._patch) * (BINS // self._patch)

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Shorter clips are masked."""
        counts = [self.frames(len(part)) for part in batch]
        rows = self._stack(batch, max(len(part) for part in batch), [0.0] * len(batch))
        out = self.encoder(rows, torch.tensor(counts, device=self.device))
        return self._side_by_side(out), counts
