"""A saved native model holds what was trained, and finds its class again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
from safetensors.torch import load_file
from tiny import write

from harken.ask.prompt import make_prompt
from harken.errors import ModelError
from harken.models.base import MODEL_FILE
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.models.native.saved import TRAINED_FILE
from harken.models.pretrained import WEIGHTS
from tiny_audio import named

NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "qwen2_5_omni": tiny_qwen_omni.TINIES[0],
}


def made(folder: Path, kind: str = "qwen2_audio") -> Path:
    """The folder of a class."""
    write(NATIVE[kind], folder, FAMILIES.get(kind).template)
    return folder


def stir(learner: Learner, part: str) -> None:
    """Some steps of training, as it were."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in learner.net.named_parameters():
            if part in name:
                parameter.add_((torch.randn_like(parameter) * 0.3).to(parameter))


def answers(learner: Learner, folder: Path) -> Any:
    return learner.choice_logprobs([make_prompt(named(folder, "noise"), learner.style)])


TRAINED = {
    "adapters": ("lora_", {"lm": 2, "audio_encoder": 2}),
    "projector": ("projector.", {}),
    "both": ("projector.", {"lm": 2}),
    "layer": ("lm.decoder.layers.0.self_attn.q_proj", {}),
    "nothing": ("no such tensor", {}),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", NATIVE)
@pytest.mark.parametrize("trained", TRAINED)
def test_what_was_trained_is_saved_and_comes_back(
    trained: str, kind: str, dtype: str, tmp_path: Path
) -> None:
    part, adapters = TRAINED[trained]
    if adapters:
        pytest.importorskip("peft")
    if kind == "qwen2_5_omni":  # its tower projects
        part = part.replace("projector.", "audio_encoder.encoder.proj")
    learner = load_learner(f"native:{made(tmp_path / 'base', kind)}", dtype=dtype)
    for group, rank in adapters.items():
        learner.add_lora(rank, group=group)
    stir(learner, part)
    learner.save(tmp_path / "saved")
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {TRAINED_FILE, MODEL_FILE}
    kept = load_file(tmp_path / "saved" / TRAINED_FILE)
    assert {n for n in kept if "lora_" not in n} == {
        n for n in learner.state() if part in n and "lora_" not in n
    }
    assert ("lora_" in "".join(kept)) == bool(adapters)
    again = load_learner(str(tmp_path / "saved"), dtype=dtype)
    assert again.identity() == learner.identity()
    assert answers(again, tmp_path) == answers(learner, tmp_path)
    again.save(tmp_path / "twice")
    for name in (TRAINED_FILE, MODEL_FILE):
        assert (tmp_path / "twice" / name).read_bytes() == (tmp_path / "saved" / name).read_bytes()


def test_with_all_weights_no_base_is_needed(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    base = made(tmp_path / "base")
    learner = load_learner(f"native:{base}?copy_bases=true&lora=lm:2")
    stir(learner, "lora_")
    learner.save(tmp_path / "whole")
    shutil.rmtree(base)
    again = load_learner(str(tmp_path / "whole"))
    assert again.identity() == learner.identity() and not again.bases
    assert answers(again, tmp_path) == answers(learner, tmp_path)
    # Saved without them again, in the same folder, nothing of the other kind is left.
    other = load_learner(f"native:{made(tmp_path / 'base')}")
    other.save(tmp_path / "whole" / "x")
    again.save(tmp_path / "whole" / "x")
    assert not (tmp_path / "whole" / "x" / TRAINED_FILE).exists()


def test_a_base_that_moved_is_told_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = load_learner(f"native:{made(tmp_path / 'base')}")
    stir(learner, "projector.")
    learner.save(tmp_path / "saved")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "base").rename(tmp_path / "shelf" / "base")
    monkeypatch.delenv(WEIGHTS, raising=False)
    with pytest.raises(ModelError, match="without its unchanged base") as caught:
        load_learner(str(tmp_path / "saved"))
    told = f"{caught.value} {caught.value.hint}"
    assert str(tmp_path / "base") in told and WEIGHTS in told and "--copy-bases" in told
    monkeypatch.setenv(WEIGHTS, str(tmp_path / "shelf"))
    assert load_learner(str(tmp_path / "saved")).identity() == learner.identity()


def test_a_hub_id_stays_the_name_of_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "qwen2-tiny")
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    learner = load_learner("native:Someone/Qwen2-Tiny")
    learner.save(tmp_path / "saved")
    (base,) = json.loads((tmp_path / "saved" / MODEL_FILE).read_text())["bases"]
    assert base["source"] == "Someone/Qwen2-Tiny" and len(base["sha256"]) == 64
    assert load_learner(str(tmp_path / "saved")).identity() == learner.identity()


@pytest.mark.parametrize("file", ["model.safetensors", "chat_template.jinja", "tokenizer.json"])
def test_another_base_of_that_name_is_refused(file: str, tmp_path: Path) -> None:
    base = made(tmp_path / "base")
    learner = load_learner(f"native:{base}")
    learner.save(tmp_path / "saved")
    (base / "notes.json").write_text("{}")  # says nothing of the model
    assert load_learner(str(tmp_path / "saved")).identity() == learner.identity()
    if (base / file).is_file():
        data = bytearray((base / file).read_bytes())
        data[-2] ^= 1
        (base / file).write_bytes(bytes(data) if file != "tokenizer.json" else bytes(data) + b" ")
    else:
        (base / file).write_text("{{ messages }}")
    with pytest.raises(ModelError) as caught:
        load_learner(str(tmp_path / "saved"))
    if file != "tokenizer.json":
        assert file in str(caught.value)


def test_in_another_dtype_it_is_what_was_saved(tmp_path: Path) -> None:
    """Trained in bfloat16 and opened in float32, the base has its bfloat16 values too."""
    base = made(tmp_path / "base")
    learner = load_learner(f"native:{base}", dtype="bfloat16")
    stir(learner, "projector.")
    learner.save(tmp_path / "named")
    learner.bases = ()
    learner.save(tmp_path / "whole")
    named_base, whole = (load_learner(str(tmp_path / name)) for name in ("named", "whole"))
    assert named_base.dtype == whole.dtype == torch.float32
    assert answers(named_base, tmp_path) == answers(whole, tmp_path)
    states = named_base.state(), whole.state()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_a_model_is_asked_as_it_was_trained(tmp_path: Path) -> None:
    base = made(tmp_path / "base")
    learner = load_learner(f"native:{base}?letters=false&instruction=Answer.")
    learner.save(tmp_path / "saved")
    again = load_learner(str(tmp_path / "saved"))
    assert again.style == learner.style and again.identity() == learner.identity()
    other = load_learner(f"{tmp_path / 'saved'}?letters=true")
    assert other.style.letters and other.style.instruction == "Answer."
    assert other.identity() != learner.identity()


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_file_of_what_was_trained_is_told(damage: str, tmp_path: Path) -> None:
    learner = load_learner(f"native:{made(tmp_path / 'base')}")
    stir(learner, "projector.")
    learner.save(tmp_path / "saved")
    file = tmp_path / "saved" / TRAINED_FILE
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-5] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ModelError, match=TRAINED_FILE):
        load_learner(str(tmp_path / "saved"))
