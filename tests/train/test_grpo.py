"""GRPO through its metrics: which replies are drawn, what they earn, and what holds them back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harken.item import Item
from harken.runs import Run
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named

OPEN = Item(question="Which of these sounds do you hear?", answer="noise")
"""Without choices there is no order to be drawn: the prompt is always the same."""
UNANSWERABLE = replace(OPEN, answer="a cathedral")
BASE: dict[str, Any] = {
    "steps": 6, "items": 1, "group": 8, "max_tokens": 4, "lr": 1e-20, "kl": 0.0, "threads": 1,
    "checkpoint_every": 2, "warmup": 0.0,
}  # fmt: skip

Rewarded = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Weights of a model that says each of the four names about equally often."""
    learner = mini(1)
    run = Run.open(tmp_path_factory.mktemp("run"), {})
    items = [replace(OPEN, answer=name) for name in NAMES]
    sft(learner, items, SftSettings(steps=40, batch=8, lr=6e-3, threads=1, augment=False), run)
    return {name: tensor.clone() for name, tensor in learner.state().items()}


@pytest.fixture
def rewarded(pretrained: dict[str, Any], tmp_path: Path) -> Rewarded:
    """The metrics of a GRPO stage of that model."""

    def run(asked: list[Item], **changes: Any) -> list[dict[str, Any]]:
        learner = mini(1)
        learner.load_state(pretrained)
        run = Run.open(tmp_path / f"run {len(list(tmp_path.iterdir()))}", {})
        grpo(learner, asked, GrpoSettings(**{**BASE, **changes}), run)
        return run.records("metrics")

    return run


def test_replies_are_drawn_anew_for_every_group(rewarded: Rewarded) -> None:
    """By a model that stays as it is: other rewards, about a quarter of all."""
    found = [record["reward"] for record in rewarded([OPEN], group=16)]
    assert len(set(found)) > 1 and 0.05 < sum(found) / len(found) < 0.6


def test_the_same_replies_are_used_as_often_as_is_said(rewarded: Rewarded) -> None:
    """Whatever the model has become in between."""
    records = rewarded([OPEN], reuse=3, checkpoint_every=3, lr=2e-2, group=16)
    for name in ("reward", "answer_tokens", "cut_off"):
        first, second = ([r[name] for r in records[at : at + 3]] for at in (0, 3))
        assert len(set(first)) == len(set(second)) == 1, name
    ratios = [record["clipped"] for record in records[:3]]
    assert ratios[0] == 0 < ratios[2]  # away from the model that drew them


def test_replies_are_worth_the_rewards_of_the_settings(rewarded: Rewarded) -> None:
    """The same replies, since the weights stay: three times the reward."""
    once = [record["reward"] for record in rewarded([OPEN])]
    found = [record["reward"] for record in rewarded([OPEN], rewards="accuracy=3")]
    assert any(once) and found == pytest.approx([3 * reward for reward in once], abs=1e-5)


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"temperature": 1e-4}])
def test_without_chance_all_replies_are_one(rewarded: Rewarded, narrow: dict[str, Any]) -> None:
    """And a group whose replies earn the same moves nothing."""
    assert all(r["groups_left_out"] == 1 for r in rewarded([OPEN], **narrow))
    assert any(r["groups_left_out"] == 0 for r in rewarded([OPEN]))


def test_each_reply_has_the_advantage_of_its_own_group(rewarded: Rewarded) -> None:
    """Beside a group that is left out, the others still move the weights."""
    records = rewarded([UNANSWERABLE, OPEN, UNANSWERABLE], items=3, steps=8)
    told = [r for r in records if r["groups_left_out"] == 2]
    assert len(told) >= 4 and all(r["grad_norm"] > 0.01 for r in told)


def test_the_divergence_is_from_the_model_at_the_start(rewarded: Rewarded) -> None:
    """k3 of the model with itself is 0, and grows as the weights move away."""
    stays = rewarded([OPEN], kl=1.0)
    moves = rewarded([OPEN], kl=1e-6, lr=2e-3)
    assert all(r["kl"] == pytest.approx(0, abs=1e-6) for r in stays if r["loss"] is not None)
    seen = [r["kl"] for r in moves if r["loss"] is not None]
    assert seen[0] == pytest.approx(0, abs=1e-6) and seen[-1] > 1e-3


@pytest.mark.parametrize("parts", [2, 3, 8])
@pytest.mark.parametrize("normalise", ["reply", "token"])
def test_metrics_are_means_over_what_the_loss_is(
    normalise: str, parts: int, rewarded: Rewarded
) -> None:
    """In parts as at once, with replies of different lengths; and the KL is the one in the loss."""
    how = {"kl": 0.5, "lr": 5e-3, "reuse": 2, "normalise": normalise, "max_tokens": 6}
    whole, divided = rewarded([OPEN], **how), rewarded([OPEN], accumulate=parts, **how)
    assert any(r["loss"] is not None and r["kl"] > 1e-5 for r in whole)
    for one, other in zip(whole, divided, strict=True):
        for name in ("loss", "kl", "clipped"):
            assert (one.get(name) is None) is (other.get(name) is None)
            if one.get(name) is not None:
                assert other[name] == pytest.approx(one[name], rel=1e-2, abs=2e-5), name


def test_the_loss_is_the_weighted_divergence_where_advantages_cancel(rewarded: Rewarded) -> None:
    """One token a reply, ratio 1: the advantages of a group sum to 0, kl times mean k3 is left."""
    for weight in (0.5, 2.0):
        records = rewarded([OPEN], kl=weight, lr=5e-3, max_tokens=1, group=16)
        seen = [r for r in records if r["loss"] is not None]
        assert seen[-1]["kl"] > 1e-4
        for record in seen:
            assert record["loss"] == pytest.approx(weight * record["kl"], abs=2e-5, rel=1e-3)


def test_what_is_gained_by_going_far_is_clipped(rewarded: Rewarded) -> None:
    """-J of the second step on the same replies: min(q A, A) is never above A, whose sum is 0."""
    far = {"reuse": 2, "lr": 1e-2, "max_tokens": 1, "group": 16}
    held = [r["loss"] for r in rewarded([OPEN], clip=1e-6, **far)[1::2] if r["loss"] is not None]
    free = [r["loss"] for r in rewarded([OPEN], clip=1e6, **far)[1::2] if r["loss"] is not None]
    assert held and min(held) > -1e-5
    assert free and min(free) < -1e-2


def test_replies_are_judged_without_dropout(tmp_path: Path) -> None:
    """The probability of a reply is the one it was drawn with, in training as well."""
    learner = mini(1, audio_encoder="conformer", dropout=0.5)
    items = [named(tmp_path / "sounds", name, 0, 0.3) for name in NAMES]
    run = Run.open(tmp_path / "run", {})
    sft(learner, items, SftSettings(steps=30, batch=8, lr=6e-3, threads=1, augment=False), run)
    settings = GrpoSettings(**{**BASE, "kl": 1.0, "reuse": 2, "items": 4})
    grpo(learner, items, settings, run)
    seen = [r for r in run.records("metrics") if r["stage"] == "grpo" and r["loss"] is not None]
    assert seen and all(r["kl"] == pytest.approx(0, abs=1e-6) for r in seen)
    assert not learner.net.training


def test_only_what_was_said_is_paid_for(rewarded: Rewarded) -> None:
    """One token a reply: as many tokens carry the loss as replies are in the groups kept."""
    for record in rewarded([OPEN], max_tokens=1, group=16):
        kept = record["groups"] - record["groups_left_out"]
        assert record["answer_tokens"] == 16 * kept
