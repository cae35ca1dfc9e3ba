"""Recipes refuse models that cannot be trained, and never overwrite a model."""

from __future__ import annotations

import subprocess
import sys
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


def test_a_saved_preset_is_known_with_settings_behind_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from harken.recipes.steps import preset_of
    from tiny_audio import mini

    mini().save(tmp_path / "model")
    for spec in (f"{tmp_path / 'model'}", f"{tmp_path / 'model'}?dtype=float32"):
        assert preset_of(spec) == "harken-mini"


def test_pretraining_without_a_folder_starts_nothing() -> None:
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-m", "harken.recipes.pretrain_tiny_lm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "out" in done.stderr


def test_a_broken_stage_of_a_plugin_breaks_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from harken.recipes.run import train
    from harken.recipes.steps import plan_for
    from harken.registry import PluginWarning, _Entry
    from harken.train.stages import STAGES

    def load() -> None:
        raise ValueError("boom")

    monkeypatch.setitem(STAGES._members, "broken", _Entry("entry point of extras", load=load))
    with pytest.raises(ConfigError, match="boom"):
        train("broken", Path("items"), Path("out"))
    with pytest.warns(PluginWarning, match="boom"):
        plan = plan_for("native:folder", 0)
    assert {"align", "sft", "grpo"} <= set(plan) and "broken" not in plan
