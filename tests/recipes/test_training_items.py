"""What a stage is trained on, datasets and JSON lines alike; whether rewards taught anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.cli.train import NO_SIGNAL
from harken.errors import DataError
from harken.item import Item
from harken.recipes import run as run_module
from harken.recipes.run import train
from harken.recipes.steps import (
    divided,
    items_of,
    other_splits,
    reward_signal,
    signal_text,
    training_items,
)
from harken.runs import Run
from harken.shards.jsonl import write_jsonl
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from harken.train.grpo_settings import GrpoSettings
from harken.train.stages import STAGES


def items(*splits: str) -> list[Item]:
    return [Item(f"Question {i}?", "yes", ("yes", "no"), split=s) for i, s in enumerate(splits)]


@pytest.mark.parametrize("kind", ["folder", "jsonl", "ndjson"])
def test_items_come_from_folders_and_files_alike(kind: str, tmp_path: Path) -> None:
    there = items("train", "test", "train")
    path = tmp_path / ("d" if kind == "folder" else f"d.{kind}")
    if kind == "folder":
        write_dataset(there, path, name="d")
    else:
        write_jsonl(there, path)
    assert list(read_items(path)) == there
    assert items_of(path) == [there[0], there[2]] == training_items(path)
    assert items_of(path, "test") == [there[1]]
    assert items_of(path, "") == there


def test_a_list_that_names_no_split_is_taken_whole(tmp_path: Path) -> None:
    write_jsonl(items("", ""), tmp_path / "d.jsonl")
    assert len(training_items(tmp_path / "d.jsonl")) == 2


@pytest.mark.parametrize(
    ("splits", "train", "others"),
    [
        (("train", "test", "train", "dev"), [0, 2], [1, 3]),
        (("", "", ""), [0, 1, 2], []),
        (("train", "train"), [0, 1], []),
        (("train", "", "held"), [0], [1, 2]),  # where some name a split, no other is trained on
    ],
)
def test_no_item_is_in_training_and_in_another_split(
    splits: tuple[str, ...], train: list[int], others: list[int], tmp_path: Path
) -> None:
    there = items(*splits)
    write_jsonl(there, tmp_path / "d.jsonl")
    found = divided(tmp_path / "d.jsonl")
    assert found == ([there[n] for n in train], [there[n] for n in others])
    assert training_items(tmp_path / "d.jsonl") == found[0]
    assert other_splits(tmp_path / "d.jsonl") == found[1]


def test_without_training_items_the_splits_found_are_told(tmp_path: Path) -> None:
    write_jsonl(items("test", "dev", "test", ""), tmp_path / "d.jsonl")
    with pytest.raises(DataError, match=r"\(none\) 1, dev 1, test 2"):
        training_items(tmp_path / "d.jsonl")
    with pytest.raises(DataError, match="no such dataset"):
        training_items(tmp_path / "gone")


def test_a_recipe_needs_a_curated_folder_and_says_so(tmp_path: Path) -> None:
    write_jsonl(items("train"), tmp_path / "d.jsonl")
    with pytest.raises(DataError, match=r"says how much its audio.*harken curate"):
        train("mixed-to-strong", tmp_path / "d.jsonl", tmp_path / "out")


def grpo_run(folder: Path, *left_out: int, reward: float = 0.0) -> None:
    with Run.open(folder / "grpo", {"kind": "train"}) as run:
        records = [
            {"stage": "grpo", "step": i, "groups": 4, "groups_left_out": n, "reward": reward}
            for i, n in enumerate(left_out)
        ]
        run.append("metrics", records)


@pytest.mark.parametrize(
    ("left_out", "with_signal"), [((4, 4, 4), 0), ((4, 3, 4), 1), ((0, 0), 8), ((4,), 0)]
)
def test_groups_with_a_signal_are_counted(
    left_out: tuple[int, ...], with_signal: int, tmp_path: Path
) -> None:
    grpo_run(tmp_path, *left_out, reward=0.25)
    with Run.open(tmp_path / "sft", {"kind": "train"}) as run:
        run.append("metrics", [{"stage": "sft", "step": 0, "loss": 1.0}])
    found = reward_signal(tmp_path, ["sft", "grpo", "align"])
    groups = 4 * len(left_out)
    assert found == {"grpo": {"groups": groups, "with_signal": with_signal, "reward": 0.25}}
    text = signal_text(found)
    assert f"{with_signal} of {groups} groups" in text
    assert ("nothing was learned" in text) == (with_signal == 0)


def test_replies_that_were_left_out_are_told(tmp_path: Path) -> None:
    """Also where no reply of a step had a reward: that is no reward of 0."""
    with Run.open(tmp_path / "grpo", {"kind": "train"}) as run:
        told = {"stage": "grpo", "groups": 2, "groups_left_out": 1}
        run.append("metrics", [{**told, "reward": 0.5, "replies_left_out": 0},
                               {**told, "reward": None, "replies_left_out": 8}])  # fmt: skip
    found = reward_signal(tmp_path, ["grpo"])
    assert found["grpo"]["reward"] == 0.5 and found["grpo"]["replies_left_out"] == 8
    assert "8 replies were left out" in signal_text(found)
    none = {"grpo": {"groups": 2, "with_signal": 0, "reward": None}}
    assert "mean unknown" in signal_text(none)


@pytest.mark.parametrize(
    ("rewards", "taken"),
    [("accuracy=1", 2), ("accuracy=1,wer=1", 4), ("time-iou=1", 1), ("wer=1", 2)],
)
def test_open_ended_items_are_taken_where_a_reward_is_made_for_them(
    rewards: str, taken: int
) -> None:
    asked = [*items("train", "train"), Item("What is said?", "good morning"),
             Item("When?", "1.0 to 2.0 s")]  # fmt: skip
    settings = GrpoSettings(rewards=rewards)
    assert len(STAGES.get("grpo").chosen(asked, settings)) == taken
    assert len(STAGES.get("sft").chosen(asked, None)) == 4


@pytest.mark.parametrize(("with_signal", "code"), [(0, NO_SIGNAL), (1, 0)])
def test_a_run_without_any_signal_ends_with_its_own_exit_code(
    with_signal: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"grpo": {"groups": 8, "with_signal": with_signal, "reward": 0.0}}
    monkeypatch.setattr(
        run_module,
        "train",
        lambda *_, **__: {"stage": "grpo", "reward_signal": told, "deaf": "", "card": None},
    )
    words = ["train", "grpo", str(tmp_path), "-o", str(tmp_path / "o")]
    for more in ([], ["--json"]):
        out = CliRunner().invoke(app, [*words, *more])
        assert out.exit_code == code
        if more:
            assert json.loads(out.stdout)["reward_signal"] == told
