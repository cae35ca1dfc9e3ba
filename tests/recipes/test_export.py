"""harken export: which writer a model gets, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_qwen2_audio
import torch
from chat_parts import encoder_folder, lm_folder
from tiny import write
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import ConfigError, RunError
from harken.models.composed.model import compose_pretrained
from harken.models.learner import load_learner
from harken.models.native.families import FAMILIES
from harken.recipes.export import export_model

pytest.importorskip("peft")


def saved(root: Path, kind: str) -> Path:
    """A model with adapters in bfloat16, saved."""
    if kind == "native":
        write(tiny_qwen2_audio.TINY, root / "base", FAMILIES.get("qwen2_audio").template)
        load_learner(f"native:{root / 'base'}?lora=lm:2", dtype="bfloat16").save(root / "saved")
    else:
        parts = encoder_folder(root / "encoder"), lm_folder(root / "lm", rows=4)
        compose_pretrained(*parts, lora="lm:2").to("", "bfloat16").save(root / "saved")
    return root / "saved"


@pytest.mark.parametrize("kind", ["native", "composed"])
def test_a_saved_model_is_exported_in_the_dtype_it_has(kind: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model, out = saved(tmp_path, kind), tmp_path / "out"
    done = CliRunner().invoke(app, ["export", str(model), "-o", str(out), "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["base"] and (out / "README.md").is_file()
    tensors = load_file(Path(made["adapter"]) / "adapter_model.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.bfloat16}
    with pytest.raises(RunError, match="not empty"):
        export_model(str(model), out)
    whole = export_model(str(model), tmp_path / "whole", dtype="float32", copy_bases=True)
    assert (Path(whole["model"]) / "config.json").is_file() and not whole["base"]


def test_a_class_without_adapters_is_a_folder_of_the_class(tmp_path: Path) -> None:
    saved(tmp_path, "native")
    made = export_model(f"native:{tmp_path / 'base'}", tmp_path / "out")
    assert made["model"] and not made["adapter"]


def test_what_is_no_model_to_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be trained"):
        export_model("longest", tmp_path / "out")
