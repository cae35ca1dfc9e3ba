"""`harken train` with held-out items: measured, kept from training, stopped where it is deaf."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.cli.train import DEAF
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.models.learner import Learner
from harken.recipes import run as recipe_run
from harken.recipes.run import train
from harken.recipes.watching import AudioUnusedError
from harken.runs import read_run
from harken.shards.jsonl import write_jsonl
from harken.shards.read import read_items
from made_items import contents
from tiny_audio import NAMES, mini, named

APART = {"not_trained": 0, "shared": 0}

FEW = [
    "sft.steps=12",
    "sft.batch=8",
    "sft.lr=0.01",
    "sft.augment=false",
    "sft.threads=1",
    "sft.evaluate_every=4",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, and items with a split ``dev``."""
    folder = tmp_path_factory.mktemp("world")
    mini(3).save(folder / "start")
    splits = ["train", "train", "train", "dev"]
    items = [
        replace(named(folder / "sounds", name, seed, 0.2), split=splits[seed % 4])
        for name in NAMES
        for seed in range(8)
    ]
    write_jsonl(items, folder / "items.jsonl")
    write_jsonl([replace(one, split="") for one in items], folder / "nosplit.jsonl")
    return folder


def trained(world: Path, out: Path, *more: str, items: str = "items.jsonl") -> dict[str, Any]:
    return train("sft", world / items, out, model=str(world / "start"), overrides=[*FEW, *more])


def test_a_stage_is_measured_on_another_split_and_ends_with_a_card(
    world: Path, tmp_path: Path
) -> None:
    found = trained(world, tmp_path / "out", "hearing.min_gap=0.0001", "hearing.patience=2")
    run = read_run(tmp_path / "out" / "sft")
    records = run.records("evaluations")
    assert [record["step"] for record in records] == [0, 4, 8, 12]
    assert all(record["hearing"]["items"] == 8 for record in records)
    assert run.spec["hearing"]["min_gap"] == 0.0001 and run.summary["items"] == 24
    assert found["held_out"] == {"source": "the split dev", "items": {"single-audio": 8}, **APART}
    assert found["card"] == json.loads((tmp_path / "out" / "card.json").read_text())
    (skill,) = found["card"]["skills"]
    assert [one["measure"] for one in skill["measures"]] == ["right", "loss"]
    last = records[-1]["hearing"]
    by = {one["measure"]: one for one in skill["measures"]}
    # The card and the last evaluation asked the same model the same items.
    assert by["loss"]["after"] == pytest.approx(last["loss"]["audio"]["nats"], abs=1e-4)
    assert by["right"]["after"] == last["accuracy"]["audio"]["share"]
    assert by["right"]["before"] == records[0]["hearing"]["accuracy"]["audio"]["share"]
    # Run again, it is loaded: nothing on disk changes, and the result is the same.
    before = contents(tmp_path)
    again = trained(world, tmp_path / "out", "hearing.min_gap=0.0001", "hearing.patience=2")
    assert again == found and contents(tmp_path) == before


def test_without_a_split_the_measured_items_are_not_trained_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[str] = []
    plain = recipe_run.STAGES.get("sft").run

    def sft(learner: Learner, items: list[Item], settings: Any, run: Any) -> None:
        taught.extend(item.id for item in items)
        plain(learner, items, settings, run)

    stage = replace(recipe_run.STAGES.get("sft"), run=sft)
    monkeypatch.setattr(recipe_run.STAGES, "get", lambda name: stage)
    found = trained(world, tmp_path / "out", items="nosplit.jsonl")
    assert found["held_out"]["source"] == "train" and found["card"]["items"] == 3
    asked = read_run(tmp_path / "out" / "held-out" / "after").records("asked")
    assert len(asked) == 3 and not {one["item"] for one in asked} & {*taught}
    assert len(set(taught)) == 32 - 3 == found["items"]


def test_a_named_dataset_is_measured_instead(world: Path, tmp_path: Path) -> None:
    textual = [
        Item(
            question=f"Which of these sounds do you hear? {n}", answer="yes", choices=("yes", "no")
        )
        for n in range(4)
    ]
    write_jsonl(textual, tmp_path / "text.jsonl")
    found = train(
        "sft",
        world / "items.jsonl",
        tmp_path / "out",
        model=str(world / "start"),
        overrides=[*FEW, f"hearing.held_out={tmp_path / 'text.jsonl'}"],
    )
    assert found["held_out"] == {"source": "text.jsonl", "items": {"text-only": 4}, **APART}
    assert found["card"]["skills"][0]["skill"] == "text-only"
    assert "single-audio" in found["card"]["not_measured"]
    # Without clips there is no hearing gap.
    assert not read_run(tmp_path / "out" / "sft").records("evaluations")


def test_nothing_held_out_is_told_and_has_no_card(world: Path, tmp_path: Path) -> None:
    found = trained(world, tmp_path / "out", "hearing.items=0")
    assert found["card"] is None and found["held_out"] == {"source": "", "items": {}, **APART}
    assert not (tmp_path / "out" / "card.json").exists()
    with pytest.raises(ConfigError, match="min_gap is set, and items is 0"):
        trained(world, tmp_path / "none", "hearing.items=0", "hearing.min_gap=0.1")


@pytest.mark.parametrize("again", ["nosplit.jsonl", "items.jsonl"])
def test_replay_brings_no_held_out_item_back(again: str, world: Path, tmp_path: Path) -> None:
    """The dataset itself, or the same items with other splits and so with other ids."""
    replay = [f"sft.replay={world / again}", "sft.replay_share=0.5", "hearing.items=3"]
    trained(world, tmp_path / "out", *replay, items="nosplit.jsonl")
    note = read_run(tmp_path / "out" / "sft").read_json("sft-replay")
    held = read_run(tmp_path / "out" / "held-out" / "after").records("asked")
    there = 32 if again == "nosplit.jsonl" else 24
    assert note["items"] + sum(note["left_out"].values()) == there
    if again == "nosplit.jsonl":
        assert sum(note["left_out"].values()) == len({one["item"] for one in held}) == 3
    else:
        assert sum(note["left_out"].values()) == left_in_train(world, {o["item"] for o in held})


def left_in_train(world: Path, held: set[str]) -> int:
    """Held-out items that are in the split ``train`` of the other list."""
    items = [list(read_items(world / name)) for name in ("nosplit.jsonl", "items.jsonl")]
    return sum(one.id in held and other.split == "train" for one, other in zip(*items, strict=True))


@pytest.fixture
def zeroed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: the projector's output does not arrive."""
    plain = recipe_run.start

    def start(*args: Any, **more: Any) -> Learner:
        learner = plain(*args, **more)
        assert isinstance(learner, ComposedModel)
        learner.net.projector.register_forward_hook(lambda module, given, made: made * 0)
        return learner

    monkeypatch.setattr(recipe_run, "start", start)


def test_a_deaf_stage_ends_the_command_with_its_model_written(
    world: Path, tmp_path: Path, zeroed: None
) -> None:
    out = tmp_path / "out"
    words = ["train", "sft", str(world / "items.jsonl"), "-o", str(out)]
    words += ["--model", str(world / "start"), "--min-gap", "0.1", "--patience", "2"]
    words += [part for one in FEW for part in ("--set", one)]
    for _ in range(2):  # the second time everything is loaded
        ended = CliRunner().invoke(app, [*words, "--json"])
        assert ended.exit_code == DEAF == AudioUnusedError.exit_code
        found = json.loads(ended.stdout)
        assert "stopped after step 8 of 12" in found["deaf"] and "all zero" in found["deaf"]
        assert "does not use the audio" in ended.stderr
        assert found["card"]["items"] == 8
    run = read_run(out / "sft")
    assert run.done and run.summary["stopped"] == found["deaf"]
    model = ComposedModel.load(out / "model")
    assert model.identity() == run.summary["model"] == found["identity"]


def test_a_watch_that_could_never_stop_is_refused_before_the_first_step(
    world: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="patience is 9, but only 3 evaluations"):
        trained(world, tmp_path / "out", "hearing.min_gap=0.1", "hearing.patience=9")
    assert not (tmp_path / "out" / "sft" / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("hearing.min_gap=-1", "min_gap is -1"),
        ("hearing.patience=0", "patience is 0"),
        ("hearing.mingap=1", "min_gap"),
        ("hearing.grace=1.5", "grace is 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    world: Path, tmp_path: Path, setting: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        trained(world, tmp_path / "out", setting)


def test_a_missing_held_out_set_is_an_error(world: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        train(
            "sft",
            world / "items.jsonl",
            tmp_path / "out",
            model=str(world / "start"),
            overrides=[*FEW, f"hearing.held_out={tmp_path / 'absent.jsonl'}"],
        )
