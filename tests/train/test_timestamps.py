"""timestamps: times become tokens of more weight, and those that cannot are told before step 0."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.ask.score import score
from harken.errors import ConfigError, DataError, ModelError
from harken.item import Item
from harken.models.base import Sampling
from harken.models.engine.net import GROUPS
from harken.models.engine.time_tokens import add_time_tokens
from harken.models.learner import load_learner
from harken.runs import Run
from harken.times import TimeGrid
from harken.train import parallel
from harken.train.timestamps import TimestampsSettings, takes, timestamps
from tiny_audio import NAMES, mini, named

QUICK: dict[str, Any] = {"threads": 1, "batch": 4, "lr": 5e-3, "resolution": 0.1, "max_s": 2.0}


def timed(folder: Path) -> list[Item]:
    return [
        replace(
            named(folder, name, seed, 0.3),
            choices=(),
            question="When do you hear it?",
            answer=f"from 0.{seed}s to 1.{place}s {name}",
        )
        for place, name in enumerate(NAMES)
        for seed in range(2)
    ]


def test_a_model_learns_times_and_says_them(tmp_path: Path) -> None:
    items, learner = timed(tmp_path / "sounds")[:5:4], mini(1)
    with Run.open(tmp_path / "run", {}) as run:
        timestamps(learner, items, TimestampsSettings(steps=120, **{**QUICK, "lr": 1e-2}), run)
        records = run.records("metrics")
        logged = [r for r in run.records("log") if "timed" in r]
    assert records[-1]["loss"] < 0.2 * records[0]["loss"]
    assert 0 < records[-1]["time_loss"] < records[0]["time_loss"]
    answer = learner.tokenizer.encode(items[0].answer)
    assert records[0]["time_share"] == pytest.approx(2 / (len(answer) + 1), abs=0.05)
    assert [(r["items"], r["timed"], r["rounded"]) for r in logged] == [(2, 2, 0)]
    learner.save(tmp_path / "model")
    again = load_learner(str(tmp_path / "model"))
    for item in items:
        prompt = make_prompt(item, again.style)
        (reply,) = again.generate([prompt], Sampling(max_tokens=40))
        assert "<|1." in reply.text and score(item, prompt, reply).outcome == "correct"


def test_time_tokens_weigh_more(tmp_path: Path) -> None:
    """The loss of the first step is L_LM + weight * CE on time tokens, for every weight."""
    items, found = timed(tmp_path / "sounds"), {}
    for weight in (0.0, 1.0, 5.0):
        with Run.open(tmp_path / f"run{weight}", {}) as run:
            timestamps(mini(), items, TimestampsSettings(steps=1, weight=weight, **QUICK), run)
            (found[weight],) = run.records("metrics")
    for weight, record in found.items():
        expected = found[0.0]["loss"] + weight * found[0.0]["time_loss"]
        assert record["loss"] == pytest.approx(expected, abs=1e-4)


def test_times_as_plain_text_to_compare_with(tmp_path: Path) -> None:
    items, learner = timed(tmp_path / "sounds"), mini()
    with Run.open(tmp_path / "run", {}) as run:
        timestamps(learner, items, TimestampsSettings(steps=2, tokens=False, **QUICK), run)
        records = run.records("metrics")
    assert learner.tokenizer.times is None and "times" not in learner.config
    assert "time_loss" not in records[0] and records[0]["answer_tokens"] > 4 * 8
    add_time_tokens(learner, TimeGrid(0.1, 2.0))
    with pytest.raises(ConfigError, match="has time tokens"):
        how = TimestampsSettings(steps=2, tokens=False, **QUICK)
        timestamps(learner, items, how, Run.open(tmp_path / "other", {}))
    with pytest.raises(ModelError, match="are asked for"):
        how = TimestampsSettings(steps=2, **{**QUICK, "resolution": 0.2})
        timestamps(learner, items, how, Run.open(tmp_path / "grid", {}))


def test_times_beyond_the_last_token_are_all_told_before_step_0(tmp_path: Path) -> None:
    items = timed(tmp_path / "sounds")
    late = [
        replace(items[0], answer="at 2.1s"),
        replace(items[1], question="What is there at 75.0 s?"),
        replace(items[2], answer="0.5s", choices=("0.5s", "3.5s")),
        replace(items[3], answer="at <|9.90|>"),
    ]
    learner = mini()
    before = learner.identity()
    with pytest.raises(DataError) as caught:
        how = TimestampsSettings(steps=2, **QUICK)
        timestamps(learner, [*items, *late], how, Run.open(tmp_path / "run", {}))
    told = str(caught.value)
    assert "4 of 12 items" in told and learner.identity() == before
    for item, time in zip(late, ("2.1s", "75.0 s", "3.5s", "<|9.90|>"), strict=True):
        assert f"{item.id}: {time} is beyond 2 s" in told
    assert all(item.id not in told for item in items)


def test_times_between_two_tokens_are_counted(tmp_path: Path) -> None:
    items = [*timed(tmp_path / "sounds"), replace(timed(tmp_path / "sounds")[0], answer="0.25s")]
    with Run.open(tmp_path / "run", {}) as run:
        timestamps(mini(), items, TimestampsSettings(steps=1, **QUICK), run)
        (logged,) = [r for r in run.records("log") if "rounded" in r]
    assert logged["rounded"] == 1 and logged["items"] == 9


def test_items_without_times_are_refused(tmp_path: Path) -> None:
    items = [named(tmp_path / "sounds", name, 0, 0.3) for name in NAMES]
    assert takes(items) == []
    spoken = [replace(items[0], choices=(), answer=text) for text in ("1.5s", "5 s", "<|1.50|>")]
    assert takes([*items, *spoken]) == spoken
    with pytest.raises(DataError, match="no answer has a time such as 1"):
        timestamps(mini(), items, TimestampsSettings(steps=1), Run.open(tmp_path / "run", {}))


@pytest.mark.parametrize("groups", [("lm",), ("projector", "lm"), GROUPS])
def test_adapters_in_a_sharded_model_are_refused(
    groups: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the model gets new tokens; with plain times nothing is in the way."""
    pytest.importorskip("peft")
    learner, items = mini(), timed(tmp_path / "sounds")
    learner.add_lora(rank=2)
    count = len(learner.net.lm.get_input_embeddings().weight)
    monkeypatch.setattr(parallel, "sharded", lambda: True)
    how = TimestampsSettings(steps=1, groups=groups, **QUICK)
    with pytest.raises(ConfigError, match="adapters in lm") as caught:
        timestamps(learner, items, how, Run.open(tmp_path / "run", {}))
    assert "--parallel ddp" in caught.value.hint
    assert len(learner.net.lm.get_input_embeddings().weight) == count


def test_beside_adapters_only_the_rows_of_the_tokens_are_trained(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    items, learner = timed(tmp_path / "sounds"), mini()
    learner.add_lora(rank=2)
    with pytest.raises(ConfigError, match=r"decay is 0\.1"):
        how = TimestampsSettings(steps=2, decay=0.1, **QUICK)
        timestamps(learner, items, how, Run.open(tmp_path / "decay", {}))
    plain = learner.net.lm.get_input_embeddings().weight.detach().clone()
    with Run.open(tmp_path / "run", {}) as run:
        timestamps(learner, items, TimestampsSettings(steps=10, **QUICK), run)
        records = run.records("metrics")
    after = learner.net.lm.get_input_embeddings().weight.detach()
    assert records[-1]["loss"] < records[0]["loss"]
    assert torch.equal(after[: len(plain)], plain) and len(after) == len(plain) + 21
    fresh = mini()
    add_time_tokens(fresh, TimeGrid(0.1, 2.0))
    begun = fresh.net.lm.get_input_embeddings().weight.detach()[len(plain) :]
    assert not torch.equal(after[len(plain) :], begun)
    learner.save(tmp_path / "model")
    again = load_learner(str(tmp_path / "model"))
    assert again.identity() == learner.identity()
    assert json.loads((tmp_path / "model" / "harken-model.json").read_text())["times"]


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong, words in (
        ({"weight": -1.0}, "weight is -1.0"),
        ({"resolution": 0.0}, "the resolution is 0.0"),
        ({"resolution": 0.3, "max_s": 1.0}, "max_s a multiple"),
        ({"groups": ("projector",)}, "without lm"),
    ):
        with pytest.raises(ConfigError, match=words):
            TimestampsSettings(**wrong)
    TimestampsSettings(groups=("projector",), tokens=False)


@pytest.mark.parametrize("rate", [0, 0.0])
def test_a_frozen_language_model_learns_no_time_tokens(rate: float) -> None:
    with pytest.raises(ConfigError, match="lr_lm is 0"):
        TimestampsSettings(lr_lm=rate)
    TimestampsSettings(lr_lm=rate, tokens=False)  # plain text needs no rows
    TimestampsSettings(lr_lm=1e-4)
