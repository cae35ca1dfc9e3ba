"""The losses, with formulas and worked examples.

All log-probabilities are natural logs. Means over tokens are over answer tokens only: the prompt,
audio placeholders and padding have no loss.
"""

from __future__ import annotations

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


def distil_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    r"""KL(teacher || student) of the next token, mean over tokens, times T^2.

    L = T^2 (1/N) sum_n sum_v p_nv (ln p_nv - ln q_nv), with p = softmax(teacher / T) and q =
    softmax(student / T); T^2 keeps the size of the gradient (Hinton et al. 2015, arXiv 1503.02531).
    p = (3/4, 1/4) against q = (1/2, 1/2) gives 3/4 ln 3/2 + 1/4 ln 1/2 = 0.1308 at T = 1.

    Args:
        student: logits (N, V), with gradient.
        teacher: logits (N, V).
        temperature: T.
    """
    p = (teacher.float() / temperature).log_softmax(-1)
    q = (student.float() / temperature).log_softmax(-1)
    kl = nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    return kl.mean() * temperature**2


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

    L = (h - 1 / (2 beta))^2: the target of h is a finite number, so h does not grow without bound.
    With beta = 0.1, h = 0 gives 25, and h = 5 gives 0.

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
