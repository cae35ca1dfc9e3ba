from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harken.train.grpo_turn import ReplyBatch, micro_batches
from harken.train.objective import MicroBatch
from harken.train.policy_loss import PolicyLoss, advantages, grpo_loss, kl_k3, row_means


def test_advantages_by_hand() -> None:
    found = advantages(torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]))
    third = 1 / math.sqrt(3)
    assert found[0].tolist() == pytest.approx([math.sqrt(3), -third, -third, -third])
    assert found[1].tolist() == [0.0] * 4


def test_kl_by_hand() -> None:
    new = torch.log(torch.tensor([0.25, 0.5]))
    reference = torch.log(torch.tensor([0.5, 0.5]))
    assert kl_k3(new, reference).tolist() == pytest.approx([2 - math.log(2) - 1, 0.0])


def test_grpo_loss_by_hand() -> None:
    # Reply 0 has two tokens, reply 1 one; ratios 1.5, 1.0 | 1.5.
    old = torch.log(torch.tensor([0.2, 0.4, 0.2]))
    new = torch.log(torch.tensor([0.3, 0.4, 0.3]))
    rows = torch.tensor([0, 0, 1])
    advantage = torch.tensor([1.0, -1.0])
    # Reply 0: (min(1.5, 1.2) + 1) / 2 = 1.1; reply 1: min(-1.5, -1.2) = -1.5; mean -0.2.
    loss = grpo_loss(new, old, None, advantage, rows, PolicyLoss(clip=0.2))
    assert loss.item() == pytest.approx(0.2)
    # With the reference at the old values: k3 of ratio q is 1/q + ln q - 1.
    k3 = 1 / 1.5 + math.log(1.5) - 1
    loss = grpo_loss(new, old, old, advantage, rows, PolicyLoss(clip=0.2, kl=0.1))
    assert loss.item() == pytest.approx(0.2 + 0.1 * (k3 / 2 + k3) / 2, rel=1e-5)


def test_the_clip_stops_the_gradient_of_good_replies_only() -> None:
    new = torch.log(torch.tensor([0.3, 0.3])).requires_grad_()
    old = torch.log(torch.tensor([0.2, 0.2]))
    grpo_loss(new, old, None, torch.tensor([1.0, -1.0]), torch.tensor([0, 1])).backward()
    assert new.grad is not None
    # -(1/2) d(q A)/dnew = -(1/2)(q A) = 0.75 where it is not clipped.
    assert new.grad.tolist() == pytest.approx([0.0, 0.75])


def test_advantages_without_std_keep_the_size_of_the_difference() -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0]])
    found = advantages(rewards, scale="none")
    assert found[0].tolist() == pytest.approx([0.75, -0.25, -0.25, -0.25])
    assert found[1].tolist() == pytest.approx([0.075, -0.025, -0.025, -0.025])


@pytest.mark.parametrize("value", [0.1, 0.3, 1.7, -0.7, 1e-9, 1e9])
def test_equal_rewards_are_equal_whatever_their_value(value: float) -> None:
    """The mean of 0.1 six times is not 0.1 in floating point."""
    for size in (3, 6, 7, 8):
        assert not advantages(torch.full((1, size), value)).any()
        assert not advantages(torch.full((1, size), value), scale="none").any()


def test_a_reply_without_reward_is_in_no_mean() -> None:
    rewards = torch.tensor([[1.0, 0.0, 9.0, 0.0]])
    known = torch.tensor([[True, True, False, True]])
    found = advantages(rewards, known)
    expected = advantages(torch.tensor([[1.0, 0.0, 0.0]]))
    assert found[0, [0, 1, 3]].tolist() == pytest.approx(expected[0].tolist())
    assert found[0, 2] == 0
    nobody = advantages(rewards, torch.zeros_like(known))
    assert not nobody.any() and not nobody.isnan().any()


def test_means_over_tokens_by_hand() -> None:
    """Three tokens of reply 0 (A = 1) and one of reply 1 (A = -1), all at ratio 1."""
    old = torch.log(torch.tensor([0.2, 0.4, 0.2, 0.5]))
    rows, advantage = torch.tensor([0, 0, 0, 1]), torch.tensor([1.0, -1.0])
    for normalise, expected in (("reply", 0.0), ("token", -2 / 4), ("room", -2 / (2 * 5))):
        how = PolicyLoss(normalise=normalise, room=5)
        assert grpo_loss(old, old, None, advantage, rows, how).item() == pytest.approx(expected)


def test_masked_tokens_are_in_no_sum_and_keep_their_divergence() -> None:
    """Of reply 0 one of two tokens is left; the KL is over both."""
    new = torch.log(torch.tensor([0.25, 0.5, 0.5])).requires_grad_()
    reference = torch.log(torch.tensor([0.5, 0.5, 0.5]))
    rows, advantage = torch.tensor([0, 0, 1]), torch.tensor([1.0, -1.0])
    weights = torch.tensor([0.0, 1.0, 1.0])
    for normalise, policy in (("reply", [0, -0.5, 0.5]), ("token", [0, -0.5, 0.5])):
        new.grad = None
        how = PolicyLoss(normalise=normalise)
        grpo_loss(new, new.detach(), None, advantage, rows, how, weights).backward()
        assert new.grad is not None and new.grad.tolist() == pytest.approx(policy)
    k3 = 2 - math.log(2) - 1
    how = PolicyLoss(kl=1.0)
    nothing = torch.zeros(3)
    found = grpo_loss(new, new.detach(), reference, advantage, rows, how, nothing)
    assert found.item() == pytest.approx(k3 / 2 / 2)


def test_the_clip_above_one_may_be_another() -> None:
    new, old = torch.log(torch.tensor([0.3])), torch.log(torch.tensor([0.2]))
    rows = torch.tensor([0])
    for high, expected in ((0.0, 1.2), (0.28, 1.28), (1.0, 1.5)):
        how = PolicyLoss(clip=0.2, clip_high=high)
        loss = grpo_loss(new, old, None, torch.tensor([1.0]), rows, how)
        assert loss.item() == pytest.approx(-expected)


@pytest.mark.parametrize("normalise", ["reply", "token", "room"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_parts_of_a_step_have_the_gradient_of_the_whole(
    normalise: str, count: int, share: float
) -> None:
    """Masked tokens too, however unevenly they are spread over the parts."""
    draw = torch.Generator().manual_seed(3)
    examples: Any = [SimpleNamespace(answer_tokens=size) for size in (5, 1, 3, 2, 7)]
    new = torch.rand(18, generator=draw, dtype=torch.float64).requires_grad_()
    old, reference = (torch.rand(18, generator=draw, dtype=torch.float64) for _ in "ab")
    weights = (torch.arange(18) < 18 * share).double()
    batch = ReplyBatch(examples, torch.tensor([1.0, -2.0, 0.5, 1.0, -1.0]).double(), old,
                       reference, weights, float(weights.mean()))  # fmt: skip
    how = PolicyLoss(kl=0.3, normalise=normalise, room=8)

    def gradient(parts: list[MicroBatch]) -> torch.Tensor:
        new.grad, at = None, 0
        total = sum(micro.weight for micro in parts)
        for micro in parts:
            own = micro.batch
            sizes = torch.tensor([one.answer_tokens for one in own.examples])
            rows = torch.arange(len(sizes)).repeat_interleave(sizes)
            mine = new[at : at + len(rows)]
            at += len(rows)
            loss = grpo_loss(mine, own.old, own.reference, own.advantage, rows, how, own.weights,
                             own.kept)  # fmt: skip
            (loss * micro.weight / total).backward()
        assert new.grad is not None and at == 18
        return new.grad.clone()

    whole = gradient(micro_batches(batch, 1, normalise))
    assert torch.allclose(gradient(micro_batches(batch, count, normalise)), whole, atol=1e-9)
    if normalise == "token":  # the sum over kept tokens, over their number: and the KL over all
        plain = PolicyLoss(kl=0.3, normalise="token")
        rows = torch.arange(5).repeat_interleave(torch.tensor([5, 1, 3, 2, 7]))
        new.grad = None
        grpo_loss(new, old, reference, batch.advantage, rows, plain, weights).backward()
        assert new.grad is not None and torch.allclose(new.grad, whole, atol=1e-9)


def test_means_of_rows_by_hand() -> None:
    values, rows = torch.tensor([1.0, 3.0, 10.0, 5.0]), torch.tensor([0, 0, 1, 2])
    assert row_means(values, rows).tolist() == [2.0, 10.0, 5.0]
    assert row_means(values, torch.tensor([0, 1, 0, 1])).tolist() == [5.5, 4.0]
