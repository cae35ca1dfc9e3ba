"""Items are checked before step 0, all bad ones named; settings; what is not finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from harken.ask.rewards.base import Reward
from harken.ask.rewards.load import REWARDS
from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.listed import items_listed
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.align import AlignSettings, align
from harken.train.check import SHOWN, check_items, used
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.objective import MicroBatch, Objective, Prepared
from harken.train.optimiser import require_finite
from harken.train.sft import SftSettings, sft
from harken.train.text_warmup import TextWarmupSettings, text_warmup
from harken.train.train_loop import train_loop
from made_items import make
from tiny_audio import NAMES, heard, mini, named

RATE = 16_000


def bad_items(folder: Path) -> dict[str, Item]:
    """File name -> an item that cannot be trained on."""
    folder.mkdir(parents=True, exist_ok=True)
    t = np.arange(RATE // 2) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 500 * t)
    sounds = {
        "zeros.wav": np.zeros(RATE // 2),
        "level.wav": np.full(RATE // 2, 0.2),
        "opposite.wav": np.stack([tone, -tone], 1),
        "sample.wav": np.array([0.3]),
        "changed.wav": tone,
    }
    for name, x in sounds.items():
        sf.write(folder / name, x, RATE)
    (folder / "text.wav").write_bytes(b"no sound at all")
    clips = {name: Clip(path=str(folder / name)) for name in (*sounds, "text.wav", "gone.wav")}
    clips["changed.wav"] = replace(clips["changed.wav"], sha256="0" * 64)
    sf.write(folder / "good.wav", tone, RATE)
    good = Clip(path=str(folder / "good.wav"), duration_s=0.5)
    scene = ScenePlan((Part(good), Part(replace(clips["zeros.wav"], duration_s=0.5), 0.5)), 1.0)
    clips["zeros.wav in a scene"] = Clip("plan", duration_s=1.0, plan=scene)
    clips["good.wav past its end"] = replace(good, start_s=0.4, duration_s=0.5)
    return {
        name: Item("Which sound?", NAMES[0], NAMES, (clip,), facts=heard(NAMES[0]))
        for name, clip in clips.items()
    }


@pytest.mark.parametrize("stage", ["sft", "align", "grpo"])
def test_every_bad_item_is_named_before_step_0(stage: str, tmp_path: Path) -> None:
    bad = bad_items(tmp_path / "bad")
    items = [named(tmp_path, name, seed) for name in NAMES for seed in range(2)]
    mixed = [*items[:3], *bad.values(), *items[3:]]
    learner = mini()
    with Run.open(tmp_path / "run", {"a": 1}) as run, pytest.raises(DataError) as caught:
        if stage == "sft":
            sft(learner, mixed, SftSettings(steps=20, threads=1), run)
        elif stage == "align":
            align(learner, mixed, AlignSettings(steps=20, threads=1), run)
        else:
            grpo(learner, mixed, GrpoSettings(steps=20, threads=1), run)
    text = str(caught.value)
    assert text.startswith(f"{len(bad)} of {len(mixed)} items cannot be trained on")
    for name, item in bad.items():
        (line,) = [line for line in text.splitlines() if line.strip().startswith(item.id)]
        assert name.split()[0] in line
    assert not any(item.id in text for item in items)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_an_item_too_long_for_the_model_is_named_before_step_0(tmp_path: Path) -> None:
    items = [named(tmp_path, name) for name in NAMES]
    long = replace(items[0], question="Which? " * 4000)
    with Run.open(tmp_path / "run", {"a": 1}) as run, pytest.raises(DataError, match=long.id):
        sft(mini(), [*items, long], SftSettings(steps=5, threads=1), run)


@pytest.mark.parametrize("turns", [2, 8])
def test_questions_that_are_too_long_together_are_named(turns: int, tmp_path: Path) -> None:
    one = named(tmp_path, NAMES[0])
    words = "and now? " * 60  # of 512 tokens, 360
    many = [replace(one, question=f"Is it {i}? {words}") for i in range(turns)]
    settings = SftSettings(steps=1, batch=1, turns=turns, threads=1)
    with Run.open(tmp_path / "run", {"a": 1}) as run, pytest.raises(DataError) as caught:
        sft(mini(), many, settings, run)
    assert all(item.id in str(caught.value) for item in many)
    with Run.open(tmp_path / "alone", {"a": 1}) as run:
        sft(mini(), many, replace(settings, turns=1), run)


def test_a_scene_is_tokenized_with_silence_of_its_length(tmp_path: Path) -> None:
    one = named(tmp_path, NAMES[0])
    parts = (Part(one.clips[0]), Part(one.clips[0], 1.2))
    scene = Clip("plan", duration_s=2.3, plan=ScenePlan(parts, 2.3))
    seen: list[tuple[Clip, ...]] = []
    check_items([[replace(one, clips=(scene,))]], "sft", lambda e: seen.append(e[0].clips))
    assert seen == [(silence(3.0),)]
    outside = replace(scene, plan=ScenePlan((*parts, Part(one.clips[0], 9.0)), 2.3))
    with pytest.raises(DataError, match="begins at 9 s"):
        check_items([[replace(one, clips=(outside,))]], "sft", lambda e: None)


def test_only_items_that_are_used_are_checked(tmp_path: Path) -> None:
    assert used(10, 4, 0, 3) == list(range(10))
    few = used(100, 4, 0, 2)
    assert len(few) == 8 and few == sorted(set(few))
    (bad, *_) = bad_items(tmp_path).values()
    seen: list[str] = []
    note = lambda example: seen.append(example[0].id)  # noqa: E731
    check_items([[bad]], "sft", note, audio=False)  # as text: not heard
    assert seen == [bad.id]


def test_clips_that_are_meant_to_be_silent_are_trained_on(tmp_path: Path) -> None:
    items = [named(tmp_path, name) for name in NAMES]
    mute = replace(items[0], clips=(silence(0.5),))
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        sft(mini(), [*items, mute], SftSettings(steps=2, batch=5, threads=1), run)


def test_labels_in_place_of_clips_need_no_sound(tmp_path: Path) -> None:
    items = list(bad_items(tmp_path / "bad").values())
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        text_warmup(mini(), items, TextWarmupSettings(steps=2, threads=1), run)


def test_items_without_clips_are_named(tmp_path: Path) -> None:
    items = [named(tmp_path, name) for name in NAMES]
    bare = items[0].with_clips(())
    with Run.open(tmp_path / "run", {"a": 1}) as run, pytest.raises(DataError, match=bare.id):
        align(mini(), [*items, bare], AlignSettings(steps=2, threads=1), run)


NAN, INF = math.nan, math.inf
WRONG = [
    *[(SftSettings, {name: value}) for name in ("lr", "decay") for value in (-1e-9, NAN, INF)],
    *[(SftSettings, {"lr": 1e38}), (SftSettings, {"steps": 0}), (SftSettings, {"steps": -5})],
    *[(SftSettings, {"warmup": value}) for value in (-0.1, 1.1, NAN)],
    *[(SftSettings, {"smoothing": value}) for value in (-0.1, 1.01, 1.5, NAN, INF)],
    *[(SftSettings, {"modality_dropout": value}) for value in (-0.1, 1.1, NAN)],
    *[(SftSettings, {"clip_norm": value}) for value in (0.0, -1.0, NAN, INF)],
    *[(SftSettings, {name: 0}) for name in ("batch", "turns", "checkpoint_every")],
    *[(SftSettings, {name: -1}) for name in ("threads", "seed", "batch")],
    *[(GrpoSettings, {"clip": value}) for value in (0.0, -0.2, NAN, INF)],
    *[(GrpoSettings, {"kl": value}) for value in (-0.1, NAN, INF)],
    *[(GrpoSettings, {"temperature": value}) for value in (0.0, -1.0, NAN, INF)],
    *[(GrpoSettings, {"group": 1}), (GrpoSettings, {"top_k": -1}), (GrpoSettings, {"items": 0})],
    *[(GrpoSettings, {"max_tokens": 0}), (GrpoSettings, {"reuse": 0})],
    *[(GrpoSettings, {"rewards": text}) for text in ("accuracy=nan", "accuracy=0", "")],
    *[
        (SftSettings, {"batch": True}),
        (SftSettings, {"groups": ()}),
        (SftSettings, {"name": "a b"}),
    ],
]


@pytest.mark.parametrize(("kind", "values"), WRONG)
def test_settings_that_make_no_sense_are_refused(kind: type, values: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**values)
    (name,) = values
    assert name in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_wrong_settings_are_told_with_what_is_accepted() -> None:
    with pytest.raises(ConfigError) as caught:
        SftSettings(lr=-1.0, smoothing=2.0, steps=0, batch=0, groups=("ear",))
    text = str(caught.value)
    assert text.count("accepted") == 5
    assert "smoothing is 2.0 (accepted: 0 or more, at most 1)" in text
    assert "audio_encoder" in text


class Poisoned:
    """A hook that spoils one step's gradient or loss."""

    def __init__(self, learner: ComposedModel, at: int, value: float) -> None:
        self.calls, self.at, self.value = 0, at, value
        weight = next(p for n, p in learner.net.named_parameters() if n.startswith("projector"))
        weight.register_hook(self)

    def __call__(self, gradient: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return gradient * self.value if self.calls == self.at else gradient


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_gradient_that_is_not_finite_stops_with_step_items_and_weight(
    value: float, tmp_path: Path
) -> None:
    learner = mini()
    items = [named(tmp_path, name) for name in NAMES]
    Poisoned(learner, 2, value)
    settings = SftSettings(steps=5, batch=4, threads=1)
    with Run.open(tmp_path / "run", {"a": 1}) as run, pytest.raises(RunError) as caught:
        sft(learner, items, settings, run)
    text = str(caught.value)
    assert "step 1" in text and "gradient" in text and "projector" in text
    assert all(item.id in text for item in items)
    assert all(bool(torch.isfinite(p).all()) for p in learner.net.parameters())


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_reward_that_is_not_finite_stops_with_its_item(
    value: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    items = [named(tmp_path, name) for name in NAMES]
    spoiled = items[2].id
    reward = Reward(
        "spoiled",
        "not a number for one item",
        lambda: lambda item, prompt, text: value if item.id == spoiled else 1.0,
    )
    REWARDS.add(reward)
    request.addfinalizer(lambda: REWARDS.forget("spoiled"))
    settings = GrpoSettings(
        steps=1, items=4, group=2, max_tokens=2, threads=1, rewards="accuracy=1,spoiled=1"
    )
    with Run.open(tmp_path / "run", {"a": 1}) as run, pytest.raises(RunError) as caught:
        grpo(mini(), items, settings, run)
    assert spoiled in str(caught.value) and items[0].id not in str(caught.value)


@pytest.mark.parametrize("count", [1, SHOWN, SHOWN + 1, SHOWN + 7])
def test_fifty_items_are_named_and_the_rest_counted(count: int) -> None:
    items = [replace(make(n), clips=()) for n in range(count)]

    def refuse(example: Sequence[Item]) -> None:
        raise DataError("too long")

    with pytest.raises(DataError) as caught:
        check_items([[item] for item in items], "sft", refuse, audio=False)
    text = str(caught.value)
    assert f"{count} of {count} items" in text
    assert [item.id in text for item in items] == [n < SHOWN for n in range(count)]
    assert (f"and {count - SHOWN} more" in text) is (count > SHOWN)
    assert " more" not in text or count > SHOWN


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_loss_that_is_not_finite_stops_before_it_changes_a_weight(
    value: float, tmp_path: Path
) -> None:
    learner = mini()
    before = {name: p.detach().clone() for name, p in learner.net.named_parameters()}

    def loss(micro: MicroBatch) -> tuple[torch.Tensor, dict[str, float]]:
        whole = torch.stack([p.sum() for p in learner.net.parameters() if p.requires_grad]).sum()
        return whole * 0.0 + value, {}

    objective = Objective(
        prepare=lambda step: Prepared([MicroBatch(None, 1)]),
        loss=loss,
        training=False,
        named=lambda step: ["x", "y"],
    )

    with (
        Run.open(tmp_path / "run", {"a": 1}) as run,
        pytest.raises(RunError, match=f"the loss is {value} in step 0 .items x, y"),
    ):
        train_loop(learner, SftSettings(steps=2, threads=1), run, objective)
    assert all(torch.equal(p, before[name]) for name, p in learner.net.named_parameters())


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("value", [NAN, INF])
def test_one_weight_that_is_not_finite_is_enough(place: int, value: float) -> None:
    weights = [torch.nn.Parameter(torch.ones(4)) for _ in range(3)]
    require_finite(weights, "sft", 3)
    weights[place].data[1] = value
    with pytest.raises(RunError, match="after step 3"):
        require_finite(weights, "sft", 3)


def test_weights_of_half_precision_are_not_trained(tmp_path: Path) -> None:
    learner = mini()
    learner.net.half()
    items = [named(tmp_path, name) for name in NAMES]
    with (
        Run.open(tmp_path / "run", {"a": 1}) as run,
        pytest.raises(ConfigError, match="float16"),
    ):
        sft(learner, items, SftSettings(steps=1, batch=2, threads=1), run)


@pytest.mark.parametrize(("count", "told"), [(16, ""), (17, " … 1 more"), (20, " … 4 more")])
def test_sixteen_items_of_a_step_are_named(count: int, told: str) -> None:
    ids = [f"i{n}" for n in range(count)]
    assert items_listed(ids) == f" (items {', '.join(ids[:16])}{told})"
    assert items_listed([]) == ""
