"""Published codec language models: their size on the meta device beside what is stated."""

from __future__ import annotations

import pytest

from harken.errors import ConfigError
from harken.models.codec_lm.patterns import PATTERNS, code_pattern
from harken.models.codec_lm.presets import CODEC_LMS, codec_lm_preset, published_net
from harken.models.composed.lms.registry import LMS
from harken.recipes.systems import compose_system


@pytest.mark.parametrize("preset", CODEC_LMS.values(), ids=lambda preset: preset.name)
def test_the_published_size_is_what_is_stated(preset) -> None:  # type: ignore[no-untyped-def]
    assert preset.pattern in PATTERNS and preset.kind in LMS
    net = published_net(preset)
    if net is None:
        assert not preset.stated
        return
    decoder = sum(p.numel() for p in net.lm.parameters())
    assert decoder == pytest.approx(preset.stated, rel=0.01)
    # The codes add an embedding and a head for every value of every stream.
    pattern = code_pattern(preset.pattern, preset.codebooks, preset.size)
    values = pattern.streams * pattern.entries
    codes = sum(p.numel() for p in net.parameters()) - decoder
    assert codes == 2 * values * preset.config["hidden_size"]


def test_a_name_is_looked_for_where_it_is(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="train-codec-lm CODEC RECORDINGS --preset ualm"):
        compose_system("ualm", tmp_path)
    with pytest.raises(ConfigError, match="audiolm, audiopalm, llama-mimi, ualm"):
        codec_lm_preset("musiclm")
