"""Recipes refuse what cannot be taught, and never lose a model in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from harken.errors import ConfigError, RunError


def test_a_text_only_baseline_cannot_be_trained() -> None:
    pytest.importorskip("torch")
    from harken.recipes.steps import start

    with pytest.raises(ConfigError, match="cannot be trained"):
        start("longest", [], 0)


def test_another_model_in_the_folder_is_not_overwritten_nor_taken_for_this_one(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch")
    from harken.models.composed.model import ComposedModel
    from harken.recipes.steps import keep

    one, other = (
        ComposedModel.preset("harken-mini", ["rain", "dog"], seed=seed) for seed in (0, 1)
    )
    keep(one, tmp_path / "model")
    keep(one, tmp_path / "model")
    with pytest.raises(RunError, match="another model"):
        keep(other, tmp_path / "model")
    assert ComposedModel.load(tmp_path / "model").identity() == one.identity()
