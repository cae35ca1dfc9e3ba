"""Published codec language models: their size on the meta device beside what is stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codecs import tiny_codec

from harken.errors import ConfigError
from harken.models.codec_lm.lines import score_lines
from harken.models.codec_lm.model import CodecLanguageModel, CodecLMShape
from harken.models.codec_lm.patterns import PATTERNS, code_pattern
from harken.models.codec_lm.presets import CODEC_LMS, codec_lm_preset, published_net
from harken.models.composed.lms.registry import LMS
from harken.recipes.systems import compose_system


@pytest.mark.parametrize("preset", CODEC_LMS.values(), ids=lambda preset: preset.name)
def test_the_published_size_is_what_is_stated(preset) -> None:  # type: ignore[no-untyped-def]
    assert preset.pattern in PATTERNS and preset.kind in LMS
    net = published_net(preset)
    if net is None:
        assert not preset.stated and not preset.built
        return
    decoder = sum(p.numel() for p in net.lm.parameters())
    assert decoder == pytest.approx(preset.stated, rel=0.01)
    # The codes add an embedding and a head for every value of every stream.
    pattern = code_pattern(preset.pattern, preset.codebooks, preset.size)
    values = pattern.streams * pattern.entries
    codes = sum(p.numel() for p in net.parameters()) - decoder
    assert codes == 2 * values * preset.config["hidden_size"]
    assert decoder + codes == preset.built and preset.stated_by


@pytest.mark.parametrize("preset", CODEC_LMS.values(), ids=lambda preset: preset.name)
def test_a_step_lowers_the_loss_and_a_saved_one_is_the_same(preset, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tiny_codec().save(tmp_path / "codec")
    shape = CodecLMShape(
        lm=preset.kind, width=16, layers=1, heads=2, inner=32, context=200, dropout=0.0,
        pattern=preset.pattern, codebooks=min(preset.codebooks, 3),
    )  # fmt: skip
    model = CodecLanguageModel.build(str(tmp_path / "codec"), ["three"], shape)
    codes = np.random.default_rng(0).integers(0, 16, (5, shape.codebooks))
    line = model.speak_line(model.pattern.write(codes), "three")
    optimiser = torch.optim.AdamW(model.net.parameters(), lr=3e-3)
    losses = []
    for _ in range(3):
        loss = -score_lines(model.net, model.pattern, [line]).codes.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[1] < losses[0]
    model.save(tmp_path / "saved")
    again = CodecLanguageModel.open(str(tmp_path / "saved"))
    assert again.identity() == model.identity()
    assert again.code_losses([line]) == model.code_losses([line])


def test_positions_a_second_are_those_of_the_pattern() -> None:
    """Mimi's 12.5 frames of four codes in one sequence; X-Codec's 50 frames side by side."""
    assert CODEC_LMS["llama-mimi"].positions_s == 50 and CODEC_LMS["ualm"].positions_s == 50
    assert CODEC_LMS["audiolm"].positions_s == 600 and CODEC_LMS["apertus-1.5"].positions_s == 40


def test_a_name_is_looked_for_where_it_is(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="train-codec-lm CODEC RECORDINGS --preset ualm"):
        compose_system("ualm", tmp_path)
    with pytest.raises(ConfigError, match="Did you mean audiolm"):
        codec_lm_preset("musiclm")
