"""The loop of models that are no learners: resumed to the same bytes, and told faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harken.errors import ConfigError, RunError
from harken.runs import Run
from harken.train.module_loop import LATEST, WEIGHTS, ModuleSettings, rate_at, train_module

SETTINGS = ModuleSettings(name="fit", steps=10, lr=0.05, checkpoint_every=3, clip_norm=10.0)


class Stop(Exception):
    pass


class Fit(nn.Module):
    """A line through three points; batch norm stands for state that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.norm = nn.Linear(2, 1), nn.BatchNorm1d(2)
        with torch.no_grad():
            self.line.weight.fill_(0.5)
            self.line.bias.zero_()

    def loss(self, step: int) -> Tensor:
        noise = torch.randn(6, 2)  # of the step: the loop seeds torch
        found: Tensor = (self.line(self.norm(noise)) - 3 * noise[:, :1]).square().mean()
        return found


def trained(folder: Path, stop_at: int = -1, settings: ModuleSettings = SETTINGS) -> Fit:
    net = Fit()

    def loss_of(step: int) -> tuple[Tensor, dict[str, Any]]:
        if step == stop_at:
            raise Stop
        return net.loss(step), {"told": step}

    with Run.open(folder, {"fit": 1}) as run:
        train_module(net, settings, run, loss_of)
    return net


def test_a_training_that_is_stopped_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    for stop_at in (2, 5, 9):
        with pytest.raises(Stop):
            trained(tmp_path / f"{stop_at}", stop_at)
        again = trained(tmp_path / f"{stop_at}")
        for name, tensor in whole.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name]), (stop_at, name)
        for name in ("metrics.jsonl", f"checkpoint/fit/step-000010/{WEIGHTS}"):
            first, other = tmp_path / "whole" / name, tmp_path / f"{stop_at}" / name
            assert first.read_bytes() == other.read_bytes()


def test_the_loss_falls_and_every_step_is_recorded(tmp_path: Path) -> None:
    trained(tmp_path, settings=ModuleSettings(name="fit", steps=60, lr=0.1, clip_norm=10.0))
    with Run.open(tmp_path, {"fit": 1}) as run:
        records = run.records("metrics")
    assert [record["step"] for record in records] == [*range(60)] == [r["told"] for r in records]
    assert records[-1]["loss"] < 0.5 * records[0]["loss"]


def test_a_finished_training_is_opened_and_not_trained_on(tmp_path: Path) -> None:
    first = trained(tmp_path)
    again = trained(tmp_path, stop_at=0)
    assert torch.equal(first.line.weight, again.line.weight)


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    trained(tmp_path)
    path = tmp_path / "checkpoint" / "fit" / "step-000010" / WEIGHTS
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RunError, match="checkpoint is damaged"):
        trained(tmp_path)
    latest = path.parent.parent / LATEST
    latest.write_text(latest.read_text().replace("10", "11", 1))
    with pytest.raises(RunError, match="is damaged"):
        trained(tmp_path)


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    net = Fit()

    def loss_of(step: int) -> tuple[Tensor, dict[str, Any]]:
        return net.loss(step) * (float("nan") if step == 2 else 1.0), {}

    with (
        Run.open(tmp_path, {"fit": 1}) as run,
        pytest.raises(RunError, match="loss is not finite in step 2"),
    ):
        train_module(net, SETTINGS, run, loss_of)


def test_the_rate_rises_and_falls_to_a_twentieth() -> None:
    settings = ModuleSettings(steps=100, lr=1.0, warmup=0.1)
    assert rate_at(0, settings) == pytest.approx(0.1)
    assert rate_at(50, settings) == pytest.approx(0.05 + 0.95 / 2)
    assert 0.05 <= rate_at(99, settings) < 0.06


def test_settings_without_sense_are_all_named() -> None:
    with pytest.raises(ConfigError, match=r"steps is 0 .*lr is 0"):
        ModuleSettings(steps=0, lr=0)
