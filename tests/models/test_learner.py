"""Training of every learner: {composed, native} x {fp32, bf16} x {sft, grpo}.

Each of these has failed before: hashing bfloat16 weights, GRPO's reference of a native model,
opening a native model with LoRA again, and rerunning a finished native training.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_audioflamingo3
import tiny_granite
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
from families import TINIES
from tiny import Tiny, write

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, ModelError, RunError
from harken.hashing import SEAL, sealed
from harken.item import Item
from harken.models.base import MODEL_FILE, Sampling
from harken.models.learner import Learner, cast, load_learner, tensor_bytes
from harken.models.load import load_model, needs_items
from harken.models.native.families import FAMILIES
from harken.models.native.saved import TRAINED_FILE
from harken.recipes.steps import run_stage, save_once
from harken.runs import read_run
from harken.train.grpo_settings import GrpoSettings
from harken.train.sft import SftSettings
from tiny_audio import NAMES, alike, mini, named

NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "granite_speech": tiny_granite.TINIES[0],
    "qwen2_5_omni": tiny_qwen_omni.TINIES[0],
}
"""Native classes: a plain one, another audio tower, one with an adapter of its own, and one with
positions of several axes."""

KINDS = ("composed", *NATIVE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """kind -> what `load_learner` opens."""
    root = tmp_path_factory.mktemp("learners")
    mini().save(root / "composed")
    found = {"composed": str(root / "composed")}
    for kind, tiny in NATIVE.items():
        write(tiny, root / kind, FAMILIES.get(tiny.kind).template)
        found[kind] = f"native:{root / kind}"
    return found


def items(folder: Path) -> list[Item]:
    """Questions about one clip and about two."""
    one = [named(folder, name, seed, 0.3) for name in NAMES for seed in range(2)]
    return [*one, alike(folder, "noise", "noise"), alike(folder, "noise", "low tone")]


def logprobs(learner: Learner, asked: list[Item]) -> list[tuple[float, ...] | None]:
    return learner.choice_logprobs([make_prompt(item, learner.style) for item in asked])


def settings(stage: str) -> Any:
    few = {"steps": 2, "lr": 1e-3, "checkpoint_every": 1, "threads": 1}
    if stage == "sft":
        return SftSettings(batch=3, **few)
    return GrpoSettings(items=2, group=3, max_tokens=3, temperature=2.0, **few)


@pytest.mark.parametrize("stage", ["sft", "grpo"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_trained_saved_opened_and_rerun(
    kind: str, dtype: str, stage: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = load_learner(folders[kind], dtype=dtype)
    assert {p.dtype for p in learner.parameters()} == {getattr(torch, dtype)}
    asked = items(tmp_path / "sounds")
    before = learner.identity()
    run_stage(stage, learner, asked, settings(stage), tmp_path / "run")
    records = read_run(tmp_path / "run" / stage).records("metrics")
    assert len(records) == 2
    if stage == "sft":
        assert learner.identity() != before
        assert all(record["loss"] > 0 and record["audio_grad_norm"] > 0 for record in records)
    save_once(learner, tmp_path / "model")
    # The opened model gives the results of the saved one, to the last bit.
    again = load_learner(str(tmp_path / "model"), dtype=dtype)
    assert again.identity() == learner.identity()
    assert logprobs(again, asked) == logprobs(learner, asked)
    # Run again, the finished training is loaded, and the same model is already saved.
    fresh = load_learner(folders[kind], dtype=dtype)
    run_stage(stage, fresh, asked, settings(stage), tmp_path / "run")
    assert fresh.identity() == learner.identity()
    save_once(fresh, tmp_path / "model")
    assert read_run(tmp_path / "run" / stage).count("metrics") == 2


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_lora_is_trained_saved_and_opened_again(
    kind: str, dtype: str, folders: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    learner = load_learner(folders[kind], dtype=dtype)
    learner.add_lora(rank=2, alpha=4)
    with pytest.raises(ModelError, match="already"):
        learner.add_lora()
    asked = items(tmp_path / "sounds")
    frozen = {n: t.clone() for n, t in learner.state().items() if n.startswith("lm.")}
    run_stage("sft", learner, asked, settings("sft"), tmp_path / "run")
    moved = {n for n, t in learner.state().items() if n in frozen and not torch.equal(t, frozen[n])}
    assert moved and all("lora_" in name for name in moved)
    learner.save(tmp_path / "model")
    again = load_learner(str(tmp_path / "model"), dtype=dtype)
    assert again.identity() == learner.identity()
    assert again.config["lora"] == {**learner.config["lora"]}
    assert logprobs(again, asked) == logprobs(learner, asked)
    plain = load_learner(folders[kind], dtype=dtype)
    assert logprobs(plain, asked) != logprobs(learner, asked)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_does_not_change_with_the_model(
    kind: str, folders: dict[str, str], tmp_path: Path
) -> None:
    """A reference shares no tensor with the trained model."""
    learner = load_learner(folders[kind])
    clone = learner.clone()
    asked = items(tmp_path / "sounds")
    assert logprobs(clone, asked) == logprobs(learner, asked)
    ours, theirs = learner.net.named_parameters(), dict(clone.net.named_parameters())
    assert all(tensor.data_ptr() != theirs[name].data_ptr() for name, tensor in ours)
    assert not clone.parameters()
    before = logprobs(clone, asked)
    with torch.no_grad():
        for parameter in learner.net.parameters():
            parameter.mul_(1.5)
    assert logprobs(clone, asked) == before
    assert logprobs(learner, asked) != before


def test_the_reference_of_grpo_is_the_model_at_the_start(
    folders: dict[str, str], tmp_path: Path
) -> None:
    """The KL to the reference is zero as long as the weights do not change."""
    learner = load_learner(folders["composed"])
    asked = [item.with_clips(()) for item in items(tmp_path / "sounds")]
    unchanged = GrpoSettings(
        steps=6, items=4, group=4, max_tokens=2, temperature=3.0, lr=1e-20, kl=0.1, threads=1
    )
    run_stage("grpo", learner, asked, unchanged, tmp_path / "still")
    still = [r["kl"] for r in read_run(tmp_path / "still" / "grpo").records("metrics") if "kl" in r]
    assert all(kl == pytest.approx(0.0, abs=1e-6) for kl in still)


def test_models_that_cannot_be_trained_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be trained"):
        load_learner("longest")


def test_what_a_learner_cannot_do_is_refused_before_the_first_step(
    folders: dict[str, str], tmp_path: Path
) -> None:
    learner = load_learner(folders["qwen2_audio"])
    asked = items(tmp_path / "sounds")
    for wrong, words in (({"augment": True}, "augment"), ({"turns": 2}, "one question")):
        with pytest.raises(ConfigError, match=words):
            run_stage("sft", learner, asked, SftSettings(steps=1, **wrong), tmp_path / words[:3])


def test_another_model_is_not_overwritten(folders: dict[str, str], tmp_path: Path) -> None:
    for kind in KINDS:
        learner = load_learner(folders[kind])
        save_once(learner, tmp_path / kind)
        with torch.no_grad():
            next(iter(learner.net.lm.parameters())).add_(1.0)
        with pytest.raises(RunError, match="another model"):
            save_once(learner, tmp_path / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_device_and_dtype_are_settings_of_the_name(kind: str, folders: dict[str, str]) -> None:
    learner: Any = load_model(f"{folders[kind]}?dtype=bfloat16&device=cpu")
    assert {p.dtype for p in learner.parameters()} == {torch.bfloat16}
    assert not needs_items(f"{folders[kind]}?dtype=bfloat16&device=cpu")
    with pytest.raises(ConfigError):
        load_model(f"{folders[kind]}?dtyp=bfloat16")
    with pytest.raises(ConfigError, match="int3"):
        load_learner(folders[kind], dtype="int3")
    for device in ("nowhere", "cuda:99", "meta"):
        with pytest.raises(ConfigError, match="device"):
            load_learner(folders[kind], device=device)


def test_buffers_that_are_not_saved_stay_exact_in_another_dtype(folders: dict[str, str]) -> None:
    """Rotary frequencies in bfloat16 would be other positions."""
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    net[0].register_buffer("frequencies", torch.tensor([0.1]), persistent=False)
    cast(net, torch.bfloat16)
    assert net[0].frequencies.dtype == torch.float32
    assert net[0].weight.dtype == net[0].running_mean.dtype == torch.bfloat16
    exact = dict(load_learner(folders["composed"]).net.lm.named_buffers())
    low = dict(load_learner(folders["composed"], dtype="bfloat16").net.lm.named_buffers())
    rotary = [name for name in exact if "inv_freq" in name]
    assert rotary and all(torch.equal(low[name], exact[name]) for name in rotary)


def test_the_bytes_of_a_tensor_do_not_depend_on_its_type_or_strides() -> None:
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert tensor_bytes(values) == values.numpy().tobytes()
    assert tensor_bytes(values.T) == values.T.contiguous().numpy().tobytes()
    assert tensor_bytes(values.bfloat16()) == b"\x80\x3f\x00\x40\x40\x40\x80\x40"
    assert tensor_bytes(torch.zeros(0)) == b"" and len(tensor_bytes(torch.tensor(1.0))) == 4


def test_replies_in_bfloat16_do_not_depend_on_the_batch(
    folders: dict[str, str], tmp_path: Path
) -> None:
    for kind in ("composed", "qwen2_audio"):
        learner = load_learner(folders[kind], dtype="bfloat16")
        prompts = [make_prompt(item, learner.style) for item in items(tmp_path / "sounds")[:3]]
        replies = learner.generate(prompts, Sampling(max_tokens=3))
        assert all(reply.stop != "failed" for reply in replies)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_has_the_identity_of_its_weights(kind: str, folders: dict[str, str]) -> None:
    learner = load_learner(folders[kind])
    assert learner.clone().identity() == learner.identity()
    with torch.no_grad():
        learner.parameters()[0].add_(1.0)
    assert learner.clone().identity() == learner.identity()


@pytest.mark.slow
@pytest.mark.parametrize("tiny", TINIES, ids=lambda tiny: tiny.kind)
def test_every_native_family_takes_lora_and_merges_it(tiny: Tiny, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    write(tiny, tmp_path / "own", FAMILIES.get(tiny.kind).template)
    learner = load_learner(f"native:{tmp_path / 'own'}")
    asked = items(tmp_path / "sounds")[:1]
    plain = logprobs(learner, asked)
    learner.add_lora(2, 4)
    adapters = learner.trainable(["lm"])
    assert adapters and all(p.numel() for p in adapters)
    torch.manual_seed(0)
    with torch.no_grad():
        for adapter in adapters:
            adapter.add_(torch.randn_like(adapter) * 0.3)
    trained = logprobs(learner, asked)
    assert trained != plain
    with learner.without_adapters():
        assert logprobs(learner, asked) == plain
    learner.save(tmp_path / "adapted")
    again = load_learner(str(tmp_path / "adapted"))
    assert again.identity() == learner.identity() and logprobs(again, asked) == trained
    with pytest.raises(ModelError, match="already"):
        learner.add_lora(2, 4)
    learner.merge_adapters()
    for merged, before in zip(logprobs(learner, asked), trained, strict=True):
        assert merged == pytest.approx(before, abs=1e-5)
    learner.save(tmp_path / "merged")
    again = load_learner(str(tmp_path / "merged"))
    assert logprobs(again, asked) == logprobs(learner, asked)


@pytest.mark.parametrize(
    "change",
    [
        {"identity": None},
        {"lora": {"rnk": 2}},
        {"lora": {"rank": 2, "alpha": 2, "targets": ["q_proj"]}},
        {"lora": {"lm": {"rank": 2, "alpha": 2, "targets": ["q_proj"]}}},
        {"bases": [{"source": "nowhere"}]},
        {"format": 99},
        "{",
        "[]",
        "weights",
    ],
    ids=str,
)
@pytest.mark.parametrize("query", ["", "?copy_bases=true"], ids=["named base", "whole"])
def test_a_damaged_native_model_is_an_error_of_the_model(
    query: str, change: Any, folders: dict[str, str], tmp_path: Path
) -> None:
    load_learner(f"{folders['qwen2_audio']}{query}").save(tmp_path)
    file = tmp_path / MODEL_FILE
    if change == "weights":
        weights = tmp_path / ("model.safetensors" if query else TRAINED_FILE)
        weights.write_bytes(weights.read_bytes()[: 1000 if query else 4])
    elif isinstance(change, str):
        file.write_text(change)
    else:
        content = {k: v for k, v in json.loads(file.read_text()).items() if k != SEAL} | change
        kept = {k: v for k, v in content.items() if v is not None or k == "lora"}
        file.write_text(json.dumps(sealed(kept)))
    with pytest.raises(ModelError) as caught:
        load_model(f"native:{tmp_path}")
    assert str(tmp_path) in caught.value.where
