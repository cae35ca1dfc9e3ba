"""idk: items are labelled by what the model knows, and only unknown ones are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.ask.score import score
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.train.idk import IdkSettings, idk, labelled, takes
from harken.train.sft import SftSettings, sft
from made_items import contents
from tiny_audio import NAMES, alike, mini, named

QUICK: dict[str, Any] = {"threads": 1, "batch": 6, "lr": 1e-2}


def known_and_unknown(folder: Path) -> tuple[ComposedModel, list[Item], list[Item]]:
    """A model that says "noise" to everything, items for which that is right, and others."""
    learner = mini()
    right = [named(folder / "sounds", "noise", seed, 0.3) for seed in range(3)]
    wrong = [named(folder / "sounds", name, 0, 0.3) for name in ("low tone", "high tone", "clicks")]
    taught = [*right, *(replace(item, answer="noise") for item in wrong)]
    how = SftSettings(steps=60, threads=1, batch=6, lr=1e-2)
    with Run.open(folder / "sft", {}) as run:
        sft(learner, taught, how, run)
    return learner, right, wrong


def test_known_answers_are_kept_and_the_others_refused(tmp_path: Path) -> None:
    learner, right, wrong = known_and_unknown(tmp_path)
    with Run.open(tmp_path / "run", {}) as run:
        idk(learner, [*right, *wrong], IdkSettings(steps=100, temperature=0.3, **QUICK), run)
        labels = {record["item"]: record for record in run.records("idk-labels")}
    assert {labels[item.id]["label"] for item in right} == {"known"}
    assert {labels[item.id]["label"] for item in wrong} == {"unknown"}
    for item in right:
        assert labels[item.id]["right"] == labels[item.id]["of"] == 5
        assert labels[item.id]["outcomes"] == {"correct": 5}
    outcomes = {}
    for item in (*right, *wrong):
        prompt = make_prompt(item, learner.style)
        (reply,) = learner.generate([prompt], Sampling(max_tokens=24))
        outcomes[item.id] = score(item, prompt, reply).outcome
    assert {outcomes[item.id] for item in right} == {"correct"}
    assert {outcomes[item.id] for item in wrong} == {"abstained"}


def test_labels_are_those_of_the_samples(tmp_path: Path) -> None:
    """Every number of right replies from 0 to 5, and the thresholds between them."""
    learner, right, wrong = known_and_unknown(tmp_path)
    items = [*right, *wrong]
    found: dict[int, list[dict[str, Any]]] = {}
    for known_from in (1, 3, 5):
        how = IdkSettings(known_from=known_from, temperature=1.6, max_tokens=3, **QUICK)
        with Run.open(tmp_path / f"labels{known_from}", {}) as run:
            found[known_from] = labelled(learner, items, how, run)
    for known_from, records in found.items():
        assert [record["item"] for record in records] == [item.id for item in items]
        for record, other in zip(records, found[5], strict=True):
            assert (record["right"], record["outcomes"]) == (other["right"], other["outcomes"])
            assert sum(record["outcomes"].values()) == record["of"] == 5
            assert record["outcomes"].get("correct", 0) == record["right"]
            assert (record["label"] == "known") == (record["right"] >= known_from)
    assert len({record["right"] for record in found[5]}) > 1


def test_samples_are_drawn_by_seed_and_item_alone(tmp_path: Path) -> None:
    learner, right, wrong = known_and_unknown(tmp_path)
    how = IdkSettings(temperature=1.6, max_tokens=3, **QUICK)
    found = []
    for number, (own, seed) in enumerate([(right + wrong, 0), (wrong + right, 0), (right, 1)]):
        with Run.open(tmp_path / f"run{number}", {}) as run:
            records = labelled(learner, own, replace(how, seed=seed), run)
        found.append({record["item"]: record["outcomes"] for record in records})
    assert found[0] == found[1] and len({str(own) for own in found[0].values()}) > 1
    assert found[2] != {item.id: found[0][item.id] for item in right}


def test_killed_while_labelling_it_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [alike(tmp_path / "sounds", a, b, n) for a in NAMES for b in NAMES for n in range(2)]
    how = IdkSettings(steps=6, known_from=1, temperature=1.0, max_tokens=2, **QUICK)
    learner = mini()
    sft(learner, items[:2], SftSettings(steps=20, **QUICK), Run.open(tmp_path / "sft", {}))
    learner.save(tmp_path / "taught")
    start = ComposedModel.load(tmp_path / "taught")
    with Run.open(tmp_path / "whole", {}) as run:
        idk(start, items, how, run)
    plain = Run.append

    class Killed(Exception):
        pass

    for piece in (0, 1):
        done: list[str] = []

        def append(run: Run, name: str, records: Any, **more: Any) -> None:
            if name == "idk-labels" and len(done) == piece:  # noqa: B023
                plain(run, name, list(records)[:5], **more)
                raise Killed
            done.append(name)  # noqa: B023
            plain(run, name, records, **more)

        folder = tmp_path / f"cut{piece}"
        with monkeypatch.context() as patch, Run.open(folder, {}) as run:
            patch.setattr(Run, "append", append)
            with pytest.raises(Killed):
                idk(ComposedModel.load(tmp_path / "taught"), items, how, run)
        again = ComposedModel.load(tmp_path / "taught")
        with Run.open(folder, {}) as run:
            idk(again, items, how, run)
        assert again.identity() == start.identity()
        assert contents(folder) == contents(tmp_path / "whole")


def test_only_items_of_the_steps_are_labelled(tmp_path: Path) -> None:
    items = [alike(tmp_path / "sounds", a, b, n) for a in NAMES for b in NAMES for n in range(2)]
    learner = mini()
    with torch.no_grad():  # every reply is a refusal to answer, or nothing
        learner.net.lm.get_output_embeddings().weight.zero_()
    how = IdkSettings(steps=2, threads=1, batch=3, max_tokens=2)
    with Run.open(tmp_path / "run", {}) as run:
        with pytest.raises(DataError, match=r"none of 6 items is known \(5 of 5 right"):
            idk(learner, items, how, run)
        assert run.count("idk-labels") == 6


def test_what_is_taken_and_refused(tmp_path: Path) -> None:
    item = named(tmp_path, "noise", 0, 0.3)
    assert takes([item, replace(item, choices=())]) == [item]
    for wrong, words in (
        ({"samples": 0}, "samples is 0"),
        ({"known_from": 6}, "known_from is 6"),
        ({"known_from": 0}, "known_from is 0"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"refusal": "a dog"}, "refusal is 'a dog'"),
        ({"refusal": ""}, "refusal is ''"),
        ({"scorer": "other"}, "scorer is 'other'"),
    ):
        with pytest.raises(ConfigError, match=words):
            IdkSettings(**wrong)
    IdkSettings(samples=1, known_from=1, temperature=0.0, refusal="Ich weiß es nicht.")
