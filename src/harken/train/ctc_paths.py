"""Alignment of audio tokens with text: CTC in the space of the language model's embeddings.

Audio token t is scored against the embedding of every text token in use, and of a blank:
z_tv = cos(a_t, e_v) / temperature. CTC (Graves et al. 2006) sums over all alignments of these.
Class 0 is the blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harken.models.engine.features import Array

Ints = npt.NDArray[np.int64]

BLANK = 0


def cosine_logits(tokens: Tensor, embeddings: Tensor, temperature: float) -> Tensor:
    """cos(a, e) / temperature in float32.

    Args:
        tokens: a, (..., D).
        embeddings: e, (V, D); the blank first.
        temperature: 0.1 gives logits from -10 to 10.
    """
    a = nn.functional.normalize(tokens.float(), dim=-1)
    e = nn.functional.normalize(embeddings.float(), dim=-1)
    return a @ e.T / temperature


def frames_needed(target: Sequence[int]) -> int:
    """The least audio tokens that CTC can align `target` with: repeats need a blank between."""
    return len(target) + sum(a == b for a, b in pairwise(target))


def ctc_loss(logprobs: Tensor, frames: Sequence[int], targets: Sequence[Sequence[int]]) -> Tensor:
    r"""-log p(target | audio) summed over a batch, over the number of its text tokens.

    p is the sum over all paths that give the target once repeats are merged and blanks removed.
    It is computed on the CPU: torch's gradient of it on CUDA depends on the order of additions.
    Two frames with p(blank) = 0.6 and p(x) = 0.4 give "x" by the paths x x, x -, - x:
    0.16 + 0.24 + 0.24 = 0.64, a loss of -ln 0.64 = 0.4463.

    Args:
        logprobs: natural logs, (B, T, V).
        frames: audio tokens of each row.
        targets: classes of each row, none of them the blank.
    """
    flat = torch.tensor([label for target in targets for label in target], dtype=torch.long)
    lengths = torch.tensor([len(target) for target in targets], dtype=torch.long)
    loss: Tensor = nn.functional.ctc_loss(
        logprobs.float().cpu().transpose(0, 1),
        flat,
        torch.tensor(list(frames), dtype=torch.long),
        lengths,
        blank=BLANK,
        reduction="sum",
    )
    return loss.to(logprobs.device) / int(lengths.sum())


def peaks(logprobs: Array, frames: Sequence[int], targets: Sequence[Sequence[int]]) -> list[Ints]:
    """For each text token, the audio token on the most probable path where it is most probable.

    Args:
        logprobs: (B, T, V).
        frames: audio tokens of each row.
        targets: classes of each row; each needs `frames_needed` audio tokens.
    """
    labels = _with_blanks(targets)
    emitted = np.take_along_axis(logprobs, labels[:, None, :].clip(0), axis=2)  # (B, T, S)
    emitted = np.where(labels[:, None, :] >= 0, emitted, -np.inf)
    states = _best_states(emitted, labels, frames, [len(target) for target in targets])
    found = []
    for row, target in enumerate(targets):
        count = frames[row]
        own = np.full(len(target), -1, np.int64)
        best = np.full(len(target), -np.inf)
        for t in range(count):
            state = int(states[row, t])
            if state % 2 and emitted[row, t, state] > best[state // 2]:
                own[state // 2], best[state // 2] = t, emitted[row, t, state]
        found.append(own)
    return found


def _with_blanks(targets: Sequence[Sequence[int]]) -> Ints:
    """(B, S): blank, label, blank, label, …, blank of each row; -1 past its end."""
    labels = np.full((len(targets), 2 * max(map(len, targets)) + 1), -1, np.int64)
    for row, target in enumerate(targets):
        labels[row, : 2 * len(target) + 1] = BLANK
        labels[row, 1 : 2 * len(target) : 2] = target
    return labels


def _best_states(
    emitted: Array, labels: Ints, frames: Sequence[int], lengths: Sequence[int]
) -> Ints:
    """The most probable path (B, T) through the states of `_with_blanks`, by Viterbi."""
    rows, steps, states = emitted.shape
    before = np.full((rows, states), -np.inf)
    before[:, :2] = emitted[:, 0, :2]
    back = np.zeros((rows, steps, states), np.int8)  # how many states the path came forward
    skips = np.zeros((rows, states), bool)
    skips[:, 2:] = (labels[:, 2:] != BLANK) & (labels[:, 2:] != labels[:, :-2])
    ends = np.array(frames)
    for t in range(1, steps):
        options = np.full((3, rows, states), -np.inf)
        options[0] = before
        options[1, :, 1:] = before[:, :-1]
        options[2, :, 2:] = np.where(skips[:, 2:], before[:, :-2], -np.inf)
        came = options.argmax(0)
        reached = np.take_along_axis(options, came[None], 0)[0] + emitted[:, t]
        inside = (t < ends)[:, None]
        before = np.where(inside, reached, before)
        back[:, t] = np.where(inside, came, 0)
    path = np.zeros((rows, steps), np.int64)
    last = 2 * np.array(lengths)
    each = np.arange(rows)
    state = np.where(before[each, last] > before[each, last - 1], last, last - 1)
    for t in range(steps - 1, -1, -1):
        path[:, t] = state
        state = state - back[each, t, state]
    return path


def greedy(classes: Sequence[int]) -> list[int]:
    """The most probable class of each audio token -> text: repeats merged, blanks removed."""
    found: list[int] = []
    last = BLANK
    for one in classes:
        if one not in (last, BLANK):
            found.append(one)
        last = one
    return found


def edits(gold: Sequence[int], predicted: Sequence[int]) -> int:
    """Substitutions, deletions and insertions from `gold` to `predicted`, the least possible."""
    row = np.arange(len(predicted) + 1)
    guess = np.array(predicted, np.int64)
    steps = np.arange(len(predicted) + 1)
    for i, want in enumerate(gold, 1):
        new = np.empty_like(row)
        new[0] = i
        new[1:] = np.minimum(row[1:] + 1, row[:-1] + (guess != want))
        row = np.minimum.accumulate(new - steps) + steps  # insertions, all at once
    return int(row[-1])
