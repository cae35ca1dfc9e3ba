"""Exported native models, opened by transformers and peft alone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
import transformers as tf
from families import TINIES
from opened import Both, open_both
from safetensors.torch import save_file
from tiny import Tiny

from harken.errors import ModelError
from harken.models.native.export import export_native

peft = pytest.importorskip("peft")
CLOSE: dict[str, Any] = {"rtol": 0, "atol": 5e-5}
NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "qwen2_5_omni": tiny_qwen_omni.TINIES[0],
}


def stir(both: Both, part: str = "lora_") -> None:
    """Some steps of training, as it were."""
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in both.model.net.named_parameters():
            if part in name:
                parameter.add_((torch.randn_like(parameter) * 0.3).to(parameter))


def opened(both: Both, base: Path, adapter: Path | None) -> Any:
    """The class by transformers, with the adapter by peft."""
    whole = tf.AutoConfig.from_pretrained(base)
    family = type(both.model.family)
    model = family.model_class().from_pretrained(base, config=family.config(whole))
    if adapter is not None:
        model = peft.PeftModel.from_pretrained(model, adapter)
    return model.eval()


def compare(both: Both, official: Any) -> None:
    """harken's logits are those of the official forward pass."""
    prompt = both.prompt(both.clip(1.3))
    logits, ids, _ = replace(both, official=official).theirs(prompt)
    assert list(both.model.tokenize(prompt).ids) == ids
    torch.testing.assert_close(both.ours(prompt), logits, **CLOSE)


@pytest.mark.parametrize("kind", NATIVE)
def test_adapters_in_several_groups_are_one_folder_for_the_named_base(
    kind: str, tmp_path: Path
) -> None:
    both = open_both(NATIVE[kind], tmp_path / "base")
    plain = both.ours(both.prompt(both.clip(1.3)))
    both.model.add_lora(2, group="lm")
    both.model.add_lora(3, alpha=5, group="audio_encoder")
    stir(both)
    assert (both.ours(both.prompt(both.clip(1.3))) - plain).abs().max() > 1e-2
    made = export_native(both.model, tmp_path / "out")
    assert made["base"] == str(tmp_path / "base") and not made["model"]
    adapter = Path(made["adapter"])
    for name in ("tokenizer.json", "chat_template.jinja", "preprocessor_config.json"):
        assert (adapter / name).is_file(), name
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path / "base")
    assert config["target_modules"] == sorted(config["target_modules"])  # not in a set's order
    compare(both, opened(both, tmp_path / "base", adapter))
    assert both.model.adapters == ("audio_encoder", "lm")  # the exported model is unchanged


@pytest.mark.parametrize("options", [{"dora": True}, {"rslora": True, "alpha": 3}], ids=str)
def test_other_kinds_of_adapters(options: dict[str, Any], tmp_path: Path) -> None:
    both = open_both(NATIVE["qwen2_audio"], tmp_path / "base")
    both.model.add_lora(2, targets=["q_proj", "fc1"], group="audio_encoder", **options)
    stir(both)
    made = export_native(both.model, tmp_path / "out")
    compare(both, opened(both, tmp_path / "base", Path(made["adapter"])))
    both.model.add_lora(2)  # of another kind
    with pytest.raises(ModelError, match="different kinds"):
        export_native(both.model, tmp_path / "other")


@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize("kind", NATIVE)
def test_tensors_trained_in_full_are_in_a_folder_of_the_class(
    kind: str, adapters: bool, tmp_path: Path
) -> None:
    both = open_both(NATIVE[kind], tmp_path / "base")
    if adapters:
        both.model.add_lora(2)
    stir(both, "lora_")
    stir(both, "audio_encoder.encoder.")
    made = export_native(both.model, tmp_path / "out")
    assert made["model"] and not made["base"] and bool(made["adapter"]) == adapters
    adapter = Path(made["adapter"]) if adapters else None
    compare(both, opened(both, Path(made["model"]), adapter))


def test_the_base_is_copied_on_request(tmp_path: Path) -> None:
    both = open_both(NATIVE["qwen2_audio"], tmp_path / "base")
    both.model.add_lora(2)
    stir(both)
    (tmp_path / "base" / "processor_config.json").write_text('{"a": 1}')
    made = export_native(both.model, tmp_path / "out", copy_bases=True)
    compare(both, opened(both, Path(made["model"]), Path(made["adapter"])))
    for folder in (made["model"], made["adapter"]):
        assert json.loads((Path(folder) / "processor_config.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("tiny", TINIES, ids=lambda tiny: tiny.kind)
def test_every_family_is_exported_or_says_why_not(tiny: Tiny, tmp_path: Path) -> None:
    both = open_both(tiny, tmp_path / "base")
    both.model.add_lora(2)
    stir(both)
    if getattr(both.model.family, "adapter", None) is not None:
        with pytest.raises(ModelError, match="adapter of its own"):
            export_native(both.model, tmp_path / "out")
        return
    made = export_native(both.model, tmp_path / "out")
    compare(both, opened(both, tmp_path / "base", Path(made["adapter"])))


ALONE = """
import json, sys
sys.modules["harken"] = None  # importing it fails
import torch, transformers
from safetensors.torch import load_file
{code}
try:
    import harken
except ImportError:
    given = load_file("inputs.safetensors")
    expected = given.pop("expected")
    with torch.no_grad():
        logits = model.eval()(**given).logits[0]
    print(json.dumps({"off": float((logits - expected).abs().max()), "words": len(tokenizer)}))
"""


@pytest.mark.slow
def test_the_lines_of_the_readme_open_it_without_harken(tmp_path: Path) -> None:
    both = open_both(NATIVE["qwen2_audio"], tmp_path / "base")
    both.model.add_lora(2)
    both.model.add_lora(2, group="projector")
    stir(both)
    out = tmp_path / "out"
    export_native(both.model, out)
    code = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    caught: dict[str, torch.Tensor] = {}

    class Caught(Exception):
        """Stands for the forward pass."""

    def official(**inputs: torch.Tensor) -> Any:
        caught.update(inputs)
        raise Caught

    prompt = both.prompt(both.clip(1.3))
    with pytest.raises(Caught):
        replace(both, official=official).theirs(prompt)
    given = {**caught, "expected": both.ours(prompt)}
    save_file({name: t.contiguous() for name, t in given.items()}, out / "inputs.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", ALONE.replace("{code}", code)],
        cwd=out, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["off"] < 5e-5 and told["words"] > 300
