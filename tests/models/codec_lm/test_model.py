"""A codec language model: saved and opened equal, damage told, likelihoods of what was said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_codec_lm import tiny_codec_lm
from tiny_codecs import tiny_codec, tiny_spectral_codec

from harken.errors import ConfigError, ModelError
from harken.models.codec_lm.model import CODEC, CodecLanguageModel
from harken.models.codec_lm.patterns import PATTERNS
from harken.models.engine.tokenizer import FILE

CODES = np.random.default_rng(0).integers(0, 16, (5, 3))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_saved_model_is_the_same(tmp_path: Path, pattern: str) -> None:
    model = tiny_codec_lm(tmp_path, pattern)
    identity = model.save(tmp_path / "saved")
    again = CodecLanguageModel.open(str(tmp_path / "saved"))
    assert again.identity() == identity == model.identity()
    assert again.voices == ("ann", "bob") and again.describe() == model.describe()
    line = model.speak_line(model.pattern.write(CODES), "three", "bob")
    other = again.speak_line(again.pattern.write(CODES), "three", "bob")
    assert again.code_losses([other]) == model.code_losses([line])


def test_a_spectral_codec_is_saved_with_the_model(tmp_path: Path) -> None:
    tiny_spectral_codec().save(tmp_path / "codec")
    model = tiny_codec_lm(tmp_path)
    model.save(tmp_path / "saved")
    again = CodecLanguageModel.open(str(tmp_path / "saved"))
    assert again.codec.identity() == tiny_spectral_codec().identity()
    assert np.array_equal(again.samples_of(CODES), model.samples_of(CODES))


def test_what_was_changed_in_a_saved_model_is_told(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    tiny_codec_lm(tmp_path).save(saved)
    held = (saved / FILE).read_text()
    (saved / FILE).write_text(held.replace("three", "thrice"))
    with pytest.raises(ModelError, match=r"tokenizer\.json is not what was written"):
        CodecLanguageModel.open(str(saved))
    (saved / FILE).write_text(held)
    for file in (saved / CODEC).iterdir():
        file.unlink()
    tiny_codec(seed=1).save(saved / CODEC)
    with pytest.raises(ModelError, match="its codec is another one"):
        CodecLanguageModel.open(str(saved))
    with pytest.raises(ModelError, match="no codec language model"):
        CodecLanguageModel.open(str(saved / CODEC))


def test_losses_are_means_over_codes_and_sums_over_texts(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    rows = model.pattern.write(CODES)
    lines = [model.transcribe_line(rows, "three"), model.speak_line(rows)]
    first, second = model.code_losses(lines, batch=1)
    # Of fresh weights nothing is much more probable than anything else: about log 16.
    assert 2 < first < 3.5 and 2 < second < 3.5
    (text,) = model.text_losses(lines[:1])
    count = len(model.tokenizer.encode("three")) + 1
    assert text == pytest.approx(count * np.log(model.tokenizer.size), rel=0.3)


def test_unknown_voices_and_too_many_codebooks_are_told(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    with pytest.raises(ConfigError, match="Voices: ann, bob"):
        model.speak_line(model.pattern.write(CODES), "three", "eve")
    from harken.models.codec_lm.model import CodecLMShape

    with pytest.raises(ConfigError, match="4 codebooks"):
        CodecLanguageModel.build(str(tmp_path / "codec"), ["a"], CodecLMShape(codebooks=4))
