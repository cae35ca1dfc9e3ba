"""A saved model holds what was trained, and finds its pretrained parts again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from chat_parts import encoder_folder, lm_folder
from safetensors.torch import load_file

from harken.ask.prompt import make_prompt
from harken.errors import ModelError
from harken.models.bases import Base, weights_hash
from harken.models.composed.model import WEIGHTS_FILE, ComposedModel, compose_pretrained
from harken.models.pretrained import WEIGHTS, find_folder
from tiny_audio import named


def made(root: Path, **options: object) -> ComposedModel:
    encoder, lm = encoder_folder(root / "encoder"), lm_folder(root / "lm", rows=4)
    return compose_pretrained(f"{encoder}?own_length=true&layers=all", lm, pool=5, **options)


def names(folder: Path) -> set[str]:
    return {name.split(".")[0] for name in load_file(folder / WEIGHTS_FILE)}


def nudge(model: ComposedModel, part: str) -> None:
    """One step of training, as it were."""
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if part in name:
                parameter.add_(0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("trained", "saved"),
    [("projector.", {"projector"}), ("lora_", {"projector", "lm"}),
     ("audio_encoder.encoder.layers.1.fc1.bias", {"projector", "audio_encoder"}),
     ("lm.model.layers.0.mlp.up_proj", {"projector", "lm"})],
)  # fmt: skip
def test_what_was_trained_is_saved_and_comes_back(
    trained: str, saved: set[str], dtype: str, tmp_path: Path
) -> None:
    if trained == "lora_":
        pytest.importorskip("peft")
    model = made(tmp_path, lora="lm:2" if trained == "lora_" else "").to("", dtype)
    nudge(model, trained)
    model.save(tmp_path / "saved")
    assert names(tmp_path / "saved") == saved
    kept = load_file(tmp_path / "saved" / WEIGHTS_FILE)
    if not trained.startswith("projector"):
        assert all(trained in name for name in kept if not name.startswith("projector."))
    again = ComposedModel.load(tmp_path / "saved")
    assert again.identity() == model.identity()
    prompts = [make_prompt(named(tmp_path, "noise"), model.style)]
    assert again.choice_logprobs(prompts) == model.choice_logprobs(prompts)
    again.save(tmp_path / "twice")
    assert (tmp_path / "twice" / WEIGHTS_FILE).read_bytes() == (
        tmp_path / "saved" / WEIGHTS_FILE
    ).read_bytes()


def test_a_copy_of_the_bases_needs_none(tmp_path: Path) -> None:
    model = made(tmp_path, copy_bases=True)
    model.save(tmp_path / "saved")
    shutil.rmtree(tmp_path / "encoder")
    shutil.rmtree(tmp_path / "lm")
    assert ComposedModel.load(tmp_path / "saved").identity() == model.identity()
    assert names(tmp_path / "saved") == {"audio_encoder", "projector", "lm"}


def test_bases_that_moved_are_found_below_harken_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(tmp_path)
    model.save(tmp_path / "saved")
    (tmp_path / "shelf").mkdir()
    for part in ("encoder", "lm"):
        (tmp_path / part).rename(tmp_path / "shelf" / part)
    monkeypatch.delenv(WEIGHTS, raising=False)
    with pytest.raises(ModelError, match="there is no model") as error:
        ComposedModel.load(tmp_path / "saved")
    assert "HARKEN_WEIGHTS" in str(error.value)
    monkeypatch.setenv(WEIGHTS, str(tmp_path / "shelf"))
    assert ComposedModel.load(tmp_path / "saved").identity() == model.identity()


def test_another_base_of_that_name_is_refused(tmp_path: Path) -> None:
    model = made(tmp_path)
    model.save(tmp_path / "saved")
    path = tmp_path / "lm" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()  # another file, so that no cache of its hash is asked
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="other weights than the model was made of"):
        ComposedModel.load(tmp_path / "saved")


def test_parts_side_by_side_have_a_base_each(tmp_path: Path) -> None:
    first, second = encoder_folder(tmp_path / "first"), encoder_folder(tmp_path / "second")
    model = compose_pretrained(f"{first}?layers=1,2+{second}", lm_folder(tmp_path / "lm"))
    assert [base.prefix for base in model.bases] == [
        "audio_encoder.encoder.0.", "audio_encoder.encoder.1.", "lm."
    ]  # fmt: skip
    nudge(model, "audio_encoder.encoder.1.encoder.conv1")
    model.save(tmp_path / "saved")
    kept = [name for name in load_file(tmp_path / "saved" / WEIGHTS_FILE) if "encoder" in name]
    assert kept == ["audio_encoder.encoder.1.encoder.conv1.bias",
                    "audio_encoder.encoder.1.encoder.conv1.weight"]  # fmt: skip
    assert ComposedModel.load(tmp_path / "saved").identity() == model.identity()


def test_the_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    for name, data in (("a", b"x"), ("b", b"x"), ("c", b"y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name if name == 'b' else 'm'}.safetensors").write_bytes(data)
    hashes = {weights_hash(tmp_path / name) for name in "abc"}
    assert len(hashes) == 3
    (tmp_path / "a" / "config.json").write_text("{}")
    assert weights_hash(tmp_path / "a") in hashes


def test_a_name_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    (tmp_path / "smollm2-135m-instruct").mkdir()
    assert find_folder("HuggingFaceTB/SmolLM2-135M-Instruct").name == "smollm2-135m-instruct"
    assert find_folder(tmp_path) == tmp_path
    with pytest.raises(ModelError, match="looked for it in nowhere"):
        find_folder("nowhere")


def test_a_model_names_where_its_bases_are(tmp_path: Path) -> None:
    model = made(tmp_path)
    model.save(tmp_path / "saved")
    told = json.loads((tmp_path / "saved" / "harken-model.json").read_text())["bases"]
    assert [base["source"] for base in told] == [str(tmp_path / "encoder"), str(tmp_path / "lm")]


def test_a_short_name_is_a_path_where_harken_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers knows hub ids and paths only."""
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    for name in ("small", "Owner/small", str(tmp_path / "small")):
        (tmp_path / "small").mkdir(exist_ok=True)
        plain = Base.of("lm.", "lm:causal", name).plain_source()
        assert plain == (name if name == "Owner/small" else str(tmp_path / "small"))
