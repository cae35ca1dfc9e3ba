"""The spectral codec: shapes, what a frame hears, pieces and wholes, saved and opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codecs import tiny_codec, tiny_spectral_codec

from harken.errors import ConfigError, ModelError
from harken.models.codec.conv import ConvCodec
from harken.models.codec.open import open_codec
from harken.models.codec.spectral import SpectralCodec, SpectralCodecShape


def sound(length: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


@pytest.mark.parametrize("length", [1, 39, 40, 41, 800, 0])
def test_codes_have_a_frame_for_every_started_hop(length: int) -> None:
    codec = tiny_spectral_codec()
    codes = codec.encode(sound(length))
    assert codec.hop == 40 and codes.dtype == np.int64
    assert codes.shape == (3, max(1, -(-length // 40)))
    assert 0 <= codes.min() <= codes.max() < 16
    assert codec.decode(codes, length).shape == (length,)
    assert codec.decode(codes).shape == (codes.shape[1] * 40,)
    assert np.array_equal(codec.encode(sound(length), 2), codes[:2])


def test_a_frame_hears_a_little_of_what_comes_after_it_and_no_more() -> None:
    net = tiny_spectral_codec().net
    waves = torch.from_numpy(sound(400))[None].requires_grad_()
    (gradient,) = torch.autograd.grad(net.vectors(waves)[0, 4].sum(), waves)
    # Frame 4 ends before sample 200; its last window reaches (80 - 20) / 2 samples further.
    assert gradient[0, 220:229].any() and not gradient[0, 230:].any()


def test_training_and_use_have_the_same_codes_and_magnitudes() -> None:
    codec = tiny_spectral_codec()
    waves = sound(400)
    with torch.no_grad():
        logs, found = codec.net(torch.from_numpy(waves)[None])
        again = codec.net.log_magnitudes(codec.net.quantiser.decode(found.codes))
    assert np.array_equal(found.codes[0].numpy(), codec.encode(waves))
    assert logs.shape == (1, 20, 41) and torch.allclose(logs, again, atol=1e-5)


def test_the_sign_and_the_period_of_a_sound_are_not_in_its_codes() -> None:
    codec = tiny_spectral_codec()
    assert np.array_equal(codec.encode(sound(400)), codec.encode(-sound(400)))


@pytest.mark.parametrize("pieces", [[60], [1] * 60, [7, 0, 13, 40], [20, 39, 1]])
def test_pieces_are_the_whole(pieces: list[int]) -> None:
    codec = tiny_spectral_codec()
    codes = codec.encode(sound(60 * 40))
    whole, stream, start, made = codec.decode(codes), codec.decoding(), 0, []
    for count in pieces:
        made.append(stream.push(codes[:, start : start + count]))
        start += count
    made.append(stream.push(codes[:, start:], last=True))
    assert np.allclose(np.concatenate(made), whole, atol=1e-3 * np.abs(whole).max())


def test_what_is_saved_is_what_is_opened_as_its_own_kind(tmp_path: Path) -> None:
    codec = tiny_spectral_codec()
    identity = codec.save(tmp_path / "spectral")
    opened = open_codec(str(tmp_path / "spectral"))
    assert isinstance(opened, SpectralCodec) and opened.identity() == identity
    codes = codec.encode(sound(300))
    assert np.array_equal(opened.encode(sound(300)), codes)
    assert np.array_equal(opened.decode(codes), codec.decode(codes))
    tiny_codec().save(tmp_path / "conv")
    assert isinstance(open_codec(str(tmp_path / "conv")), ConvCodec)
    with pytest.raises(ModelError, match="shape cannot be read"):
        open_codec(f"conv:{tmp_path / 'spectral'}")


def test_shapes_that_cannot_be_built_are_refused() -> None:
    with pytest.raises(ConfigError, match="a window of 500 samples every 160"):
        SpectralCodecShape(window=500)
    with pytest.raises(ConfigError, match="below 1"):
        SpectralCodecShape(mels=0)


def test_the_usual_shape_has_fifty_frames_a_second_and_no_empty_band() -> None:
    codec = SpectralCodec.build()
    count = sum(parameter.numel() for parameter in codec.net.parameters())
    assert codec.frames_per_s == 50 and codec.bits_per_s == 8 * 8 * 50
    assert 500_000 < count < 800_000
    assert (codec.net.bank.sum(1) > 0).all()
