"""The hearing gap: hand-checkable losses, swapped and silent audio, intervals, settings."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harken.ask.conditions.load import conditioned
from harken.ask.prompt import make_prompt, target
from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.train.hearing_gap import (
    Heard,
    HearingSettings,
    hear,
    measure,
    summary,
)
from tiny_audio import NAMES, alike, mini, named


def heard(losses: dict[int, list[float]], right: dict[int, bool] | None = None) -> Heard:
    return Heard({i: np.array(own) for i, own in losses.items()}, right or {}, 0, {})


def test_the_loss_of_an_item_is_that_of_a_pass_of_its_own(tmp_path: Path) -> None:
    learner = mini(2)
    items = [named(tmp_path, name, seed, 0.2 + 0.1 * seed) for name in NAMES for seed in range(2)]
    items += [replace(items[0], choices=(), question="Name the sound in the clip.")]
    found = hear(learner, items, "audio", batch=4)
    assert sorted(found.losses) == list(range(len(items))) and not found.left_out
    for i, item in enumerate(items):
        prompt = make_prompt(item, learner.style)
        with torch.no_grad():
            alone = float(learner.logprobs([prompt], [target(item, prompt)])[0])
        assert found.losses[i].sum() == pytest.approx(-alone, abs=1e-4)
    assert sorted(found.right) == list(range(len(items) - 1))  # the open-ended one has no choices
    other = hear(learner, items, "audio", batch=3)
    assert all(np.allclose(found.losses[i], other.losses[i], atol=1e-5) for i in found.losses)


@pytest.mark.parametrize("condition", ["swap", "silence"])
def test_conditions_are_those_of_evaluations(tmp_path: Path, condition: str) -> None:
    learner = mini(2)
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    found = hear(learner, items, condition, seed=5)
    for i, (_, changed) in enumerate(conditioned(items, condition, 5)):
        assert changed is not None and changed.clips != items[i].clips
        own = hear(learner, [changed], "audio").losses[0]
        assert np.allclose(found.losses[i], own, atol=1e-5)


def test_gaps_are_paired_and_weighted_by_token(tmp_path: Path) -> None:
    items = [named(tmp_path, name, seed, 0.2) for name in NAMES[:3] for seed in (0,)]
    ln2, ln4 = math.log(2), math.log(4)
    found = {
        "audio": heard({0: [ln2, 0.0], 1: [ln2], 2: [1.0]}, {0: True, 1: True, 2: False}),
        "swap": heard({0: [ln4, 0.0], 1: [ln4]}, {0: False, 1: True}),  # 2 had no donor
        "silence": heard({0: [ln2, 0.0], 1: [ln2], 2: [4.0]}, {0: True, 1: False, 2: False}),
    }
    record = summary(items, found)
    assert record["items"] == 3
    assert record["loss"]["audio"]["nats"] == pytest.approx((2 * ln2 + 1) / 4, abs=1e-6)
    assert record["loss"]["audio"]["tokens"] == 4
    swap, silence = record["gap"]["swap"], record["gap"]["silence"]
    assert swap["nats"] == pytest.approx(2 * ln2 / 3, abs=1e-6)
    assert (swap["items"], swap["tokens"]) == (2, 3)
    assert silence["nats"] == pytest.approx(3 / 4, abs=1e-6) and silence["items"] == 3
    assert record["accuracy"]["audio"]["right"] == 2 and record["accuracy"]["audio"]["items"] == 3
    assert record["gain"]["swap"]["difference"] == 0.5 and record["gain"]["swap"]["items"] == 2
    assert record["gain"]["silence"]["difference"] == pytest.approx(1 / 3, abs=1e-6)


def test_the_interval_resamples_recordings(tmp_path: Path) -> None:
    """Forty items of two values: wide where each value is one recording's, narrow where not."""
    item = named(tmp_path, "noise")
    values = {i: [float(i % 2)] for i in range(40)}
    found = {name: heard({i: [0.0] for i in values}) for name in ("audio", "silence")}
    found["swap"] = heard(values)
    by: dict[str, dict[str, Any]] = {}
    for name, size in (("apart", 1), ("tied", 10)):
        items = [replace(item, recordings=(f"r{i // size // 2}.{i % 2}",)) for i in range(40)]
        by[name] = summary(items, found)["gap"]["swap"]
    assert by["apart"]["nats"] == by["tied"]["nats"] == 0.5
    width = {name: own["high"] - own["low"] for name, own in by.items()}
    assert by["apart"]["low"] > 0.2 and width["tied"] > 1.5 * width["apart"]


def test_a_model_whose_audio_tokens_are_zero_has_no_gap(tmp_path: Path) -> None:
    learner = mini(2)
    learner.net.projector.register_forward_hook(lambda module, given, made: made * 0)
    items = [named(tmp_path, name, seed, 0.3) for name in NAMES for seed in range(2)]
    record = measure(learner, items, HearingSettings())
    assert record["gap"]["swap"]["nats"] == pytest.approx(0, abs=1e-5)
    assert record["gap"]["silence"]["nats"] == pytest.approx(0, abs=1e-5)
    assert record["loss"]["audio"]["nats"] > 0


def test_what_cannot_be_asked_is_told_and_not_counted(tmp_path: Path) -> None:
    learner = mini(2)
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES[:2]]
    broken = named(tmp_path, "noise", 9, 0.3)
    Path(broken.clips[0].path).unlink()
    lonely = alike(tmp_path, "noise", "clicks", 3)  # the only one of two clips
    textual = items[0].with_clips(())
    record = measure(learner, [*items, broken, lonely, textual], HearingSettings())
    assert record["items"] == 3
    assert sum(record["left_out"]["audio"].values()) == 1
    assert any("no other item has 2 clips" in why for why in record["left_out"]["swap"])
    assert record["gap"]["swap"]["items"] == 2 and record["gap"]["silence"]["items"] == 3
    nothing = measure(learner, [textual], HearingSettings())
    assert nothing["items"] == 0 and nothing["gap"]["swap"]["nats"] is None


def test_measuring_changes_nothing_of_a_training(tmp_path: Path) -> None:
    learner = mini(2, audio_encoder="conformer", dropout=0.1)
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    prompt = make_prompt(items[0], learner.style)

    def loss(measured: bool) -> Tensor:
        learner.net.train()
        torch.manual_seed(0)
        if measured:
            assert measure(learner, items, HearingSettings()) == measure(
                learner, items, HearingSettings()
            )
            assert learner.net.training
        return learner.logprobs([prompt], [target(items[0], prompt)]).detach()

    before = learner.identity()
    assert torch.equal(loss(False), loss(True)) and learner.identity() == before


def test_letters_and_tied_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = mini(2)
    learner.style = replace(learner.style, letters=True)
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    assert all(len(own) >= 2 for own in hear(learner, items, "audio").losses.values())

    def logprobs(self: ComposedModel, prompts: Any) -> list[Any]:
        even = (math.log(0.25),) * 4
        return [even, (0.0, -9.0, -9.0, -9.0), None, even]

    monkeypatch.setattr(ComposedModel, "choice_logprobs", logprobs)
    found = hear(learner, items, "audio")
    assert found.right == {0: False, 1: False, 3: False} and found.tied == 2
    assert found.left_out == {"no probabilities of the choices": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": 1},
        {"items": -1},
        {"share": 0.0},
        {"share": 1.0},
        {"batch": 0},
        {"min_gap": -0.1},
        {"min_gap": math.inf},
        {"patience": 0},
        {"grace": 1.0},
        {"grace": -0.1},
        {"seed": -1},
        {"min_gap": 0.1, "items": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        HearingSettings(**wrong)


def test_a_watch_that_could_never_stop_is_refused() -> None:
    watched = HearingSettings(min_gap=0.1, patience=3, grace=0.25)
    watched.require_watchable("sft", 100, 25)  # 25, 50, 75, 100
    for steps, every in ((100, 50), (100, 100), (2, 1)):
        with pytest.raises(ConfigError, match="patience is 3, but only"):
            watched.require_watchable("sft", steps, every)
    HearingSettings().require_watchable("sft", 1, 1)  # without min_gap nothing is watched


def test_a_model_that_has_learned_nothing_yet_is_not_counted() -> None:
    eager = HearingSettings(grace=0.0)
    assert not eager.counts(0, 10) and eager.counts(1, 10)
    assert [HearingSettings(grace=0.5).counts(step, 10) for step in (4, 5)] == [False, True]
