from __future__ import annotations

import math

import pytest
import torch

from harken.train.losses import (
    advantages,
    answer_loss,
    dpo_loss,
    grpo_loss,
    ipo_loss,
    kl_k3,
    timed_loss,
)


def test_answer_loss_by_hand() -> None:
    # Two tokens with p = 1/2 and p = 1/4: (ln 2 + ln 4) / 2.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    loss = answer_loss(logits, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


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
    loss = grpo_loss(new, old, None, advantage, rows, clip=0.2)
    assert loss.item() == pytest.approx(0.2)
    # With the reference at the old values: k3 of ratio q is 1/q + ln q - 1.
    k3 = 1 / 1.5 + math.log(1.5) - 1
    loss = grpo_loss(new, old, old, advantage, rows, clip=0.2, kl=0.1)
    assert loss.item() == pytest.approx(0.2 + 0.1 * (k3 / 2 + k3) / 2, rel=1e-5)


def test_the_clip_stops_the_gradient_of_good_replies_only() -> None:
    new = torch.log(torch.tensor([0.3, 0.3])).requires_grad_()
    old = torch.log(torch.tensor([0.2, 0.2]))
    grpo_loss(new, old, None, torch.tensor([1.0, -1.0]), torch.tensor([0, 1])).backward()
    assert new.grad is not None
    # -(1/2) d(q A)/dnew = -(1/2)(q A) = 0.75 where it is not clipped.
    assert new.grad.tolist() == pytest.approx([0.0, 0.75])


def test_dpo_loss_by_hand() -> None:
    # h = 10 and beta = 0.1: -ln sigma(1) = 0.3133; no difference: ln 2; against it: 1.3133.
    losses = dpo_loss(torch.tensor([10.0, 0.0, -10.0]), 0.1)
    assert losses.tolist() == pytest.approx([0.313262, math.log(2), 1.313262], abs=1e-5)
    # A quarter of the labels may be wrong: 0.75 * 0.3133 + 0.25 * 1.3133.
    smooth = dpo_loss(torch.tensor([10.0]), 0.1, 0.25)
    assert smooth.item() == pytest.approx(0.75 * 0.313262 + 0.25 * 1.313262, abs=1e-5)


def test_the_gradient_of_dpo_is_the_weight_of_a_wrong_ranking() -> None:
    """dL/dh = -beta sigma(-beta h) (equation 7 of Rafailov et al.)."""
    h = torch.tensor([-3.0, 0.0, 5.0], requires_grad=True)
    dpo_loss(h, 0.5).sum().backward()
    assert h.grad is not None
    assert torch.allclose(h.grad, -0.5 * torch.sigmoid(-0.5 * h.detach()))
    # With smoothing s the minimum is where sigma(beta h) = 1 - s, and not at infinity.
    best = torch.tensor([math.log(0.8 / 0.2) / 0.5], requires_grad=True)
    dpo_loss(best, 0.5, 0.2).sum().backward()
    assert best.grad is not None and best.grad.item() == pytest.approx(0.0, abs=1e-6)


def test_ipo_loss_by_hand() -> None:
    # 1 / (2 beta) = 5: (0 - 5)^2, (5 - 5)^2, (7 - 5)^2.
    assert ipo_loss(torch.tensor([0.0, 5.0, 7.0]), 0.1).tolist() == pytest.approx([25, 0, 4])


def test_timed_loss_by_hand() -> None:
    # p = 1/2 and p = 1/4, the second a time: (ln 2 + 6 ln 4) / 2.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    ids, is_time = torch.tensor([0, 1]), torch.tensor([False, True])
    loss = timed_loss(logits, ids, is_time, 5.0)
    assert loss.item() == pytest.approx((math.log(2) + 6 * math.log(4)) / 2)
    none = torch.tensor([False, False])
    for weight, where in ((0.0, is_time), (5.0, none)):
        assert timed_loss(logits, ids, where, weight).item() == pytest.approx(
            answer_loss(logits, ids).item()
        )
    smooth = timed_loss(logits, ids, none, 5.0, 0.1)
    assert smooth.item() == pytest.approx(answer_loss(logits, ids, 0.1).item())
