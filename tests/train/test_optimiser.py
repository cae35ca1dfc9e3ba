"""Learning rates by module group, freezing, and the norms of the gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harken.config import settings_of
from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.models.engine.net import GROUPS
from harken.runs import Run
from harken.train.align import AlignSettings, align
from harken.train.optimiser import Optimiser, rate, rates
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named


def trained(folder: Path, **changes: Any) -> tuple[set[str], list[dict[str, Any]]]:
    """The groups whose weights change in two steps, and the metrics."""
    learner = mini(1)
    before = {name: p.detach().clone() for name, p in learner.net.named_parameters()}
    items = [named(folder, name, 0, 0.3) for name in NAMES]
    settings = SftSettings(**{"steps": 2, "batch": 4, "threads": 1, "warmup": 0.0, **changes})
    with Run.open(folder / f"run {len(list(folder.iterdir()))}", {}) as run:
        sft(learner, items, settings, run)
        metrics = run.records("metrics")
    after = dict(learner.net.named_parameters())
    moved = {n.split(".")[0] for n, p in before.items() if not torch.equal(p, after[n])}
    return moved, metrics


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lr": 0.01}, {"audio_encoder": 0.01, "projector": 0.01, "lm": 0.01}),
        ({"lr": 0.01, "lr_lm": 0.0}, {"audio_encoder": 0.01, "projector": 0.01}),
        ({"lr": 0.0, "lr_projector": 0.02}, {"projector": 0.02}),
        ({"lr": 0.01, "groups": ("lm",), "lr_projector": 0.02}, {"lm": 0.01}),
        ({"lr_lm": 0.0, "lr_audio_encoder": 1e-5}, {"audio_encoder": 1e-5, "projector": 1e-3}),
    ],
)
def test_a_group_has_its_own_rate_or_that_of_all(
    changes: dict[str, Any], expected: dict[str, float], tmp_path: Path
) -> None:
    assert rates(mini(), SftSettings(**changes)) == expected
    moved, metrics = trained(tmp_path, **changes)
    assert moved == {*expected}
    first = metrics[0]
    assert first["lr"] == max(expected.values())
    if len({*expected.values()}) > 1:
        assert {g: first[f"lr_{g}"] for g in expected} == expected
    norms = [first[f"grad_norm_{group}"] for group in expected]
    assert all(norm > 0 for norm in norms)
    assert sum(norm**2 for norm in norms) ** 0.5 == pytest.approx(first["grad_norm"], abs=1e-5)
    assert not [g for g in GROUPS if g not in expected and f"grad_norm_{g}" in first]


def test_default_rates_are_those_of_pretrained_parts() -> None:
    """A pretrained encoder is frozen, and LoRA has a higher rate than all weights."""
    learner = mini(audio_encoder="conformer")
    assert learner.fresh_encoder
    fresh = {"audio_encoder": 1e-3, "projector": 1e-3, "lm": 2e-5}
    assert rates(learner, SftSettings()) == fresh
    learner.config["fresh_encoder"] = False
    assert rates(learner, SftSettings()) == {"projector": 1e-3, "lm": 2e-5}
    pytest.importorskip("peft")
    learner.add_lora(2, 4)
    assert rates(learner, SftSettings()) == {"projector": 1e-3, "lm": 2e-4}
    learner.add_lora(2, 4, group="audio_encoder")
    assert rates(learner, SftSettings())["audio_encoder"] == 2e-4


def test_align_trains_an_encoder_with_fresh_weights_only(tmp_path: Path) -> None:
    def moved(learner: ComposedModel, **changes: Any) -> set[str]:
        before = {name: p.detach().clone() for name, p in learner.net.named_parameters()}
        settings = AlignSettings(steps=1, batch=2, threads=1, **changes)
        with Run.open(tmp_path / f"run {len(list(tmp_path.iterdir()))}", {}) as run:
            align(learner, [named(tmp_path, "noise")], settings, run)
        after = dict(learner.net.named_parameters())
        return {n.split(".")[0] for n, p in before.items() if not torch.equal(p, after[n])}

    assert moved(mini()) == {"audio_encoder", "projector"}
    assert moved(mini(), groups=("projector",)) == {"projector"}
    pretrained = mini()
    pretrained.config["fresh_encoder"] = False
    assert moved(pretrained) == {"projector"}
    with pytest.raises(ConfigError, match="batch is 0"):
        AlignSettings(batch=0)


def test_all_rates_zero_is_refused(tmp_path: Path) -> None:
    for changes in ({"lr": 0.0}, {"groups": ("lm",), "lr": 1.0, "lr_lm": 0.0}):
        with pytest.raises(ConfigError, match="freezes them"):
            trained(tmp_path, **changes)
    for name in ("lr", *(f"lr_{group}" for group in GROUPS)):
        for value in (-1e-5, float("nan"), 11.0, True):
            with pytest.raises(ConfigError, match=name):
                SftSettings(**{name: value})


def test_rates_are_settings_of_files_and_of_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("sft: {lr_lm: 0.5, lr: 1}")
    found = settings_of({"sft": SftSettings()}, file, ["sft.lr_projector=1e-4"])["sft"]
    assert (found.lr, found.lr_lm, found.lr_projector) == (1.0, 0.5, 1e-4)
    assert found.lr_audio_encoder is None
    assert settings_of({"sft": SftSettings(lr=1.0)}, None, ["sft.lr=null"])["sft"].lr is None
    for wrong in ("true", "fast", "[1]"):
        with pytest.raises(ConfigError, match="lr_lm"):
            settings_of({"sft": SftSettings()}, None, [f"sft.lr_lm={wrong}"])


def test_the_rates_of_all_groups_have_one_course() -> None:
    settings = SftSettings(
        steps=40, warmup=0.25, lr_lm=0.5, lr_projector=0.1, groups=("lm", "projector")
    )
    optimiser = Optimiser(mini(), settings)
    for step in (0, 5, 9, 10, 39):
        found = optimiser.set_rates(step)
        share = rate(settings, step, 1.0)
        assert found["lr_lm"] == pytest.approx(0.5 * share)
        assert found["lr_projector"] == pytest.approx(0.1 * share)


class Steady:
    """The gradient of every weight is 1: AdamW moves each by the learning rate in every step."""

    @staticmethod
    def moved(learner: ComposedModel, optimiser: Any, steps: int) -> float:
        """How far the weights near 1 have moved, as the net has them."""
        for step in range(steps):
            optimiser.clear()
            for weight in optimiser.weights:
                weight.parameter.grad = torch.ones_like(weight.parameter)
            optimiser.collect()
            optimiser.set_rates(step)
            optimiser.step()
        return 1 - float(optimiser.weights[0].parameter.detach().float().mean())


def ones(dtype: str) -> tuple[ComposedModel, Optimiser]:
    learner = mini().to(dtype=dtype)
    with torch.no_grad():
        for parameter in learner.net.parameters():
            parameter.fill_(1.0)
    settings = SftSettings(steps=10**6, lr=1e-5, warmup=0.0)
    return learner, Optimiser(learner, settings)


def test_small_updates_are_not_lost_in_bfloat16() -> None:
    """400 updates of 1e-5 are 0.004, one spacing of bfloat16 below 1; alone, each is lost."""
    learner, optimiser = ones("bfloat16")
    assert Steady.moved(learner, optimiser, 400) == pytest.approx(0.004, abs=0.002)
    assert all(p.dtype == torch.bfloat16 for p in learner.net.parameters())
    exact = 1 - float(optimiser.weights[0].held.mean())
    learner, optimiser = ones("float32")
    assert exact == pytest.approx(Steady.moved(learner, optimiser, 400), rel=1e-4)
    plain = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    adamw = torch.optim.AdamW([plain], lr=1e-5, weight_decay=0.0)
    for _ in range(400):
        plain.grad = torch.ones_like(plain)
        adamw.step()
    assert float(plain.detach().float().sum()) == 4.0  # what happens without a float32 copy


def test_small_gradients_of_micro_batches_are_added_up_in_float32() -> None:
    """256 + 1 is 256 in bfloat16."""
    _, optimiser = ones("bfloat16")
    weight = optimiser.weights[0]
    for value in (256.0, 1.0, 1.0):
        weight.parameter.grad = torch.full_like(weight.parameter, value)
        optimiser.collect()
    assert weight.held.grad is not None and float(weight.held.grad.max()) == 258.0
    optimiser.clear()
    assert weight.held.grad is None


def test_a_resumed_training_in_bfloat16_has_the_float32_weights(tmp_path: Path) -> None:
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]

    def train(folder: str, stop: int = 0) -> str:
        learner = mini(1).to(dtype="bfloat16")
        settings = SftSettings(steps=6, batch=2, lr=1e-3, threads=1, checkpoint_every=2)
        with Run.open(tmp_path / folder, {}) as run:
            if stop:
                plain, left = run.append, [stop]

                def append(*given: Any, **more: Any) -> None:
                    left[0] -= 1
                    if left[0] < 0:
                        raise KeyboardInterrupt
                    plain(*given, **more)

                run.append = append  # type: ignore[method-assign]
            sft(learner, items, settings, run)
        return learner.identity()

    whole = train("whole")
    for stop in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            train(f"cut {stop}", stop)
        assert train(f"cut {stop}") == whole
