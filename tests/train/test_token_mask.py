"""The tokens that depend on the audio, and what rewards may ask of the learner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import SampledReply
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train import token_mask
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.sft import SftSettings, sft
from harken.train.token_mask import audio_tokens, entropies
from harken.train.trained_model import LearnerView, with_reply
from tiny_audio import NAMES, mini, named

FEW: dict[str, Any] = {
    "steps": 3, "items": 2, "group": 4, "max_tokens": 4, "temperature": 2.0, "lr": 1e-3,
    "threads": 1, "rewards": "accuracy=1,length=1", "reward_settings": {"length": {"limit": 1}},
}  # fmt: skip


@pytest.fixture(scope="module")
def listens(tmp_path_factory: pytest.TempPathFactory) -> tuple[ComposedModel, list[Item]]:
    """A model that hears which of four sounds it is, and its items."""
    folder = tmp_path_factory.mktemp("sounds")
    items = [named(folder, name, seed, 0.3) for name in NAMES for seed in range(4)]
    learner = mini(1)
    few = {"threads": 1, "groups": ("audio_encoder", "projector", "lm")}
    settings = SftSettings(steps=60, batch=8, lr=6e-3, augment=False, **few)  # type: ignore[arg-type]
    sft(learner, items, settings, Run.open(folder / "run", {}))
    return learner, items


def test_entropies_by_hand(tmp_path: Path) -> None:
    learner = mini(1)
    prompt = learner.tokenize(make_prompt(named(tmp_path, NAMES[0], 0, 0.3), learner.style))
    replies = [with_reply(prompt, ids) for ids in ([5, 6, 7], [8])] * 9  # more than one chunk
    found = entropies(learner.engine, replies)
    logits = learner.engine.answer_logits(replies)[0]
    p = logits.softmax(-1)
    assert torch.allclose(found, -(p * p.log()).sum(-1), atol=1e-4) and len(found) == 4 * 9
    assert float(found.min()) > 0 and float(found.max()) <= math.log(logits.shape[1])


@pytest.mark.parametrize(("share", "kept"), [(0.5, 4), (0.25, 2), (0.01, 1), (0.99, 8)])
def test_the_share_with_the_largest_difference_is_kept(
    share: float, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without audio minus with it: 0.1, 1.5, -0.5 … nats."""
    learner = mini(1)
    prompt = learner.tokenize(make_prompt(Item("Which?", "a"), learner.style))
    replies = [with_reply(prompt, [5, 6, 7, 8]), with_reply(prompt, [9, 9, 9, 9])]
    difference = torch.tensor([0.1, 1.5, -0.5, 0.3, 0.0, 2.0, 0.2, 0.25])

    def entropies(engine: Any, asked: Any) -> torch.Tensor:
        return torch.full((8,), 3.0) if asked is replies else difference + 3.0

    monkeypatch.setattr(token_mask, "entropies", entropies)
    weights = audio_tokens(learner.engine, replies, [prompt, prompt], share)
    best = difference.argsort(descending=True)[:kept]
    assert weights.nonzero().flatten().tolist() == sorted(best.tolist())


def test_the_first_token_of_what_is_heard_depends_on_the_audio(
    listens: tuple[ComposedModel, list[Item]],
) -> None:
    """Not the end of the reply: once the name is said, it is certain with and without."""
    learner, items = listens
    end = learner.tokenizer.eos
    replies, bare = [], []
    for item in items:
        ids = [*learner.tokenizer.encode(item.answer), end]
        prompt = make_prompt(item, learner.style)
        replies.append(with_reply(learner.tokenize(prompt), ids))
        bare.append(
            learner.tokenize(make_prompt(item.with_clips(()), learner.style, order=prompt.order))
        )
    lengths = [one.answer for one in replies]
    weights = audio_tokens(learner.engine, replies, bare, len(replies) / sum(lengths))
    first = torch.tensor([k == 0 for n in lengths for k in range(n)])
    last = torch.tensor([k == n - 1 for n in lengths for k in range(n)])
    assert float(weights[first].mean()) > 0.7
    assert float(weights[last].mean()) < 0.2


def test_a_share_of_tokens_carries_the_advantage(tmp_path: Path) -> None:
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    for share in (1.0, 0.5):
        run = Run.open(tmp_path / f"run {share}", {})
        grpo(mini(1), items, GrpoSettings(**FEW, token_share=share), run)
        for record in run.records("metrics"):
            if record["loss"] is None:
                continue
            masked = record.get("tokens_masked", 0)
            kept = record["answer_tokens"] - masked
            assert kept == max(1, round(share * record["answer_tokens"]))


def test_rewards_see_the_probabilities_of_the_learner(
    listens: tuple[ComposedModel, list[Item]],
) -> None:
    learner, items = listens
    view = LearnerView(learner, items, 0)
    before = learner.identity()
    prompts = [make_prompt(item, learner.style) for item in items]
    right = [with_reply(learner.tokenize(prompt), learner.tokenizer.encode(item.answer))
             for prompt, item in zip(prompts, items, strict=True)]  # fmt: skip
    replies: Sequence[SampledReply] = [
        SampledReply(item, prompt, item.answer, ids=one.ids[one.start :])
        for item, prompt, one in zip(items, prompts, right, strict=True)
    ]
    own = view.reply_logprobs(prompts, replies)
    expected = learner.engine.logprobs(right).detach()
    for value, total, one in zip(own, expected, right, strict=True):
        assert value == pytest.approx(float(total) / one.answer, abs=1e-2)
    others = [make_prompt(item.with_clips(items[i - 4].clips), learner.style)
              for i, item in enumerate(items)]  # fmt: skip
    swapped = view.reply_logprobs(others, replies)
    assert sum(own) / len(own) > sum(swapped) / len(swapped) + 0.5
    assert learner.identity() == before


@pytest.mark.parametrize("name", ["heard", "swap-preference", "choice-permuted"])
def test_rewards_that_ask_the_learner_train_it(
    name: str, listens: tuple[ComposedModel, list[Item]], tmp_path: Path
) -> None:
    """A model that listens earns more than one that cannot hear."""
    learner, items = listens
    state = {key: tensor.clone() for key, tensor in learner.state().items()}
    plan = {**FEW, "items": 8, "temperature": 0.7, "lr": 1e-6, "signal_patience": 0}
    settings = GrpoSettings(**{**plan, "rewards": f"{name}=1", "reward_settings": {}})
    run = Run.open(tmp_path / "run", {})
    grpo(learner, items, settings, run)
    hears = [record["reward"] for record in run.records("metrics")]
    learner.load_state(state)
    deaf = mini(1)
    run = Run.open(tmp_path / "deaf", {})
    grpo(deaf, items, settings, run)
    guesses = [record["reward"] for record in run.records("metrics")]
    assert sum(hears) / 3 > 0.5 > 0.3 > sum(guesses) / 3
