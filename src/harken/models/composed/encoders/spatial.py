"""A ResNet on log-mel and directions: what is heard, and from where, in any layout.

The input is an image of five planes (T, mel bands): harken's log-mel of the energy, how far to the
front, to the left and up the energy of each band comes from (`harken.audio.space.bands`), and the
length of that vector. One minus the length is the diffuseness of directional audio coding, which
says how much is reflected, and so how far away a source is. The planes of directions are the same
for ambisonics and for arrays whose microphones are known, so one encoder takes both; it is told the
layout by the clip's scene, and for a recording by the setting ``layout`` or the number of its
channels. The idea of log-mel beside intensity is that of networks for sound event localisation (Cao
et al., "Polyphonic sound event detection and localization using a two-stage strategy", DCASE
workshop 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import Clip
from harken.audio.space.bands import directions
from harken.audio.space.layouts import AMBISONIC
from harken.models.composed.encoders.channels import all_channels, layout_setting
from harken.models.composed.encoders.resnet import ResNetEncoder
from harken.models.composed.log_mel import mel_bank, normalise, power_mel, spectra
from harken.models.engine.features import Array

PLANES = 4
"""Log-mel, front, left, up: what is kept of a clip. The length is computed from them."""


class SpatialEncoder(ResNetEncoder):
    """The ResNet of harken-tiny with five planes instead of one."""

    name = "spatial"
    about = "a ResNet on log-mel and the directions of its energy: ambisonics, arrays, two ears"
    model_types: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, type]] = {"limit_s": float, "layout": str}
    augmentable = False
    hears_channels = True

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(encoder, settings)
        self.layout = layout_setting(self.settings)

    def clip_features(self, clip: Clip) -> Array:
        """Log-mel and directions (T, 4 · bands) of all channels of a clip (`all_channels`)."""
        return self._planes(*all_channels(clip, self.layout, self.limit_s))

    def features(self, samples: Array) -> Array:
        """The same of one channel (n,), which comes from nowhere."""
        return self._planes(samples[None], "mono", ())

    def prepare(self, features: Array) -> Array:
        """The log-mel normalised; directions as they are."""
        bins = self.mel.bins
        return np.concatenate([normalise(features[:, :bins], self.mel), features[:, bins:]], 1)

    def image(self, rows: Tensor) -> Tensor:
        """(B, T, 4 · bands) as planes (B, 5, T, bands)."""
        batch, length, _ = rows.shape
        planes = rows.view(batch, length, PLANES, self.mel.bins).transpose(1, 2)
        config: Any = self.encoder.config
        if config.num_channels == PLANES:  # as models of an earlier release
            return planes
        return torch.cat([planes, planes[:, 1:].norm(dim=1, keepdim=True)], 1)

    def _planes(self, sound: Array, layout: str, mics: tuple[Any, ...]) -> Array:
        parts = spectra(sound, self.mel)
        # The energy that is normalised: of the channel that hears all directions, or of all.
        heard = parts[:1] if layout in AMBISONIC else parts
        bank = mel_bank(self.mel)
        hz = np.linspace(0.0, self.mel.rate_hz / 2, parts.shape[2])
        told = directions(parts, hz, bank, layout, mics)
        return np.concatenate(
            [power_mel(np.square(np.abs(heard)).mean(0), self.mel), told.reshape(len(told), -1)], 1
        )
