"""harken's own codec: shapes, causality, codes and back, saved and opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codecs import tiny_codec

from harken.errors import ConfigError, ModelError, RunError
from harken.models.base import MODEL_FILE
from harken.models.codec.conv import ConvCodec, ConvCodecShape
from harken.models.codec.open import open_codec
from harken.models.load import load_model
from harken.models.saved_module import WEIGHTS


def sound(length: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


@pytest.mark.parametrize("length", [1, 19, 20, 21, 400, 0])
def test_codes_have_a_frame_for_every_started_hop(length: int) -> None:
    codec = tiny_codec()
    codes = codec.encode(sound(length))
    assert codec.hop == 20 and codes.dtype == np.int64
    assert codes.shape == (3, max(1, -(-length // 20)))
    assert 0 <= codes.min() <= codes.max() < 16
    assert codec.decode(codes, length).shape == (length,)
    assert codec.decode(codes).shape == (codes.shape[1] * 20,)


def test_a_frame_hears_nothing_later_and_a_sample_needs_no_later_frame() -> None:
    codec = tiny_codec()
    first, other = sound(400), sound(400)
    other[200:] = sound(200, seed=1)
    codes = codec.encode(first)
    assert np.array_equal(codes[:, :10], codec.encode(other)[:, :10])
    later = codes.copy()
    later[:, 10:] = (later[:, 10:] + 1) % 16
    made, also = codec.decode(codes), codec.decode(later)
    assert np.allclose(made[:200], also[:200], atol=1e-6) and not np.allclose(made, also)


def test_a_frame_hears_its_own_last_sample() -> None:
    net = tiny_codec().net
    waves = torch.from_numpy(sound(400))[None].requires_grad_()
    (gradient,) = torch.autograd.grad(net.vectors(waves)[0, 9].sum(), waves)
    assert gradient[0, 199] != 0 and not gradient[0, 200:].any()


def test_fewer_codebooks_are_the_first_ones() -> None:
    codec = tiny_codec()
    assert np.array_equal(codec.encode(sound(200), 2), codec.encode(sound(200))[:2])
    assert codec.decode(codec.encode(sound(200), 1)).shape == (200,)


def test_training_and_use_make_the_same_sound() -> None:
    codec = tiny_codec()
    waves = sound(200)
    with torch.no_grad():
        made, found = codec.net(torch.from_numpy(waves)[None])
    codes = codec.encode(waves)
    assert np.array_equal(found.codes[0].numpy(), codes)
    assert np.allclose(made[0].numpy(), codec.decode(codes), atol=1e-5)


def test_what_is_saved_is_what_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = tiny_codec()
    codec.training = {"used": [1.0]}
    identity = codec.save(tmp_path / "mine")
    assert codec.save(tmp_path / "mine") == identity  # again: nothing happens
    opened = open_codec(str(tmp_path / "mine"))
    assert isinstance(opened, ConvCodec) and opened.training == codec.training
    assert opened.identity() == identity == codec.identity()
    codes = codec.encode(sound(300))
    assert np.array_equal(opened.encode(sound(300)), codes)
    assert np.array_equal(opened.decode(codes), codec.decode(codes))
    monkeypatch.setenv("HARKEN_MODELS", str(tmp_path))
    assert open_codec("mine").identity() == identity
    with pytest.raises(RunError, match="another model"):
        tiny_codec(seed=1).save(tmp_path / "mine")


def test_the_same_seed_gives_the_same_codec() -> None:
    assert tiny_codec().identity() == tiny_codec().identity() != tiny_codec(1).identity()


def test_a_damaged_or_other_folder_is_refused(tmp_path: Path) -> None:
    codec = tiny_codec()
    codec.save(tmp_path)
    raw = bytearray((tmp_path / WEIGHTS).read_bytes())
    raw[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(raw)
    with pytest.raises(ModelError, match="damaged"):
        open_codec(str(tmp_path))
    text = (tmp_path / MODEL_FILE).read_text()
    (tmp_path / MODEL_FILE).write_text(text.replace("codec", "coder"))
    with pytest.raises(ModelError, match="damaged"):
        open_codec(str(tmp_path))


def test_a_codec_is_no_model_that_answers(tmp_path: Path) -> None:
    tiny_codec().save(tmp_path)
    with pytest.raises(ModelError, match="answers no questions"):
        load_model(str(tmp_path))


def test_what_is_no_codec_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(ConfigError, match="mimi:FOLDER"):
        open_codec("nowhere")
    with pytest.raises(ConfigError, match="encodec"):
        open_codec("encodek:folder")


def test_codes_of_another_kind_are_refused() -> None:
    codec = tiny_codec()
    with pytest.raises(ConfigError, match="outside 0 to 15"):
        codec.decode(np.full((3, 4), 16))
    with pytest.raises(ConfigError, match="codebooks, frames"):
        codec.decode(np.zeros(4, np.int64))
    with pytest.raises(ConfigError, match="4 codebooks"):
        codec.encode(sound(40), 4)


def test_shapes_that_cannot_be_built_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 strides and 1 channels"):
        ConvCodecShape(strides=(4, 5), channels=(8,))


def test_the_usual_shape_has_fifty_frames_a_second() -> None:
    codec = ConvCodec.build()
    count = sum(parameter.numel() for parameter in codec.net.parameters())
    assert codec.frames_per_s == 50 and 200_000 < count < 1_500_000
    # 8 codebooks of 256 entries: 8 bits each, 50 times a second.
    assert codec.bits_per_s == 8 * 8 * 50
