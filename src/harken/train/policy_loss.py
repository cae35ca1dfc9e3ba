"""The loss of GRPO and its variants, with formulas and worked examples.

All log-probabilities are natural logs. Tokens are those of sampled replies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SCALES = ("std", "none")
NORMALISERS = ("reply", "token", "room")


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Which variant of the loss.

    Attributes:
        clip: e, largest distance of a token's ratio below 1 that increases the objective.
        clip_high: the same above 1 (DAPO's clip-higher); 0: as `clip`.
        kl: weight of the KL to the reference.
        normalise: how tokens are averaged. ``reply``: the mean of a reply's tokens, then of the
            replies (GRPO). ``token``: the mean of all tokens of the step, so that long replies
            count for more (DAPO, arXiv 2503.14476). ``room``: the sum of all tokens over replies
            times `room`, so that neither gains by its length (Dr. GRPO, arXiv 2503.20783).
        room: most tokens of a reply.
    """

    clip: float = 0.2
    clip_high: float = 0.0
    kl: float = 0.0
    normalise: str = "reply"
    room: int = 1


def advantages(rewards: Tensor, known: Tensor | None = None, scale: str = "std") -> Tensor:
    """Group-relative advantages (r - mean) / std; zeros where all rewards are equal.

    Shao et al. 2024 (arXiv 2402.03300), outcome supervision; std is that of the population, so
    rewards 1, 0, 0, 0 give mean 1/4, std sqrt(3)/4 and advantages sqrt(3), -1/sqrt(3) three times.
    With `scale` ``none`` they are r - mean (Dr. GRPO): 3/4, -1/4 three times.

    Args:
        rewards: (groups, replies).
        known: which of them count; the others are in no mean, and have advantage 0.
        scale: one of `SCALES`.
    """
    counts = torch.ones_like(rewards) if known is None else known.to(rewards.dtype)
    rewards = torch.where(counts > 0, rewards, torch.zeros_like(rewards))
    size = counts.sum(1, keepdim=True).clamp(min=1)
    centred = (rewards - rewards.sum(1, keepdim=True) / size) * counts
    std = ((centred**2).sum(1, keepdim=True) / size).sqrt()
    # Equal rewards that are no binary fraction differ from their mean by a rounding error.
    alike = std <= 1e-6 * rewards.abs().amax(1, keepdim=True).clamp(min=1e-6)
    scaled = centred / std.clamp(min=1e-12) if scale == "std" else centred
    return torch.where(alike, torch.zeros_like(centred), scaled)


def kl_k3(new: Tensor, reference: Tensor) -> Tensor:
    """Estimate of KL(new || reference) per token, never negative: exp(d) - d - 1, d = ref - new.

    Equal log-probabilities give 0; d = ln 2 gives 2 - ln 2 - 1 = 0.3069. Equation 4 of Shao et al.
    """
    difference = reference - new
    return difference.exp() - difference - 1.0


def grpo_loss(
    new: Tensor,
    old: Tensor,
    reference: Tensor | None,
    advantage: Tensor,
    rows: Tensor,
    how: PolicyLoss | None = None,
    weights: Tensor | None = None,
    kept: float | None = None,
) -> Tensor:
    r"""The negative of GRPO's objective (equation 3 of Shao et al. 2024, arXiv 2402.03300).

    Per token t of reply i, with the ratio q = exp(new - old):
    J = (1/G) sum_i (1/|o_i|) sum_t [min(q A_i, clip(q, 1 - e, 1 + e) A_i) - kl * k3(new, ref)].
    A reply of one token with q = 1.5, A = 1, e = 0.2 gives min(1.5, 1.2) = 1.2; with A = -1
    it gives min(-1.5, -1.2) = -1.5: the clip does not limit the penalty of bad replies.

    Args:
        new: log-probabilities (N,) of every token of every reply, with gradient.
        old: those of the model that sampled the replies.
        reference: those of the reference model; may be None without a KL.
        advantage: A, (replies,).
        rows: the reply of each token, (N,).
        how: the variant.
        weights: (N,) of the tokens in the part with the advantage, such as 0 for masked ones; they
            are in its denominator too. The KL is over all tokens.
        kept: mean of the weights over the tokens of the whole step, where this is a part of it:
            with ``token`` the mean of the parts by their tokens is then that of the whole.
    """
    how = how or PolicyLoss()
    ratio = (new - old).exp()
    own = advantage[rows]
    high = 1 + (how.clip_high or how.clip)
    token = torch.minimum(ratio * own, ratio.clamp(1 - how.clip, high) * own)
    loss = -_mean(token, rows, len(advantage), how, weights, kept)
    if how.kl and reference is not None:
        loss = loss + how.kl * _mean(kl_k3(new, reference), rows, len(advantage), how)
    return loss


def _mean(
    token: Tensor,
    rows: Tensor,
    replies: int,
    how: PolicyLoss,
    weights: Tensor | None = None,
    kept: float | None = None,
) -> Tensor:
    """The weighted mean of values of tokens (N,) as `how` has it."""
    weights = torch.ones_like(token) if weights is None else weights
    if how.normalise == "token":
        whole = weights.sum() if kept is None else weights.new_tensor(kept * len(token))
        return (token * weights).sum() / whole.clamp(min=1e-6)
    zeros = torch.zeros(replies, device=token.device, dtype=token.dtype)
    sums = zeros.index_add(0, rows, token * weights)
    if how.normalise == "room":
        return sums.sum() / (replies * how.room)
    return (sums / zeros.index_add(0, rows, weights).clamp(min=1)).mean()


def row_means(values: Tensor, rows: Tensor) -> Tensor:
    """The mean of the values (N,) of each row (N,), without a weight: (rows,)."""
    count = int(rows.max()) + 1
    zeros = torch.zeros(count, device=values.device, dtype=values.dtype)
    sums = zeros.index_add(0, rows, values)
    return sums / zeros.index_add(0, rows, torch.ones_like(values)).clamp(min=1)
