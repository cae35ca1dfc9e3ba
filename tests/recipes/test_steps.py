"""Recipes refuse models that cannot be trained, and never overwrite a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from harken.errors import ConfigError, RunError


def test_a_text_only_baseline_cannot_be_trained() -> None:
    pytest.importorskip("torch")
    from harken.recipes.steps import start

    with pytest.raises(ConfigError, match="cannot be trained"):
        start("longest", [], 0)


def test_another_model_in_the_folder_is_not_overwritten(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch")
    from harken.models.composed.model import ComposedModel
    from harken.recipes.steps import save_once

    one, other = (
        ComposedModel.preset("harken-mini", ["rain", "dog"], seed=seed) for seed in (0, 1)
    )
    save_once(one, tmp_path / "model")
    save_once(one, tmp_path / "model")
    with pytest.raises(RunError, match="another model"):
        save_once(other, tmp_path / "model")
    assert ComposedModel.load(tmp_path / "model").identity() == one.identity()
