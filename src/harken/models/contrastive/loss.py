"""The contrastive loss of audio and captions, with hard negative captions if there are any.

With unit vectors a_i and t_i of B pairs, a learned scale s = exp(log_scale), at most 100, and the
cross-entropy towards the pairs in both directions (InfoNCE: van den Oord et al. 2018, arXiv
1807.03748; CLAP: Wu et al. 2023, arXiv 2211.06687)::

    loss = (CE over texts of s a_i · t_j + CE over audio of s t_i · a_j) / 2

Captions that are equal in a batch are no negatives of each other: the target of a row is spread
evenly over all pairs with its caption. A hard negative caption of pair i (the same sounds in
another order: CompA, Ghosh et al. 2024, arXiv 2310.08753) is one more text for audio i alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

MOST_SCALE = 100.0
"""Bound of the scale, as in CLIP and CLAP."""


def same_caption(captions: Sequence[str]) -> Tensor:
    """Targets (B, B): each row spread evenly over the pairs with its caption."""
    equal = torch.tensor([[float(one == other) for other in captions] for one in captions])
    return equal / equal.sum(1, keepdim=True)


def contrastive_loss(
    audio: Tensor,
    text: Tensor,
    scale: Tensor,
    target: Tensor,
    hard: Tensor | None = None,
    real: Tensor | None = None,
) -> Tensor:
    """The loss of a batch, a scalar.

    Args:
        audio: (B, D), unit vectors.
        text: (B, D), unit vectors.
        scale: s, a scalar.
        target: (B, B), see `same_caption`.
        hard: (B, M, D), unit vectors of hard negative captions; None: there are none.
        real: bool (B, M), false where a row has fewer than M.
    """
    alike = scale * audio @ text.T
    rows = alike
    if hard is not None and hard.shape[1]:
        more = scale * torch.einsum("bd,bmd->bm", audio, hard)
        if real is not None:
            more = more.masked_fill(~real, float("-inf"))
        rows = torch.cat([alike, more], 1)
    to_text = -(target * rows.log_softmax(1)[:, : len(text)]).sum(1).mean()
    to_audio = -(target * alike.T.log_softmax(1)).sum(1).mean()
    return (to_text + to_audio) / 2
