"""Learner and sampler are compared, and the component in which they differ is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("aiohttp")
pytest.importorskip("peft")

from test_server import Served

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import TokenizedPrompt
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.parity import ParityCheck, _silent, compare, learned_logprobs
from harken.train.rollouts import AskedPrompt, LocalRollouts, Rollout
from harken.train.trained_model import with_reply
from tiny_audio import NAMES, alike, mini, named

FEW: dict[str, Any] = {
    "steps": 2, "items": 2, "group": 4, "max_tokens": 5, "temperature": 2.0, "lr": 0.05,
    "warmup": 0.0, "threads": 1, "kl": 0.0, "parity_every": 1, "parity_nats": 0.01,
    "rewards": "accuracy=1,length=1", "reward_settings": {"length": {"limit": 1}},
}  # fmt: skip


def items(folder: Path) -> list[Item]:
    return [*(named(folder, name, 0, 0.3) for name in NAMES), alike(folder, *NAMES[:2])]


def adapted(*groups: str, seed: int = 1, size: float = 0.4) -> ComposedModel:
    """A small model whose adapters in these groups do something."""
    learner = mini(seed)
    for group in groups:
        targets = () if group != "audio_encoder" else (".*",)
        learner.add_lora(rank=2, group=group, targets=targets)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in learner.net.named_parameters():
            if "lora_B" in name:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * size)
    return learner


@contextmanager
def serving(model: Any, **options: Any) -> Iterator[str]:
    one = Served(model, **options)
    try:
        yield one.url
    finally:
        one.close()


def settings(url: str, push: str, **changes: Any) -> GrpoSettings:
    return GrpoSettings(**{**FEW, **changes}, rollouts=f"openai:harken-mini@{url}", push=push)


def test_an_adapter_on_the_projector_that_was_not_pushed_is_caught(tmp_path: Path) -> None:
    """A server that takes the adapters of the language model only, as vLLM and SGLang do."""
    learner, server = adapted("lm", "projector"), adapted("lm", "projector")
    with torch.no_grad():
        for name, tensor in server.net.named_parameters():
            if name.startswith("projector") and "lora_B" in name:
                tensor.zero_()
    with serving(server) as url:
        plan = settings(url, "none")
        with pytest.raises(ModelError) as caught:
            run_stage("grpo", learner, items(tmp_path), plan, tmp_path / "run")
    told = caught.value.found
    assert "no adapters in projector" in told and "nats a token (allowed: 0.01)" in told
    assert read_run(tmp_path / "run" / "grpo").count("metrics") == 0  # before the first step


def test_weights_that_are_not_pushed_are_caught_after_the_first_step(tmp_path: Path) -> None:
    with serving(mini(1)) as url:
        plan = settings(url, "none", groups=("lm",), steps=3)
        with pytest.raises(ModelError, match="weights of lm from the start"):
            run_stage("grpo", mini(1), items(tmp_path), plan, tmp_path / "run")
    records = read_run(tmp_path / "run" / "grpo").records("metrics")
    assert records and records[0]["parity_nats"] < 1e-4


def test_another_base_model_is_caught(tmp_path: Path) -> None:
    wrong = pytest.raises(ModelError, match="another base model or other weights")
    with serving(mini(2)) as url, wrong:
        run_stage("grpo", mini(1), items(tmp_path), settings(url, "none"), tmp_path / "run")


def test_a_server_without_log_probabilities_cannot_be_compared(tmp_path: Path) -> None:
    learner, asked = mini(1), items(tmp_path)
    plan = GrpoSettings(**FEW)
    prompt = learner.tokenize(make_prompt(asked[0], learner.style))
    check = ParityCheck(learner, plan, {})
    with pytest.raises(ConfigError, match="parity_every=0"):
        check.check([prompt], [Rollout(asked[0].id, "x", (5,))])
    assert check.check([prompt], [Rollout(asked[0].id, "", (), left_out="timeout")]) == {}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_in_process_sampler_and_learner_agree(dtype: str, tmp_path: Path) -> None:
    """The pass with a cache and the one over the whole reply, on 64 replies before step 1."""
    learner = adapted("lm", "projector").to(dtype=dtype)
    plan = GrpoSettings(**{**FEW, "items": 4, "group": 16, "steps": 2, "parity_nats": 0.05})
    run = Run.open(tmp_path / "run", {})
    grpo(learner, items(tmp_path), plan, run)
    records = run.records("metrics")
    assert [record["parity_sequences"] for record in records] == [64, 64]
    assert all(record["parity_nats"] < (1e-5 if dtype == "float32" else 0.03) for record in records)


def test_parity_is_checked_as_often_as_is_said(tmp_path: Path) -> None:
    for every, reuse, steps in (
        (0, 1, []),
        (1, 1, [0, 1, 2, 3]),
        (3, 1, [0, 3]),
        (3, 2, [0, 1, 2, 3]),
    ):
        plan = GrpoSettings(**{**FEW, "steps": 4, "parity_every": every, "reuse": reuse,
                               "checkpoint_every": 2, "parity_sequences": 5})  # fmt: skip
        run = Run.open(tmp_path / f"run {every} {reuse}", {})
        grpo(mini(1), items(tmp_path), plan, run)
        found = [r["step"] for r in run.records("metrics") if "parity_nats" in r]
        assert found == steps, (every, reuse)
        assert all(r["parity_sequences"] == 5 for r in run.records("metrics") if "parity_nats" in r)


def sampled(
    sampler: ComposedModel, learner: ComposedModel, asked: list[Item]
) -> tuple[list[TokenizedPrompt], list[Rollout]]:
    """Replies drawn by one model, after the prompts of another."""
    source = LocalRollouts(sampler, Sampling(max_tokens=5, temperature=2.0))
    prompts = [make_prompt(item, sampler.style) for item in asked]
    mine = [
        AskedPrompt(item, prompt, sampler.tokenize(prompt))
        for item, prompt in zip(asked, prompts, strict=True)
    ]
    rollouts = source.sample(mine, 0, True)
    theirs = [learner.tokenize(prompt) for prompt in prompts]
    return [with_reply(p, one.ids) for p, one in zip(theirs, rollouts, strict=True)], rollouts


def without(*groups: str) -> Callable[[ComposedModel], None]:
    def change(sampler: ComposedModel) -> None:
        for name, tensor in sampler.net.named_parameters():
            if name.split(".")[0] in groups and "lora_B" in name:
                tensor.zero_()

    return change


def scaled(*groups: str) -> Callable[[ComposedModel], None]:
    def change(sampler: ComposedModel) -> None:
        for name, tensor in sampler.net.named_parameters():
            if name.split(".")[0] in groups and "lora_" not in name:
                tensor.mul_(0.7)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("projector"), "has no adapters in projector"),
        (without("lm"), "has no adapters in lm"),
        (without("lm", "projector"), "has no adapters in any component"),
        (scaled("projector"), "has the weights of projector from the start"),
        (scaled("lm"), "has the weights of lm from the start"),
        (scaled("audio_encoder"), "has the weights of audio_encoder from the start"),
    ],
)
def test_the_component_that_differs_is_named(
    change: Callable[[ComposedModel], None], says: str, tmp_path: Path
) -> None:
    """The sampler has something else there; the start of the stage was as the sampler is."""
    learner, sampler = adapted("lm", "projector"), adapted("lm", "projector")
    with torch.no_grad():
        change(sampler)
    names = dict(learner.net.named_parameters())
    start = {name: tensor.detach().clone() for name, tensor in sampler.net.named_parameters()}
    if "adapters" in says:
        start = {name: tensor.detach().clone() for name, tensor in names.items()}
    replies, rollouts = sampled(sampler, learner, items(tmp_path) * 3)
    check = ParityCheck(learner, GrpoSettings(**{**FEW, "parity_nats": 1e-3}), start)
    before = learner.identity()
    with pytest.raises(ModelError) as caught:
        check.check(replies, rollouts)
    assert f"Likely cause: the sampler {says}" in caught.value.found
    assert learner.identity() == before


def test_what_the_sampler_hears_is_named(tmp_path: Path) -> None:
    """Silence in place of the audio; other prompts by their number of tokens."""
    learner, asked = adapted("projector", size=3.0), items(tmp_path) * 3
    replies, rollouts = sampled(learner, learner, asked)
    check = ParityCheck(learner, GrpoSettings(**{**FEW, "parity_nats": 1e-3}), {})
    assert check.check(replies, rollouts)["parity_nats"] < 1e-5
    longer = [replace(one, prompt_tokens=one.prompt_tokens + 7) for one in rollouts]
    moved = [replace(one, logprobs=tuple(v - 0.1 for v in one.logprobs)) for one in longer]
    with pytest.raises(ModelError, match=r"other prompts.*chat template"):
        check.check(replies, moved)
    quiet = [
        replace(one, logprobs=tuple(values.tolist()))
        for one, values in zip(rollouts, learned_logprobs(learner, _silent(replies)), strict=True)
    ]
    with pytest.raises(ModelError, match="hears silence"):
        check.check(replies, quiet)


def test_the_difference_is_a_mean_over_tokens() -> None:
    """Three tokens, 0.1 + 0.3 + 0 apart; the end of a reply may have no value."""
    learned = [torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([-1.0, -9.0])]
    rollouts = [
        Rollout("a", "", (1, 2, 3), logprobs=(-1.1, -1.7)),
        Rollout("b", "", (1, 2), logprobs=(-1.0,)),
    ]
    found = compare(learned, rollouts)
    assert found.nats == pytest.approx(0.4 / 3) and found.tokens == 3 and found.sequences == 2
    assert found.worst == (pytest.approx(0.2), "a")
