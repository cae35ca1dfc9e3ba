from __future__ import annotations

import math

import pytest
import torch

from harken.train.losses import answer_loss


def test_answer_loss_by_hand() -> None:
    # Two tokens with p = 1/2 and p = 1/4: (ln 2 + ln 4) / 2.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    loss = answer_loss(logits, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)
