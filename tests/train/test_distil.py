"""Distillation from the text-fed model: what the teacher is, what the student learns."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learner_kinds import KINDS, learner_folders, projecting
from stopped import stop_at_append

from harken.ask.option_order import shuffled_order
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.learner import Learner, load_learner
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train.distil import (
    DistilSettings,
    TextItem,
    distil,
    pair_loss,
    text_pair,
    with_their_texts,
)
from harken.train.losses import distil_loss
from tiny_audio import NAMES, alike, mini, named

FEW: dict[str, Any] = {"steps": 2, "batch": 3, "threads": 1, "lr": 1e-2, "checkpoint_every": 1}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return learner_folders(tmp_path_factory.mktemp("distil"))


def items(folder: Path) -> list[Item]:
    return [*(named(folder, name, 0, 0.3) for name in NAMES), alike(folder, NAMES[0], NAMES[2])]


def test_kl_by_hand() -> None:
    p, q = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    by_hand = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert distil_loss(q, p).item() == pytest.approx(by_hand)
    assert distil_loss(p, p).item() == pytest.approx(0.0, abs=1e-7)
    # At T = 2 p is in the ratio sqrt(3) : 1.
    high = math.sqrt(3) / (1 + math.sqrt(3))
    warm = high * math.log(2 * high) + (1 - high) * math.log(2 * (1 - high))
    assert distil_loss(q, p, 2.0).item() == pytest.approx(4 * warm, rel=1e-5)
    two = torch.cat([q, p]), torch.cat([p, p])
    assert distil_loss(*two).item() == pytest.approx(by_hand / 2)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_learner_is_trained_saved_opened_and_rerun(
    kind: str, dtype: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = load_learner(folders[kind], dtype=dtype)
    settings = DistilSettings(**FEW, groups=projecting(kind))
    lm = {n: t.clone() for n, t in learner.state().items() if n.startswith("lm.")}
    before = learner.identity()
    run_stage("distil", learner, items(tmp_path / "sounds"), settings, tmp_path / "run")
    records = read_run(tmp_path / "run" / "distil").records("metrics")
    assert len(records) == 2 and all(r["kl"] > 0 and r["audio_grad_norm"] > 0 for r in records)
    assert learner.identity() != before
    assert all(torch.equal(t, learner.state()[name]) for name, t in lm.items())
    learner.save(tmp_path / "model")
    assert load_learner(str(tmp_path / "model"), dtype=dtype).identity() == learner.identity()
    fresh = load_learner(folders[kind], dtype=dtype)
    run_stage("distil", fresh, items(tmp_path / "sounds"), settings, tmp_path / "run")
    assert fresh.identity() == learner.identity()


def test_the_student_comes_to_answer_as_the_teacher(tmp_path: Path) -> None:
    learner = mini()
    settings = DistilSettings(
        **{**FEW, "steps": 40, "batch": 5}, groups=("audio_encoder", "projector")
    )
    run_stage("distil", learner, items(tmp_path / "sounds"), settings, tmp_path / "run")
    records = read_run(tmp_path / "run" / "distil").records("metrics")
    assert records[-1]["kl"] < 0.3 * records[0]["kl"]


def pairs(learner: Learner, folder: Path) -> list[Any]:
    known, _ = with_their_texts(items(folder))
    orders = [shuffled_order(one.item, np.random.default_rng(0)) for one in known]
    return [text_pair(learner, one, {}, order) for one, order in zip(known, orders, strict=True)]


def test_the_teacher_reads_the_texts_and_the_question_in_the_same_order(tmp_path: Path) -> None:
    for learner in (mini(),):
        for one, pair in zip(items(tmp_path), pairs(learner, tmp_path), strict=True):
            text = learner.tokenizer.decode(pair.teacher.ids[: pair.teacher.start])
            heard = [facts.names or () for facts in one.facts]
            assert all(name in text for names in heard for name in names)
            assert not pair.teacher.audio_inputs and learner.tokenizer.audio not in pair.teacher.ids
            assert len(pair.student.audio_inputs) == len(one.clips)
            answers = [p.ids[p.start :] for p in (pair.student, pair.teacher)]
            assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", ["composed", "qwen2_audio"])
def test_the_teacher_has_no_adapters_and_no_gradient(
    kind: str, folders: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    learner = load_learner(folders[kind])
    given = pairs(learner, tmp_path)
    with torch.no_grad():
        plain = learner.engine.answer_logits([pair.teacher for pair in given])[0]
    learner.add_lora(rank=2, alpha=64)
    with torch.no_grad():
        for name, tensor in learner.net.named_parameters():
            if "lora_B" in name:
                tensor.normal_()
    learner.trainable(["lm"])
    adapted = learner.engine.answer_logits([pair.teacher for pair in given])[0]
    assert not torch.allclose(adapted, plain, atol=1e-3)
    with torch.no_grad():
        student = learner.engine.answer_logits([pair.student for pair in given])[0]
    loss, means = pair_loss(learner, given, DistilSettings())
    assert means["kl"] == pytest.approx(distil_loss(student, plain).item(), rel=1e-4)
    loss.backward()
    grads = [n for n, p in learner.net.named_parameters() if p.grad is not None]
    assert grads and all("lora_" in name for name in grads)


def test_a_teacher_that_would_change_with_the_student_is_refused(tmp_path: Path) -> None:
    settings = DistilSettings(**FEW, groups=("projector", "lm"))
    with pytest.raises(ConfigError, match="teacher would change"):
        run_stage("distil", mini(), items(tmp_path), settings, tmp_path / "run")
    frozen = replace(settings, steps=1, lr_lm=0.0)  # which freezes lm: the teacher stays
    run_stage("distil", mini(), items(tmp_path), frozen, tmp_path / "frozen")


def test_items_without_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    good = items(tmp_path)
    bare = replace(named(tmp_path, "noise", 3), facts=())
    two = replace(alike(tmp_path, "noise", "clicks"), facts=())
    none = good[0].with_clips(())
    known, left_out = with_their_texts([*good, bare, two, none])
    assert [one.item for one in known] == good
    assert left_out == {"no clips": 1, "no text of the clips": 2}
    assert known[-1].texts == (NAMES[0], NAMES[2])
    more, left_out = with_their_texts([bare, two], answers_as_text=True)
    assert more == [TextItem(bare, ("noise",))] and left_out == {"no text of the clips": 1}
    with pytest.raises(DataError, match="2 no text of the clips"):
        run_stage("distil", mini(), [bare, two], DistilSettings(**FEW), tmp_path / "none")
    run_stage("distil", mini(), [*good, bare], DistilSettings(**FEW), tmp_path / "run")
    counts = read_run(tmp_path / "run" / "distil").read_json("distil-items")
    assert counts == {"train": len(good), "left_out": {"no text of the clips": 1}}


def test_the_teachers_own_replies_are_kept_and_taught(tmp_path: Path) -> None:
    asked = [replace(item, choices=()) for item in items(tmp_path)]
    settings = DistilSettings(**FEW, answers="teacher", max_tokens=3)
    learner = mini()
    try:
        run_stage("distil", learner, asked, settings, tmp_path / "run")
    except DataError as error:  # a fresh model may reply nothing; then it is told which
        assert "replies nothing" in str(error)
        return
    run = read_run(tmp_path / "run" / "distil")
    assert {r["item"] for r in run.records("distil-replies")} <= {item.id for item in asked}


def test_a_killed_run_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = items(tmp_path / "sounds")
    settings = DistilSettings(**{**FEW, "steps": 3})
    whole = mini()
    run_stage("distil", whole, asked, settings, tmp_path / "whole")
    for place in range(1, 4):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at_append(patch, place)
            run_stage("distil", mini(), asked, settings, tmp_path / str(place))
        again = mini()
        run_stage("distil", again, asked, settings, tmp_path / str(place))
        assert again.identity() == whole.identity()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"temperature": 0}, "temperature"),
        ({"answers": "mine"}, "answers is 'mine'"),
        ({"answers": "teacher", "cross_entropy": 0.5}, "cross_entropy"),
        ({"cross_entropy": -1}, "cross_entropy"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        DistilSettings(**wrong)


@pytest.mark.parametrize("answer", ["<eos>", "rain <eos> rain", "a dog <audio>"])
def test_answers_that_cannot_be_taught_are_named_before_step_0(answer: str, tmp_path: Path) -> None:
    asked = items(tmp_path / "sounds")
    wrong = replace(asked[0], answer=answer, choices=())
    with (
        Run.open(tmp_path / "run", {}) as run,
        pytest.raises(DataError, match=rf"(?s)1 of 5 items.*{wrong.id}: the answer .* holds"),
    ):
        distil(mini(), [wrong, *asked[1:]], DistilSettings(**{**FEW, "batch": 5}), run)


def test_sizes_of_what_the_student_hears_are_written(tmp_path: Path) -> None:
    asked = items(tmp_path / "sounds")
    with Run.open(tmp_path / "run", {}) as run:
        distil(mini(), asked, DistilSettings(**{**FEW, "batch": 5}), run)
        lines = run.records("measured")
    assert {line["item"]: line["clips"] for line in lines} == {
        item.id: len(item.clips) for item in asked
    }
    assert all(line["tokens"] > line["audio_tokens"] > 0 for line in lines)
