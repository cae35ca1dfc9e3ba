"""The contrastive loss by hand."""

from __future__ import annotations

import math

import pytest
import torch

from harken.models.contrastive.loss import contrastive_loss, same_caption

EYE = torch.eye(2)


def test_two_orthogonal_pairs_by_hand() -> None:
    # Own similarity s, the other 0: -log(e^s / (e^s + 1)) in both directions.
    loss = contrastive_loss(EYE, EYE, torch.tensor(2.0), same_caption(["a", "b"]))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_equal_captions_are_no_negatives() -> None:
    assert same_caption(["a", "b", "a"]).tolist() == [[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]]
    audio = torch.tensor([[1.0, 0], [1, 0]])
    loss = contrastive_loss(audio, audio, torch.tensor(50.0), same_caption(["a", "a"]))
    assert loss.item() == pytest.approx(math.log(2))  # the entropy of the target: no pull apart


def test_a_hard_negative_is_one_more_text_of_its_own_clip() -> None:
    target, scale = same_caption(["a", "b"]), torch.tensor(2.0)
    hard = torch.stack([EYE[:1], EYE[:1]])  # equal to the caption of the first clip
    plain = contrastive_loss(EYE, EYE, scale, target)
    loss = contrastive_loss(EYE, EYE, scale, target, hard)
    e = math.exp(2)
    rows = (math.log((e + 1 + e) / e) + math.log((1 + e + 1) / e)) / 2
    assert loss.item() == pytest.approx((rows + math.log(1 + math.exp(-2))) / 2)
    none = contrastive_loss(EYE, EYE, scale, target, hard, torch.zeros(2, 1, dtype=torch.bool))
    assert none.item() == pytest.approx(plain.item())


def test_where_a_negative_is_missing_the_gradient_is_finite() -> None:
    text = EYE.clone().requires_grad_()
    hard = torch.randn(2, 2, 2, requires_grad=True)
    real = torch.tensor([[True, False], [False, False]])
    loss = contrastive_loss(EYE, text, torch.tensor(2.0), same_caption(["a", "b"]), hard, real)
    loss.backward()
    assert hard.grad is not None and torch.isfinite(hard.grad).all()
    assert hard.grad[0, 0].any() and not hard.grad[0, 1].any() and not hard.grad[1].any()
