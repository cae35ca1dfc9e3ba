"""The losses, with formulas and worked examples.

All log-probabilities are natural logs. Means over tokens are over answer tokens only: the prompt,
audio placeholders and padding have no loss.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def answer_loss(logits: Tensor, ids: Tensor, smoothing: float = 0.0) -> Tensor:
    r"""Cross-entropy of the answer tokens.

    L = -(1/N) sum_n log softmax(z_n)[y_n]. Two tokens with p = 0.5 and 0.25 give
    (ln 2 + ln 4) / 2 = 1.0397. With smoothing s the target is 1 - s on y_n and s / V on all.

    Args:
        logits: z, (N, V).
        ids: y, (N,).
        smoothing: s.
    """
    return nn.functional.cross_entropy(logits.float(), ids, label_smoothing=smoothing)


def advantages(rewards: Tensor) -> Tensor:
    """Group-relative advantages (r - mean) / std; zeros where all rewards are equal.

    Shao et al. 2024 (arXiv 2402.03300), outcome supervision; std is that of the population, so
    rewards 1, 0, 0, 0 give mean 1/4, std sqrt(3)/4 and advantages sqrt(3), -1/sqrt(3) three times.

    Args:
        rewards: (groups, replies).
    """
    std = rewards.std(dim=1, keepdim=True, correction=0)
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return torch.where(std > 0, centred / std.clamp(min=1e-6), torch.zeros_like(centred))


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
    clip: float = 0.2,
    kl: float = 0.0,
) -> Tensor:
    r"""The negative of GRPO's objective (equation 3 of Shao et al. 2024, arXiv 2402.03300).

    Per token t of reply i, with the ratio q = exp(new - old):
    J = (1/G) sum_i (1/|o_i|) sum_t [min(q A_i, clip(q, 1 - e, 1 + e) A_i) - kl * k3(new, ref)].
    A reply of one token with q = 1.5, A = 1, e = 0.2 gives min(1.5, 1.2) = 1.2; with A = -1
    it gives min(-1.5, -1.2) = -1.5: the clip does not limit the penalty of bad replies.

    Args:
        new: log-probabilities (N,) of every token of every reply, with gradient.
        old: those of the model that sampled the replies.
        reference: those of the reference model; may be None if `kl` is 0.
        advantage: A, (replies,).
        rows: the reply of each token, (N,).
        clip: e.
        kl: weight of the KL to the reference.
    """
    ratio = (new - old).exp()
    own = advantage[rows]
    token = torch.minimum(ratio * own, ratio.clamp(1 - clip, 1 + clip) * own)
    if kl and reference is not None:
        token = token - kl * kl_k3(new, reference)
    zeros = torch.zeros_like(advantage)
    lengths = zeros.index_add(0, rows, torch.ones_like(token)).clamp(min=1)
    replies = zeros.index_add(0, rows, token) / lengths
    return -replies.mean()


def dpo_loss(difference: Tensor, beta: float, smoothing: float = 0.0) -> Tensor:
    r"""The loss of each pair of direct preference optimisation (Rafailov et al. 2023, 2305.18290).

    With h = log [pi(w)/ref(w)] - log [pi(l)/ref(l)] of the better answer w and the worse one l:
    L = -log sigma(beta h). At h = 0 it is ln 2 = 0.6931; with beta = 0.1, h = 10 gives
    -ln sigma(1) = 0.3133. With smoothing s the labels are taken to be exchanged in a share s of the
    pairs (conservative DPO): L = -(1 - s) log sigma(beta h) - s log sigma(-beta h).

    Args:
        difference: h, (pairs,), of log-probabilities summed over the tokens of an answer.
        beta: how strongly the model is held to the reference.
        smoothing: s, below 1/2.
    """
    scaled = beta * difference
    right = nn.functional.logsigmoid(scaled)
    return -(1 - smoothing) * right - smoothing * nn.functional.logsigmoid(-scaled)


def ipo_loss(difference: Tensor, beta: float) -> Tensor:
    r"""The loss of each pair of identity preference optimisation (Azar et al. 2023, 2310.12036).

    L = (h - 1 / (2 beta))^2: h is drawn to a number and not to infinity. With beta = 0.1, h = 0
    gives 25, and h = 5 gives 0.

    Args:
        difference: h as in `dpo_loss`, (pairs,), of log-probabilities averaged over the tokens of
            an answer, so that long answers do not weigh more.
        beta: the inverse of twice the margin aimed at.
    """
    return (difference - 1 / (2 * beta)).square()


def timed_loss(
    logits: Tensor, ids: Tensor, is_time: Tensor, weight: float, smoothing: float = 0.0
) -> Tensor:
    r"""Cross-entropy in which time tokens weigh more (TAC, arXiv 2602.15766).

    L = (1/N) [sum_n CE_n + weight * sum over time tokens of CE_n]: a time token weighs 1 + weight.
    Two tokens with p = 0.5 and 0.25, the second of them a time, give with weight 5
    (ln 2 + 6 ln 4) / 2 = 4.5055.

    Args:
        logits: (N, V).
        ids: (N,).
        is_time: (N,), True at time tokens.
        weight: lambda.
        smoothing: label smoothing, as in `answer_loss`.
    """
    each = nn.functional.cross_entropy(
        logits.float(), ids, reduction="none", label_smoothing=smoothing
    )
    return (each * (1 + weight * is_time.to(each.dtype))).mean()
