"""The reference of a stage: the model at its start, by a switch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from short_training import fresh

from harken.ask.prompt import make_prompt
from harken.errors import ModelError
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.checkpoint import REFERENCE
from harken.train.grpo_settings import GrpoSettings
from harken.train.reference import open_reference
from tiny_audio import named


def stir(model: ComposedModel, part: str) -> None:
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if part in name and parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)


def adapted() -> ComposedModel:
    pytest.importorskip("peft")
    model = fresh()
    model.add_lora(2)
    stir(model, "lora_")  # adapters of an earlier stage: without them it is another model
    return model


@pytest.mark.parametrize("kind", ["plain", "adapted"])
def test_it_gives_the_log_probabilities_of_the_start(kind: str, tmp_path: Path) -> None:
    model = fresh() if kind == "plain" else adapted()
    item = named(tmp_path / "sounds", "noise")
    prompt = make_prompt(item, model.style)

    def ask() -> float:
        with torch.no_grad():
            return float(model.logprobs([prompt], [item.answer]))

    settings = GrpoSettings(groups=("projector", "lm"))
    start = ask()
    with Run.open(tmp_path / "run", {}) as run:
        reference = open_reference(model, settings, run)
        for _ in range(2):  # again after another step
            stir(model, "")
            now, identity = ask(), model.identity()
            assert now != start
            with reference.active() as same:
                assert same is model and not model.net.training
                assert ask() == start
            assert ask() == now and model.identity() == identity
        # After a kill the learner is built anew, and the start is read from the run.
        again = open_reference(model, settings, run)
        with again.active():
            assert ask() == start
        with pytest.raises(ZeroDivisionError), again.active():
            raise ZeroDivisionError
        assert ask() == now


def test_only_what_is_trained_is_kept(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model = adapted()
    with Run.open(tmp_path, {}) as run:
        open_reference(model, GrpoSettings(groups=("lm",)), run)
        kept = load_file(run.path("checkpoint") / "grpo" / REFERENCE)
        buffers = dict(model.net.named_buffers())
        assert kept and all("lora_" in name or name in buffers for name in kept)
        with pytest.raises(ModelError, match="other tensors"):
            open_reference(model, GrpoSettings(groups=("projector", "lm")), run)


def test_gradients_from_before_the_block_stay_right(tmp_path: Path) -> None:
    model = adapted()
    item = named(tmp_path / "sounds", "noise")
    prompt = make_prompt(item, model.style)

    def gradients(block: bool) -> list[torch.Tensor]:
        for parameter in model.parameters():
            parameter.grad = None
        loss = -model.logprobs([prompt], [item.answer]).sum()
        if block:
            with reference.active() as start, torch.no_grad():
                start.logprobs([prompt], [item.answer])
        loss.backward()
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    with Run.open(tmp_path / "run", {}) as run:
        reference = open_reference(model, GrpoSettings(groups=("projector", "lm")), run)
        stir(model, "")
        plain, with_block = gradients(False), gradients(True)
    assert plain and all(map(torch.equal, plain, with_block))
