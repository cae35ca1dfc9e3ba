"""Replay: a second dataset with its share of every batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.runs import Run
from harken.shards.jsonl import write_jsonl
from harken.train import replay
from harken.train.replay import Source, measured_on, replayed, with_replay
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named


def saved(folder: Path, count: int = 3, splits: tuple[str, ...] = ("train", "test")) -> str:
    items = [
        replace(named(folder / "old", NAMES[n % 4], n, 0.3), split=split, question=f"{split} {n}?")
        for split in splits
        for n in range(count)
    ]
    path = folder / "old.jsonl"
    write_jsonl(items, path)
    return str(path)


def test_the_share_is_in_every_batch_and_of_the_training_split(tmp_path: Path) -> None:
    items = [named(tmp_path / "new", name, 0, 0.3) for name in NAMES]
    how = SftSettings(
        steps=5, batch=4, accumulate=2, threads=1, replay=saved(tmp_path), replay_share=0.25
    )
    learner, seen = mini(), []
    plain = learner.engine.answer_logits

    def noted(prompts, **more):  # type: ignore[no-untyped-def]
        seen.append([prompt.item for prompt in prompts])
        return plain(prompts, **more)

    learner.engine.answer_logits = noted  # type: ignore[method-assign]
    with Run.open(tmp_path / "run", {}) as run:
        sft(learner, items, how, run)
        records = run.records("metrics")
        note = run.read_json("sft-replay")
    assert [record["from_replay"] for record in records] == [2] * 5
    assert note["items"] == 3
    old = {item for part in seen[-10:] for item in part} - {item.id for item in items}
    assert len(old) == 3


def test_a_run_goes_on_with_the_same_items_only(tmp_path: Path) -> None:
    items = [named(tmp_path / "new", name, 0, 0.3) for name in NAMES]
    how = SftSettings(steps=1, threads=1, replay=saved(tmp_path), replay_share=0.5)
    with Run.open(tmp_path / "run", {}) as run:
        sft(mini(), items, how, run)
        sft(mini(), items, how, run)
        saved(tmp_path, 2)
        with pytest.raises(RunError, match="the 2 items to replay are not the 3"):
            sft(mini(), items, how, run)


def test_what_cannot_be_replayed_is_told(tmp_path: Path) -> None:
    items = [named(tmp_path / "new", name, 0, 0.3) for name in NAMES]
    how = SftSettings(steps=1, threads=1, replay=saved(tmp_path, 2, ("test",)), replay_share=0.5)
    with pytest.raises(DataError, match="no item to replay"):
        sft(mini(), items, how, Run.open(tmp_path / "run", {}))
    with pytest.raises(DataError, match="no such dataset"):
        sft(mini(), items, replace(how, replay="nowhere"), Run.open(tmp_path / "other", {}))
    for wrong in (
        {"replay": "x"},
        {"replay_share": 0.2},
        {"replay": "x", "replay_share": 1.0},
        {"replay": "x", "replay_share": 0.2, "clips_as_text": True},
    ):
        with pytest.raises(ConfigError, match="replay"):
            SftSettings(**wrong)


def test_options_that_change_nothing_are_refused(tmp_path: Path) -> None:
    items = [named(tmp_path / "new", name, 0, 0.3) for name in NAMES]
    bare = [replace(item.with_clips(()), choices=()) for item in items]
    for number, (own, wrong, words) in enumerate(
        [
            (items, {"nothing": 0.1}, "none of 4 items is an open-ended question about clips"),
            (bare, {"nothing": 0.1}, "none of 4 items is an open-ended question about clips"),
            (bare, {"audio_dropout": 0.1}, "none of 4 items has clips"),
        ]
    ):
        with pytest.raises(ConfigError, match=words):
            how = SftSettings(steps=1, threads=1, **wrong)
            sft(mini(), own, how, Run.open(tmp_path / f"run{number}", {}))
    for wrong in (
        {"nothing": 1.0},
        {"audio_dropout": 1.0},
        {"audio_dropout": -0.1},
        {"nothing_answer": " "},
    ):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            SftSettings(**wrong)


def test_the_metrics_count_what_was_taken_away(tmp_path: Path) -> None:
    items = [replace(named(tmp_path / "new", n, 0, 0.6), choices=()) for n in NAMES]
    how = SftSettings(steps=6, batch=4, threads=1, audio_dropout=0.5, nothing=0.4, lr=1e-3)
    with Run.open(tmp_path / "run", {}) as run:
        sft(mini(), items, how, run)
        records = run.records("metrics")
    assert 0 < sum(record["nothing"] for record in records) < 24
    for record in records:
        assert 0 < record["dropped_audio_tokens"] <= 0.5 * record["audio_tokens"] + 4


def test_what_a_training_is_measured_on_is_not_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By id, by another id that is not trained on, by recording, by file, as a part of a scene."""
    items = [
        replace(named(tmp_path / "old", NAMES[n % 4], n, 0.3), split="train", question=f"{n}?")
        for n in range(7)
    ]
    items[2] = replace(items[2], recordings=("r1",))
    held = [
        items[0],
        replace(items[3], question="the file of another question?", split="dev"),
        Item("named", "x", recordings=("r1",)),
        scene(items[4].clips[0]),
    ]
    items[5] = replace(scene(items[5].clips[0]), split="train", question="5?")
    held.append(Item("a part", "x", clips=(replace(parts_of(items[5])[0], start_s=0.1),)))
    write_jsonl(items, tmp_path / "old.jsonl")
    folder = str(tmp_path / "old.jsonl")
    told: list[str] = []
    monkeypatch.setattr(replay, "tell", told.append)
    with measured_on(held, [items[1].id]), Run.open(tmp_path / "run", {}) as run:
        for _ in range(2):  # a stage may ask twice; it is told once
            _, old = with_replay([Source([items[0]])], folder, 0.5, run, "sft")
        assert [item.id for item in old.items] == [items[6].id]
        note = run.read_json("sft-replay")
    left_out = {"held out": 2, "with a recording of a held-out item": 4}
    assert note["left_out"] == left_out and note["items"] == 1
    assert len(told) == 1 and "2 held out and 4 with a recording" in told[0]
    assert len(replayed(folder)[0]) == 7  # nothing is held out of other trainings
    with (
        measured_on(items),
        Run.open(tmp_path / "other", {}) as run,
        pytest.raises(DataError, match="split train, but for 7 held out"),
    ):
        with_replay([Source([items[0]])], folder, 0.5, run, "sft")


def scene(clip: Clip) -> Item:
    return Item("a scene", "x", clips=(Clip("plan", plan=ScenePlan((Part(clip),), 1.0)),))


def parts_of(item: Item) -> list[Clip]:
    plan = item.clips[0].plan
    assert plan is not None
    return [part.clip for part in plan.parts]
