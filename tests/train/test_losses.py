from __future__ import annotations

import math

import pytest
import torch

from harken.train.losses import (
    answer_loss,
    dpo_loss,
    ipo_loss,
    timed_loss,
)


def test_answer_loss_by_hand() -> None:
    # Two tokens with p = 1/2 and p = 1/4: (ln 2 + ln 4) / 2.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    loss = answer_loss(logits, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


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
