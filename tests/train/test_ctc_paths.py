"""The formulas of CTC alignment, against sums over all paths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from harken.train.ctc_paths import (
    cosine_logits,
    ctc_loss,
    edits,
    frames_needed,
    greedy,
    peaks,
)


def test_cosine_logits_by_hand() -> None:
    tokens = torch.tensor([[3.0, 4.0], [-1.0, 0.0]])
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 2.0], [10.0, 0.0]])
    found = cosine_logits(tokens, embeddings, 0.1)
    assert found.tolist() == [pytest.approx([6.0, 8.0, 6.0]), pytest.approx([-10.0, 0.0, -10.0])]
    assert cosine_logits(tokens.bfloat16(), embeddings.bfloat16(), 0.1).dtype == torch.float32


def test_ctc_by_hand() -> None:
    logprobs = torch.log(torch.tensor([[[0.6, 0.4], [0.6, 0.4]]]))
    assert ctc_loss(logprobs, [2], [[1]]).item() == pytest.approx(-math.log(0.64))
    # Two rows: the sum over both, over their three text tokens; frames past a row's end are not
    # looked at.
    rows = torch.log(torch.tensor([[[0.5, 0.3, 0.2]] * 3, [[0.1, 0.6, 0.3]] * 3]))
    both = ctc_loss(rows, [2, 3], [[1], [1, 2]])
    one = -math.log(0.3 * 0.3 + 2 * 0.3 * 0.5)
    two = -math.log(0.6 * 0.3 * (0.6 + 0.3 + 3 * 0.1))
    assert both.item() == pytest.approx((one + two) / 3)


def random_case(seed: int) -> tuple[np.ndarray, list[int]]:
    """Log-probabilities (T, V) of up to 6 frames, and a target that fits."""
    rng = np.random.default_rng(seed)
    frames, classes = int(rng.integers(1, 7)), int(rng.integers(2, 5))
    logits = rng.normal(size=(frames, classes)) * 2
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    while True:
        length = int(rng.integers(1, frames + 1))
        target = rng.integers(1, classes, length).tolist()
        if frames_needed(target) <= frames:
            return logprobs, target


def paths(logprobs: np.ndarray, target: list[int]) -> dict[tuple[int, ...], float]:
    frames, classes = logprobs.shape
    return {
        path: float(sum(logprobs[t, c] for t, c in enumerate(path)))
        for path in itertools.product(range(classes), repeat=frames)
        if greedy(path) == target
    }


@pytest.mark.parametrize("seed", range(25))
def test_the_loss_is_the_sum_over_all_paths_and_the_peaks_are_on_the_best(seed: int) -> None:
    logprobs, target = random_case(seed)
    every = paths(logprobs, target)
    assert every  # `frames_needed` is enough
    total = -math.log(sum(math.exp(value) for value in every.values())) / len(target)
    found = ctc_loss(torch.tensor(logprobs)[None], [len(logprobs)], [target])
    assert found.item() == pytest.approx(total, rel=1e-4)
    best = max(every, key=lambda path: every[path])
    expected = []
    number, last = -1, 0
    where: dict[int, list[int]] = {}
    for t, c in enumerate(best):
        if c and c != last:
            number += 1
        if c:
            where.setdefault(number, []).append(t)
        last = c
    for number, label in enumerate(target):
        expected.append(max(where[number], key=lambda t: (logprobs[t, label], -t)))
    assert peaks(logprobs[None], [len(logprobs)], [target])[0].tolist() == expected


def test_one_frame_less_than_needed_has_no_path() -> None:
    for target in ([1], [1, 2], [1, 1], [2, 2, 2], [1, 2, 2, 1]):
        need = frames_needed(target)
        assert not paths(np.zeros((need - 1, 3)), target) and paths(np.zeros((need, 3)), target)


def test_rows_of_other_lengths_do_not_change_a_rows_peaks() -> None:
    cases = [random_case(seed) for seed in range(40, 48)]
    longest = max(len(logprobs) for logprobs, _ in cases)
    padded = np.full((len(cases), longest, 4), 5.0)  # what is past a row's end is absurd
    for row, (logprobs, _) in enumerate(cases):
        padded[row, : len(logprobs)] = -50.0
        padded[row, : len(logprobs), : logprobs.shape[1]] = logprobs
    together = peaks(padded, [len(one) for one, _ in cases], [target for _, target in cases])
    for (logprobs, target), found in zip(cases, together, strict=True):
        assert found.tolist() == peaks(logprobs[None], [len(logprobs)], [target])[0].tolist()


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1, 1], [1]),
        ([1, 0, 1], [1, 1]),
        ([0, 2, 2, 1, 0, 0, 1], [2, 1, 1]),
    ],
)
def test_greedy_by_hand(classes: list[int], text: list[int]) -> None:
    assert greedy(classes) == text


@pytest.mark.parametrize("seed", range(20))
def test_edits_are_the_least(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.integers(1, 4, rng.integers(0, 7)).tolist()
    predicted = rng.integers(1, 4, rng.integers(0, 7)).tolist()
    table = [[i + j for j in range(len(predicted) + 1)] for i in range(len(gold) + 1)]
    for i, j in itertools.product(range(len(gold)), range(len(predicted))):
        table[i + 1][j + 1] = min(
            table[i][j + 1] + 1, table[i + 1][j] + 1, table[i][j] + (gold[i] != predicted[j])
        )
    assert edits(gold, predicted) == table[-1][-1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_ctc_is_computed_on_the_cpu_with_a_gradient(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where torch's gradient is deterministic; the loss is back where the tokens are."""
    moved: list[tuple[int, ...]] = []
    plain = torch.Tensor.cpu
    monkeypatch.setattr(
        torch.Tensor, "cpu", lambda tensor: moved.append(tuple(tensor.shape)) or plain(tensor)
    )
    logits = torch.linspace(-1, 1, 12).reshape(1, 4, 3).to(dtype).requires_grad_()
    loss = ctc_loss(logits.log_softmax(-1), [4], [[1, 2]])
    loss.backward()
    assert moved == [(1, 4, 3)] and loss.device == logits.device
    assert logits.grad is not None and bool(logits.grad.isfinite().all()) and logits.grad.any()
