"""Every rollout is written down once, and used again after a kill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from thread_processes import ThreadProcesses

from harken.ask.rewards.base import Reward, SampledReply
from harken.ask.rewards.load import REWARDS
from harken.ask.scorers.load import SCORERS
from harken.errors import ConfigError, NoSignal
from harken.item import Item
from harken.models.base import Reply
from harken.models.composed.model import ComposedModel
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train import parallel
from harken.train.grpo import grpo
from harken.train.grpo_settings import GrpoSettings
from harken.train.grpo_turn import GrpoTurns, ReplyBatch
from harken.train.parallel import Follower
from harken.train.rollouts import LocalRollouts, Rollout, RolloutLog
from harken.train.signal_watch import SignalWatch
from tiny_audio import NAMES, alike, mini, named

FEW: dict[str, Any] = {
    "steps": 4, "items": 2, "group": 3, "max_tokens": 3, "temperature": 2.0, "lr": 1e-3,
    "checkpoint_every": 2, "threads": 1, "kl": 0.0,
}  # fmt: skip


def items(folder: Path) -> list[Item]:
    return [*(named(folder, name, 0, 0.3) for name in NAMES), alike(folder, *NAMES[:2])]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rollouts.jsonl").read_text().splitlines()]


def test_every_reply_is_written_down_with_its_rewards(tmp_path: Path) -> None:
    learner, asked = mini(1), items(tmp_path)
    settings = GrpoSettings(**FEW, rewards="accuracy=1,length=2,format=0.5")
    run_stage("grpo", learner, asked, settings, tmp_path / "run")
    records = lines(tmp_path / "run" / "grpo")
    assert len(records) == 4 * 2 * 3
    assert [(r["turn"], r["number"]) for r in records] == [
        (turn, n) for turn in range(4) for _ in range(2) for n in range(3)
    ]
    by_id = {item.id: item for item in asked}
    ends = learner.tokenizer.ends
    for record in records:
        ids = record["ids"]
        assert record["cut_off"] == (ids[-1] not in ends) and 1 <= len(ids) <= 3
        body = ids[:-1] if ids[-1] in ends else ids
        assert learner.tokenizer.decode(body) == record["text"] and not record["left_out"]
        parts = record["parts"]
        assert set(parts) == {"accuracy", "length", "format"} and record["item"] in by_id
        total = parts["accuracy"] + 2 * parts["length"] + 0.5 * parts["format"]
        assert record["reward"] == pytest.approx(total)
    metrics = read_run(tmp_path / "run" / "grpo").records("metrics")
    for turn, record in enumerate(metrics):
        own = [r for r in records if r["turn"] == turn]
        assert record["reward"] == pytest.approx(sum(r["reward"] for r in own) / 6, abs=1e-5)
        assert record["cut_off"] == sum(r["cut_off"] for r in own)
        formats = [r["parts"]["format"] for r in own]
        assert record["reward_format"] == pytest.approx(sum(formats) / 6, abs=1e-5)


class Stop(Exception):
    pass


@pytest.mark.parametrize("lost", [0, 1, 4, 6, 7])
def test_written_rollouts_are_used_and_never_sampled_twice(
    lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the last step, with so many of the last lines missing (a turn has six)."""
    asked, settings = items(tmp_path), GrpoSettings(**FEW)
    expected = mini(1)
    run_stage("grpo", expected, asked, settings, tmp_path / "whole")
    with monkeypatch.context() as patch:
        plain = Run.append

        def append(run: Run, name: str, records: Any, **more: Any) -> None:
            records = list(records)
            if name == "metrics" and records[0]["step"] == 3:
                raise Stop
            plain(run, name, records, **more)

        patch.setattr(Run, "append", append)
        with pytest.raises(Stop):
            run_stage("grpo", mini(1), asked, settings, tmp_path / "cut")
    file = tmp_path / "cut" / "grpo" / "rollouts.jsonl"
    written = file.read_text().splitlines(keepends=True)
    assert len(written) == 4 * 6
    file.write_text("".join(written[: len(written) - lost]) + (written[-1][:9] if lost else ""))
    turns: list[int] = []
    sample = LocalRollouts.sample

    def counted(self: Any, asked: Any, turn: int, logprobs: bool) -> list[Rollout]:
        turns.append(turn)
        return sample(self, asked, turn, logprobs)

    monkeypatch.setattr(LocalRollouts, "sample", counted)
    learner = mini(1)
    run_stage("grpo", learner, asked, settings, tmp_path / "cut")
    assert turns == {0: [], 1: [3], 4: [3], 6: [3], 7: [2, 3]}[lost]  # the checkpoint is of step 2
    assert learner.identity() == expected.identity()
    assert lines(tmp_path / "cut" / "grpo") == lines(tmp_path / "whole" / "grpo")
    metrics = [read_run(tmp_path / name / "grpo").records("metrics") for name in ("cut", "whole")]
    assert metrics[0] == metrics[1]


def test_rollouts_of_other_items_are_not_used(tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", {})
    log = RolloutLog(run, "grpo", 0)
    log.write(0, 2, [Rollout("a", "x", (1,)), Rollout("b", "y", (2,))])
    log.write(1, 2, [Rollout("c", "x", (1,)), Rollout("d", "y", (2,))])
    run.append("rollouts", [])
    asked: Any = [type("One", (), {"item": type("I", (), {"id": name})}) for name in "az"]
    assert RolloutLog(run, "grpo", 0).find(0, asked) is None
    assert run.count("rollouts") == 0


@pytest.mark.parametrize("reason", ["alike", "cut off"])
def test_a_stage_without_signal_ends_after_its_patience(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted over a kill as well: the checkpoint is of step 4, the patience is 5."""
    asked = [replace(item, choices=(), answer="a cathedral") for item in items(tmp_path)]
    changes: dict[str, Any] = {"signal_patience": 5, "steps": 20}
    sample = LocalRollouts.sample

    def ended(self: Any, asked: Any, turn: int, logprobs: bool) -> list[Rollout]:
        found = sample(self, asked, turn, logprobs)
        return [replace(one, cut_off=reason == "cut off") for one in found]

    monkeypatch.setattr(LocalRollouts, "sample", ended)
    settings = GrpoSettings(**{**FEW, **changes})
    for _ in range(2):
        with pytest.raises(NoSignal) as caught:
            run_stage("grpo", mini(1), asked, settings, tmp_path / "run")
        assert caught.value.exit_code == 11 and "5 turns in a row" in caught.value.found
        words = "max_tokens" if reason == "cut off" else "mean reward was 0"
        assert words in caught.value.hint
        assert len(lines(tmp_path / "run" / "grpo")) == 5 * 6


class Counting(LocalRollouts):
    """Keeps the rows that its learner samples."""

    def __init__(self, learner: ComposedModel, settings: GrpoSettings) -> None:
        super().__init__(learner, settings.sampling)
        self.rows: list[int] = []
        plain = learner.sample

        def sample(prompts: Any, *how: Any, **named: Any) -> Any:
            self.rows += prompts
            return plain(prompts, *how, **named)

        learner.sample = sample  # type: ignore[method-assign]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("turn", [0, 4])
@pytest.mark.parametrize("changes", [{}, {"reuse": 2, "token_share": 0.5, "parity_every": 2}])
def test_of_several_processes_each_samples_its_share_and_all_learn_from_all_replies(
    count: int, turn: int, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The groups are divided; replies, rewards and metrics are those of one process."""
    asked = items(tmp_path)
    signal = {"rewards": "accuracy=1,length=1", "reward_settings": {"length": {"limit": 1}}}
    settings = GrpoSettings(**{**FEW, "steps": 8, "checkpoint_every": 2, **signal, **changes})

    def written(run: Run) -> list[tuple[Any, ...]]:
        return [(r["item"], r["number"], r["ids"], r["parts"]) for r in run.records("rollouts")]

    def made(run: Run, learner: ComposedModel) -> tuple[list[int], ReplyBatch, dict[str, Any]]:
        source = Counting(learner, settings)
        turns = GrpoTurns(learner, asked, settings, source, None, {})
        return source.rows, *turns.make(turn, RolloutLog(run, "grpo", 0))

    alone = Run.open(tmp_path / "one", {})
    rows, batch, about = made(alone, mini(1))
    run = Run.open(tmp_path / "run", {})
    with monkeypatch.context() as patch:
        together = ThreadProcesses(patch, count)
        learners = [mini(1) for _ in range(count)]  # here: threads share torch's generator
        runs = [run, *(Follower(tmp_path / "run", {}) for _ in range(1, count))]
        found = together.run(lambda rank: made(runs[rank], learners[rank]))
    shares = [own for own, *_ in found]
    assert sorted(row for own in shares for row in own) == sorted(rows)
    assert all(len(own) < len(rows) for own in shares)  # none samples all
    for _, its, metrics in found:
        assert metrics.keys() == about.keys()
        for name, value in about.items():
            assert metrics[name] == pytest.approx(value, abs=1e-5), name
        assert [one.ids for one in its.examples] == [one.ids for one in batch.examples]
        assert torch.equal(its.advantage, batch.advantage)
        for mine, known in ((its.old, batch.old), (its.weights, batch.weights)):
            assert (mine is None) is (known is None)
            assert mine is None or known is None or torch.allclose(mine, known, atol=1e-5)
    assert batch.examples and written(run) == written(alone)  # once


@pytest.mark.parametrize("changes", [{}, {"kl": 0.1}, {"groups": ("projector",)}])
def test_a_sharded_model_cannot_sample(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "sharded", lambda: True)
    with pytest.raises(ConfigError, match="sampled by the whole model") as caught:
        grpo(mini(1), items(tmp_path), GrpoSettings(**{**FEW, **changes}), Run.open(tmp_path, {}))
    assert "--parallel ddp" in caught.value.hint


def told(**changes: Any) -> dict[str, Any]:
    return {"groups": 4, "groups_left_out": 0, "replies": 8, "cut_off": 1, "reward": 0.5, **changes}


NOTHING, SOME = told(groups_left_out=4), told(groups_left_out=3)
LEFT_OUT = told(replies=0, cut_off=0, groups_left_out=4, reward=None)
CUT, CUT_ALIKE = told(cut_off=8), told(cut_off=8, groups_left_out=4)


@pytest.mark.parametrize(
    ("patience", "steps", "ends"),
    [
        (3, [NOTHING] * 3, 3),
        (3, [NOTHING, NOTHING, SOME, NOTHING, NOTHING], None),
        (3, [SOME, NOTHING, told(cut_off=8), NOTHING], 4),
        (1, [SOME, told(cut_off=7), told(cut_off=8)], 3),
        (0, [NOTHING] * 50, None),
        (2, [told(replies=0, cut_off=0, groups_left_out=4, reward=None)] * 2, 2),
    ],
)
def test_only_steps_in_a_row_are_counted(
    patience: int, steps: Sequence[dict[str, Any]], ends: int | None
) -> None:
    watch, found = SignalWatch("grpo", patience), None
    for number, about in enumerate(steps, 1):
        try:
            watch.add(about)
        except NoSignal:
            found = number
            break
    assert found == ends
    if ends and ends > 1:
        again = SignalWatch("grpo", patience, steps[: ends - 1])
        with pytest.raises(NoSignal):
            again.add(steps[ends - 1])


@pytest.mark.parametrize(
    ("turns", "says", "hint", "without"),
    [
        ([NOTHING] * 2, "equal in 2. Nothing was learned", "mean reward was 0.5", "cut off"),
        ([LEFT_OUT] * 2, "left out in 2. Nothing was learned", "left_out in", "equal"),
        ([CUT] * 2, "cut off in 2. In 2 of them something was learned", "max_tokens", "Nothing"),
        ([CUT_ALIKE] * 2, "cut off in 2. Nothing was learned", "max_tokens", "equal"),
        ([CUT, CUT_ALIKE], "In 1 of them something was learned", "max_tokens", "Nothing"),
        ([LEFT_OUT, NOTHING, NOTHING], "left out in 1 and", "mean reward was 0.5", "cut off"),
    ],
)
def test_the_reason_is_told_and_whether_anything_was_learned(
    turns: Sequence[dict[str, Any]], says: str, hint: str, without: str
) -> None:
    watch = SignalWatch("grpo", len(turns), turns[:-1])
    with pytest.raises(NoSignal) as caught:
        watch.add(turns[-1])
    assert says in caught.value.found and hint in caught.value.hint
    assert without not in caught.value.found and f"{len(turns)} turns" in caught.value.found


@pytest.fixture
def doubtful() -> Any:
    """A reward that has no value for every third reply."""

    def build() -> Any:
        def rewards(replies: Sequence[SampledReply], trained: Any) -> list[float | None]:
            return [None if k % 3 == 0 else float(len(one.text) % 5)
                    for k, one in enumerate(replies)]  # fmt: skip

        return rewards

    REWARDS.add(Reward("doubtful", "has no value for every third reply", build, batch=True))
    yield
    REWARDS.forget("doubtful")


def test_a_reply_without_a_value_is_left_out_of_its_group_and_counted(
    doubtful: None, tmp_path: Path
) -> None:
    asked = items(tmp_path)
    settings = GrpoSettings(**{**FEW, "group": 6, "rewards": "accuracy=1,doubtful=1"})
    run = Run.open(tmp_path / "run", {})
    grpo(mini(1), asked, settings, run)
    records = run.records("rollouts")
    assert [bool(r["left_out"]) for r in records] == [k % 3 == 0 for k in range(len(records))]
    assert all(r["reward"] is None and "doubtful" in r["left_out"] for r in records[::3])
    for record in run.records("metrics"):
        assert record["replies"] == 8 and record["replies_left_out"] == 4
        kept = record["groups"] - record["groups_left_out"]
        assert record["answer_tokens"] <= kept * 4 * 3


def test_the_scorer_of_the_settings_gives_the_reward(all_right: str, tmp_path: Path) -> None:
    assert SCORERS.get(all_right).score(items(tmp_path)[0], None, Reply("?")).value == 1.0  # type: ignore[arg-type]
    settings = GrpoSettings(**FEW, reward_settings={"accuracy": {"scorer": all_right}},
                            signal_patience=0)  # fmt: skip
    run = Run.open(tmp_path / "run", {})
    grpo(mini(1), items(tmp_path), settings, run)
    assert all(record["reward"] == 1.0 for record in run.records("metrics"))
