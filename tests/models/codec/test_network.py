"""Before any training the convolutions are a transform that undoes itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harken.models.codec.conv import ConvCodec, ConvCodecShape
from harken.models.codec.measures import snr_db
from harken.models.codec.network import CausalConv, CausalUpsample


def through(codec: ConvCodec, sound: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        waves = torch.from_numpy(sound)[None]
        return codec.net.waves(codec.net.vectors(waves))[0].numpy()


def test_a_transform_without_loss_where_nothing_is_left_out() -> None:
    shape = ConvCodecShape(strides=(4, 5), channels=(8, 24), dim=20, codebooks=1)
    sound = (0.1 * np.random.default_rng(0).standard_normal(2000)).astype(np.float32)
    assert snr_db(sound, through(ConvCodec.build(shape), sound)) > 10


def test_low_tones_are_kept_and_high_ones_left_out() -> None:
    codec, time = ConvCodec.build(), np.arange(16_000) / 16_000
    kept = {}
    for hz in (200, 900, 5000):
        sound = (0.1 * np.sin(2 * np.pi * hz * time)).astype(np.float32)
        kept[hz] = snr_db(sound, through(codec, sound))
    assert kept[200] > 9 and kept[900] > 6 and kept[5000] < 3


def test_every_weight_gets_a_gradient() -> None:
    codec = ConvCodec.build(ConvCodecShape(strides=(4, 5), channels=(8, 12), dim=6, codebooks=2))
    waves = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 400)).astype(np.float32))
    made = codec.net.waves(codec.net.vectors(waves))
    (made - waves).square().mean().backward()
    # The first half of a residual unit waits for its second, which begins with zeros.
    waiting = [name for name, own in codec.net.named_parameters() if not own.grad.any()]  # type: ignore[union-attr]
    assert all(".layers.1." in name for name in waiting)


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_lengths(stride: int) -> None:
    values = torch.zeros(1, 3, 10 * stride)
    assert CausalConv(3, 4, 2 * stride, stride=stride)(values).shape == (1, 4, 10)
    assert CausalUpsample(3, 4, stride)(torch.zeros(1, 3, 10)).shape == (1, 4, 10 * stride)
