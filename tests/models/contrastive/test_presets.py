"""Published contrastive models: their size on the meta device beside what is stated."""

from __future__ import annotations

import pytest

from harken.errors import ConfigError
from harken.models.contrastive.presets import CONTRASTIVE, contrastive_preset, published_counts


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_the_published_size_is_what_is_stated(name: str) -> None:
    preset = CONTRASTIVE[name]
    counts = published_counts(preset)
    assert counts["all"] == preset.built == counts["audio"] + counts["text"] + counts["heads"]
    for size in preset.sizes:
        assert counts[size.what] == pytest.approx(size.count, rel=size.tolerance)


def test_compa_has_hard_negatives_and_clap_has_none() -> None:
    assert contrastive_preset("compa-clap").hard_negatives == 2
    assert contrastive_preset("clap").hard_negatives == 0
    with pytest.raises(ConfigError, match="Did you mean clap or compa-clap"):
        contrastive_preset("t-clap")
