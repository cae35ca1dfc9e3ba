"""Codecs of transformers through one interface, on tiny random configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_codecs import tiny_dac, tiny_encodec, tiny_mimi, tiny_xcodec

from harken.errors import ModelError
from harken.models.codec.encodec import EncodecTokenizer
from harken.models.codec.open import CODECS, open_codec
from harken.models.codec.xcodec import XcodecTokenizer

BUILT: dict[str, tuple[Callable[[], Any], int, int, int]] = {
    "encodec": (tiny_encodec, 24_000, 320, 8),
    "dac": (tiny_dac, 16_000, 8, 3),
    "mimi": (tiny_mimi, 24_000, 1920, 4),
    "xcodec": (tiny_xcodec, 16_000, 320, 3),
}
"""Name -> how it is built, its rate, samples of a frame, codebooks."""


@pytest.mark.parametrize("name", BUILT)
def test_codes_and_back(name: str, tmp_path: Path) -> None:
    build, rate, hop, codebooks = BUILT[name]
    build().save_pretrained(tmp_path)
    codec = open_codec(f"{name}:{tmp_path}")
    assert (codec.rate_hz, codec.hop, codec.codebooks, codec.size) == (rate, hop, codebooks, 32)
    sound = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    codes = codec.encode(sound)
    assert codes.shape == (codebooks, -(-rate // hop))
    assert 0 <= codes.min() <= codes.max() < 32
    made = codec.decode(codes, len(sound))
    assert made.shape == sound.shape and made.dtype == np.float32 and np.isfinite(made).all()
    assert np.array_equal(codec.encode(sound, 2), codes[:2])
    assert codec.decode(codes[:2]).shape[0] >= 16_000
    assert open_codec(f"{name}:{tmp_path}").identity() == codec.identity()


def test_codes_are_those_of_transformers() -> None:
    model = tiny_encodec().eval()
    codec = EncodecTokenizer(model)
    sound = (0.1 * np.random.default_rng(0).standard_normal(3200)).astype(np.float32)
    own = codec._encode(sound, 8)
    with torch.no_grad():
        other = model.encode(torch.from_numpy(sound)[None, None], bandwidth=3.0)
        made = model.decode(other.audio_codes, other.audio_scales).audio_values
    assert np.array_equal(own, other.audio_codes[0, 0].numpy())
    assert np.allclose(codec._decode(own), made.reshape(-1).numpy(), atol=1e-6)


def test_xcodecs_sound_is_that_of_transformers() -> None:
    model = tiny_xcodec().eval()
    codec = XcodecTokenizer(model)
    sound = (0.1 * np.random.default_rng(0).standard_normal(3200)).astype(np.float32)
    with torch.no_grad():
        made = model(torch.from_numpy(sound)[None, None])
    codes = codec.encode(sound)
    assert np.array_equal(codes, made.audio_codes[0].numpy()) and len({*codes.ravel()}) > 3
    assert np.allclose(codec.decode(codes), made.audio_values.reshape(-1).numpy(), atol=1e-6)


def test_an_encodec_of_chunks_is_refused() -> None:
    model = tiny_encodec()
    model.config.normalize = True
    with pytest.raises(ModelError, match="mono model"):
        EncodecTokenizer(model)


def test_a_folder_of_another_class_is_refused(tmp_path: Path) -> None:
    tiny_dac().save_pretrained(tmp_path)
    with pytest.raises(ModelError):
        open_codec(f"encodec:{tmp_path}")


def test_every_codec_says_what_it_is() -> None:
    for name in CODECS:
        assert CODECS.get(name).name == name and CODECS.about(name)
