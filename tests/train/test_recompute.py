"""Gradient checkpointing: equal gradients for composed and native models, and less kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
import torch
from tiny import write
from whole_batch import make_batch

from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_answers
from harken.train.batch import BatchSettings, grouped
from harken.train.losses import answer_loss
from harken.train.recompute import blocks, recomputed
from harken.train.step import set_modes
from tiny_audio import NAMES, alike, mini, named

NATIVE = {"qwen2_audio": tiny_qwen2_audio.TINY, "audioflamingo3": tiny_audioflamingo3.TINIES[0]}


def opened(kind: str, folder: Path) -> Learner:
    if kind not in NATIVE:
        return mini(1, audio_encoder=kind, dropout=0.2)
    write(NATIVE[kind], folder / kind, FAMILIES.get(NATIVE[kind].kind).template)
    return load_learner(f"native:{folder / kind}")


def gradients(learner: Learner, folder: Path, on: bool) -> tuple[dict[str, torch.Tensor], int]:
    """The gradient of one batch with dropout, and the bytes that were kept for it."""
    items = [*(named(folder, name, 0, 0.3) for name in NAMES), alike(folder, "noise", "noise")]
    batch = make_batch(learner, grouped(items, 1), BatchSettings(), 4, 0, 0)
    learner.net.zero_grad()
    kept = [0]

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[0] += tensor.nbytes
        return tensor

    torch.manual_seed(3)
    with (
        recomputed(learner.net, on) as count,
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        logits, ids, _ = learner.engine.answer_logits(batch.examples)
        held = kept[0]
        answer_loss(logits, ids).backward()
    assert (count > 0) is on
    named_grads = learner.net.named_parameters()
    return {name: p.grad.clone() for name, p in named_grads if p.grad is not None}, held


@pytest.mark.parametrize("groups", [("projector",), ("audio_encoder", "projector", "lm")])
@pytest.mark.parametrize("kind", ["conformer", "resnet", *NATIVE])
def test_gradients_are_equal(kind: str, groups: tuple[str, ...], tmp_path: Path) -> None:
    learner = opened(kind, tmp_path)
    learner.trainable(groups)
    set_modes(learner.net, True)
    plain, held = gradients(learner, tmp_path, False)
    again, less = gradients(learner, tmp_path, True)
    assert {*plain} == {*again} and plain
    for name, gradient in plain.items():
        assert torch.equal(again[name], gradient), name
    assert less < held
    after, _ = gradients(learner, tmp_path, False)  # nothing is left of it
    assert all(torch.equal(after[name], gradient) for name, gradient in plain.items())


def test_lists_that_are_not_blocks_are_looked_into() -> None:
    class Part(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(3)])

        def encode(self) -> None: ...

    parts = torch.nn.Module()
    parts.encoder = torch.nn.ModuleList([Part(), Part()])
    parts.norms = torch.nn.ModuleList([torch.nn.Dropout()])  # without weights
    parts.mixed = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.LayerNorm(2)])
    assert [type(block).__name__ for block in blocks(parts)] == ["Linear"] * 6


def test_training_with_the_setting_ends_with_the_same_weights(tmp_path: Path) -> None:
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]

    def identity(on: bool) -> str:
        learner = mini(1, audio_encoder="conformer", dropout=0.2)
        settings = TrainSettings(
            name="sft", steps=3, batch=2, lr=1e-3, threads=1, gradient_checkpointing=on
        )
        with Run.open(tmp_path / str(on), {}) as run:
            train_on_answers(learner, items, settings, run)
        return learner.identity()

    assert identity(True) == identity(False)
