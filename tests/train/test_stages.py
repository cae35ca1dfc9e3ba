from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from short_training import short_training

from harken.ask.prompt import make_prompt
from harken.ask.score import score
from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.base import Sampling
from harken.runs import Run, read_run
from harken.train.align import AlignSettings, align
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.optimiser import rate
from harken.train.sft import SftSettings, sft
from harken.train.stages import STAGES
from made_items import contents
from paths import REPO
from tiny_audio import NAMES, mini, named


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted training."""
    folder = tmp_path_factory.mktemp("short_training")
    short_training(folder)
    return folder


def test_every_stage_has_the_same_interface() -> None:
    for name in STAGES:
        stage = STAGES.get(name)
        assert stage.name == name == stage.settings().name
        assert stage.about and callable(stage.run) and stage.takes([]) == []


def test_metrics_have_the_gradient_of_audio(finished: Path) -> None:
    records = read_run(finished / "run").records("metrics")
    by = {name: [r for r in records if r["stage"] == name] for name in STAGES}
    assert [len(by[name]) for name in ("text-warmup", "align", "sft", "grpo")] == [4, 4, 6, 6]
    assert [r["step"] for r in by["sft"]] == list(range(6))
    assert all(r["clips"] == 0 and r["audio_grad_norm"] == 0 for r in by["text-warmup"])
    assert all(r["clips"] > 0 and r["audio_grad_norm"] > 0 for r in by["align"] + by["sft"])
    assert all(r["answer_tokens"] > 0 for r in by["sft"])
    assert all({"reward", "groups_left_out"} <= set(r) for r in by["grpo"])


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    program = str(REPO / "tests" / "train" / "short_training.py")
    paths = [str(REPO / "src"), str(REPO / "tests")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    for after in (3, 16):  # lines printed by the process before it is killed
        with subprocess.Popen(
            [sys.executable, program, str(tmp_path)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(after):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "model" / "harken-model.json").exists()
    subprocess.run(
        [sys.executable, program, str(tmp_path)], env=environ, check=True, stdout=subprocess.DEVNULL
    )
    assert contents(tmp_path / "model") == contents(finished / "model")
    ours, theirs = contents(tmp_path / "run"), contents(finished / "run")
    assert ours == theirs and any("grpo" in name for name in ours)


def test_a_finished_training_is_loaded_and_not_repeated(finished: Path) -> None:
    before = contents(finished)
    learner = short_training(finished)
    assert contents(finished) == before
    assert learner.identity() in (finished / "model" / "harken-model.json").read_text()


def test_an_incomplete_checkpoint_is_ignored(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoint" / "text-warmup" / "step-000002"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"torn")
    short_training(tmp_path)
    assert contents(tmp_path / "model") == contents(finished / "model")


def test_sft_learns_from_audio(tmp_path: Path) -> None:
    """A very small model learns four sounds in seconds, and is at chance without audio."""
    learner = mini(3)
    items = [named(tmp_path, name, seed, 0.3) for name in NAMES for seed in range(6)]
    run = Run.open(tmp_path / "run", {})
    settings = SftSettings(
        steps=60, batch=16, lr=1e-2, modality_dropout=0.1, augment=False, threads=1
    )
    sft(learner, items, settings, run)
    losses = [record["loss"] for record in run.records("metrics")]
    assert sum(losses[-10:]) < 0.1 * sum(losses[:10])
    fresh = [named(tmp_path, name, seed, 0.3) for name in NAMES for seed in range(20, 23)]

    def right(items: list[Item]) -> int:
        found = learner.choice_logprobs([make_prompt(item, learner.style) for item in items])
        both = zip(found, items, strict=True)
        return sum(v is not None and v[item.gold] == max(v) for v, item in both)

    assert right(fresh) >= 10
    assert right([item.with_clips(()) for item in fresh]) <= 6


def test_grpo_raises_the_reward_of_a_bandit(tmp_path: Path) -> None:
    """One question, four answers, one of them with a reward."""
    learner = mini(1)
    item = Item(question="Which of these sounds do you hear?", answer="noise", choices=NAMES)
    run = Run.open(tmp_path / "run", {})
    sft(
        learner,
        [replace(item, answer=name) for name in NAMES],
        SftSettings(steps=40, batch=8, lr=6e-3, modality_dropout=0.0, threads=1),
        run,
    )
    settings = GrpoSettings(steps=60, items=4, group=8, max_tokens=4, lr=3e-3, threads=1, kl=0.01)
    grpo(learner, [item], settings, run)
    records = [r for r in run.records("metrics") if r["stage"] == "grpo"]
    first = sum(r["reward"] for r in records[:3]) / 3
    last = sum(r["reward"] for r in records[-3:]) / 3
    assert first < 0.6 and last > 0.9
    assert all(r["groups"] == 4 and 0 <= r["groups_left_out"] <= 4 for r in records)
    replies = learner.generate([make_prompt(item, learner.style)], Sampling(max_tokens=4))
    assert score(item, make_prompt(item, learner.style), replies[0]).outcome == "correct"


def test_groups_with_equal_rewards_are_left_out(tmp_path: Path) -> None:
    learner = mini()  # untrained: no reply is right
    before = learner.identity()
    item = Item(question="Which of these sounds do you hear?", answer="noise", choices=NAMES)
    run = Run.open(tmp_path / "run", {})
    settings = GrpoSettings(steps=2, items=2, group=2, max_tokens=2, threads=1, checkpoint_every=1)
    grpo(learner, [item], settings, run)
    assert [r["groups_left_out"] for r in run.records("metrics")] == [2, 2]
    assert [r["loss"] for r in run.records("metrics")] == [None, None]
    assert learner.identity() == before


def test_the_rate_rises_and_falls() -> None:
    settings = SftSettings(steps=100, warmup=0.1, lr=1.0)
    rates = [rate(settings, step, 1.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(rates[9])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[50] == pytest.approx(0.05 + 0.95 / 2)


def test_align_leaves_the_language_model_and_refuses_items_without_clips(tmp_path: Path) -> None:
    learner = mini()
    lm = {name: t.clone() for name, t in learner.state().items() if name.startswith("lm.")}
    item = named(tmp_path, "noise")
    run = Run.open(tmp_path / "run", {})
    settings = AlignSettings(steps=2, batch=2, threads=1)
    with pytest.raises(DataError, match="1 of 2 items have no clips"):
        align(learner, [item, item.with_clips(())], settings, run)
    align(learner, [item], settings, run)
    state = learner.state()
    assert all(bool((state[name] == t).all()) for name, t in lm.items())
    fresh = mini().state()
    assert any(bool((state[n] != t).any()) for n, t in fresh.items() if n.startswith("projector."))
    assert all(parameter.requires_grad for parameter in learner.net.parameters())


def test_groups_that_no_example_trains_are_refused(tmp_path: Path) -> None:
    item = named(tmp_path, "noise")
    run = Run.open(tmp_path / "run", {})
    frozen = SftSettings(steps=1, batch=1, groups=("projector",))
    with pytest.raises(ConfigError, match="no audio is in the examples"):
        sft(mini(), [item.with_clips(())], frozen, run)
    with pytest.raises(ConfigError, match="no audio is in the examples"):
        sft(mini(), [item], replace(frozen, clips_as_text=True), run)
    for none in (0, 0.0):  # which freezes lm, though it is among the groups
        with pytest.raises(ConfigError, match="only projector is trained, and no audio"):
            how = replace(frozen, groups=("projector", "lm"), lr_lm=none)
            sft(mini(), [item.with_clips(())], how, run)
    learner = mini()
    learner.net.projector = torch.nn.Identity()
    with pytest.raises(ConfigError, match="no weights of its own in projector"):
        sft(learner, [item], frozen, run)


def test_a_batch_without_audio_leaves_a_frozen_language_model_as_it_is(tmp_path: Path) -> None:
    learner = mini()
    before = learner.identity()
    item = named(tmp_path, "noise")
    items = [item.with_clips(())] * 199 + [item]  # which is not drawn in two steps
    run = Run.open(tmp_path / "run", {})
    sft(learner, items, SftSettings(steps=2, batch=1, groups=("projector",), threads=1), run)
    assert [r["clips"] for r in run.records("metrics")] == [0, 0]
    assert learner.identity() == before


def test_weights_that_are_not_finite_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = named(tmp_path, "noise")
    run = Run.open(tmp_path / "run", {})
    with pytest.raises(ConfigError, match="float16"):
        sft(mini().to(dtype="float16"), [item], SftSettings(steps=1, batch=1), run)

    def step(optimiser: torch.optim.Optimizer) -> None:
        optimiser.param_groups[0]["params"][0].data.fill_(float("nan"))

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(RunError, match="weights are not finite after step 0"):
        sft(mini(), [item], SftSettings(steps=1, batch=1, threads=1), run)
    assert not list((tmp_path / "run").rglob("model.safetensors"))


def test_settings_that_cannot_be_are_refused() -> None:
    for make in (
        lambda: SftSettings(batch=0),
        lambda: SftSettings(modality_dropout=1.5),
        lambda: GrpoSettings(group=1),
        lambda: GrpoSettings(temperature=0.0),
        lambda: GrpoSettings(reuse=3, checkpoint_every=10),
    ):
        with pytest.raises(ConfigError):
            make()
