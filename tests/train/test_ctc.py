"""Alignment by CTC: what it learns, holds out, refuses, and writes again after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chat_parts import lm_folder
from learner_kinds import KINDS, learner_folders, projecting
from stopped import stop_at_append

from harken.audio.clip import Clip
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.learner import Learner, load_learner
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train import ctc as stage
from harken.train.ctc import CtcSettings, Vocabulary, spoken_tokens
from tiny_audio import NAMES, alike, mini, named, sound

FEW: dict[str, Any] = {"steps": 3, "batch": 3, "threads": 1, "lr": 1e-2, "evaluate_every": 2}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return learner_folders(tmp_path_factory.mktemp("ctc"))


def items(folder: Path, seconds: float = 0.6, seeds: int = 2) -> list[Item]:
    return [
        replace(named(folder, name, seed, seconds), choices=(), recordings=(f"{name} {seed}",))
        for name in NAMES
        for seed in range(seeds)
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_learner_is_trained_saved_opened_and_rerun(
    kind: str, dtype: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = load_learner(folders[kind], dtype=dtype)
    asked = items(tmp_path / "sounds")
    if kind == "composed":  # a token every 0.32 s
        asked = [item for item in asked if len(learner.tokenizer.encode(item.answer)) < 3]
    settings = CtcSettings(**FEW, groups=projecting(kind), held_out=0.3)
    lm = {n: t.clone() for n, t in learner.state().items() if n.startswith("lm.")}
    before = learner.identity()
    run_stage("ctc", learner, asked, settings, tmp_path / "run")
    run = read_run(tmp_path / "run" / "ctc")
    records = run.records("metrics")
    assert len(records) == 3 and all(r["loss"] > 0 and r["audio_grad_norm"] > 0 for r in records)
    assert [r["step"] for r in run.records("evaluations")] == [0, 2, 3]
    assert all(r["token_error_rate"] >= 0 for r in run.records("evaluations"))
    assert learner.identity() != before
    assert all(torch.equal(t, learner.state()[name]) for name, t in lm.items())
    learner.save(tmp_path / "model")
    assert load_learner(str(tmp_path / "model"), dtype=dtype).identity() == learner.identity()
    fresh = load_learner(folders[kind], dtype=dtype)
    run_stage("ctc", fresh, asked, settings, tmp_path / "run")
    assert fresh.identity() == learner.identity()


def spoken(folder: Path) -> list[Item]:
    """Sequences of three sounds out of three, named in order, none twice in a row."""
    from harken.audio.clip import Part, ScenePlan

    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        order = [int(rng.integers(3))]
        while len(order) < 3:
            order.append((order[-1] + int(rng.integers(1, 3))) % 3)
        parts = tuple(
            Part(sound(folder, NAMES[n], 0.6, int(rng.integers(6))), at_s=0.7 * place)
            for place, n in enumerate(order)
        )
        scene = Clip(kind="plan", plan=ScenePlan(parts, 2.1))
        answer = " ".join("abc"[n] for n in order)
        found.append(Item("What is said?", answer, clips=(scene,), recordings=(f"take {seed}",)))
    return found


def test_it_learns_to_spell_what_it_did_not_hear_before(tmp_path: Path) -> None:
    learner = mini(audio_encoder="conformer", pool=1)
    settings = CtcSettings(
        steps=80, batch=16, threads=1, lr=1e-2, evaluate_every=80, held_out=0.2,
        groups=("audio_encoder", "projector"),
    )  # fmt: skip
    run_stage("ctc", learner, spoken(tmp_path / "sounds"), settings, tmp_path / "run")
    run = read_run(tmp_path / "run" / "ctc")
    first, last = run.records("evaluations")
    assert first["token_error_rate"] > 0.8 and last["token_error_rate"] < 0.3
    records = run.records("metrics")
    assert records[-1]["ctc"] < 0.3 * records[0]["ctc"]
    # Audio tokens at the peaks have come near the embeddings of their text.
    assert records[-1]["peaks"] > 0.8 and records[-1]["cosine"] < 0.3


def test_a_killed_run_ends_with_the_same_weights_and_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = items(tmp_path / "sounds", 0.9)
    settings = CtcSettings(**{**FEW, "steps": 4}, checkpoint_every=2, held_out=0.3)
    whole = mini()
    run_stage("ctc", whole, asked, settings, tmp_path / "whole")
    for place in range(1, 8):
        folder = tmp_path / str(place)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at_append(patch, place)
            run_stage("ctc", mini(), asked, settings, folder)
        again = mini()
        run_stage("ctc", again, asked, settings, folder)
        assert again.identity() == whole.identity(), place
        for name in ("metrics", "evaluations"):
            found = [read_run(one / "ctc").records(name) for one in (folder, tmp_path / "whole")]
            assert found[0] == found[1], (place, name)


def test_answers_that_do_not_fit_are_all_named_before_the_first_step(tmp_path: Path) -> None:
    learner = mini()
    good = items(tmp_path, 0.9)
    long = replace(good[0], answer="clip 1: yes clip 2: no clip 3: yes clip 4: no")
    repeated = replace(good[1], answer="5 5 5 5 5 5 5 5")
    with pytest.raises(DataError) as told:
        run_stage("ctc", learner, [*good, long, repeated], CtcSettings(**FEW), tmp_path / "run")
    for item in (long, repeated):
        assert f"{item.id}: the answer needs" in str(told.value)
    assert good[2].id not in str(told.value)
    assert not (tmp_path / "run" / "ctc" / "metrics.jsonl").exists()


def test_what_is_not_for_this_stage_is_left_out_and_counted(tmp_path: Path) -> None:
    one = items(tmp_path)
    others = [
        named(tmp_path, "noise"),
        replace(alike(tmp_path, "noise", "clicks"), choices=()),
        one[0].with_clips(()),
        replace(one[0], answer=" "),
    ]
    with Run.open(tmp_path / "run", {}) as run:
        stage.ctc(mini(), [*one, *others], CtcSettings(**FEW, held_out=0.3), run)
    found = run.read_json("ctc-items")
    assert found["left_out"] == {
        "2 clips": 1, "closed-ended": 1, "no answer": 1, "no clips": 1,
    }  # fmt: skip
    assert found["train"] + found["held_out"] == len(one) and found["held_out"] == 3
    with pytest.raises(DataError, match="1 closed-ended"):
        run_stage("ctc", mini(), others[:1], CtcSettings(**FEW), tmp_path / "none")


def test_nothing_is_measured_where_nothing_is_held_out(tmp_path: Path) -> None:
    run_stage("ctc", mini(), items(tmp_path), CtcSettings(**FEW, held_out=0.0), tmp_path / "run")
    records = read_run(tmp_path / "run" / "ctc").records("evaluations")
    assert records and all("token_error_rate" not in record for record in records)


def test_a_first_word_is_the_class_that_it_is_within_a_text(tmp_path: Path) -> None:
    learner: Learner = mini()
    learner.tokenizer = TextTokenizer.open(lm_folder(tmp_path / "lm"), {})
    encode = learner.tokenizer.encode
    assert spoken_tokens(learner, "clicks") == encode(" clicks") != encode("clicks")
    # Where the space would be a token of its own, it is nothing that is said.
    assert spoken_tokens(learner, "xy") == encode("xy")


def test_the_blank_is_a_token_that_no_answer_has() -> None:
    learner: Learner = mini()
    usual = Vocabulary.of(learner, ["noise", "clicks"], "")
    assert usual.ids[0] not in usual.classes and len(usual.ids) == len({*usual.ids})
    answers = ["noise", "clicks\n", "a b"]
    other = Vocabulary.of(learner, answers, "")
    assert other.ids[0] not in other.classes
    one = next(text for text in ("7", "6", "5") if len(learner.tokenizer.encode(text)) == 1)
    assert Vocabulary.of(learner, answers, one).ids[0] == learner.tokenizer.encode(one)[0]
    with pytest.raises(ConfigError, match="is in an answer"):
        Vocabulary.of(learner, [*answers, one], one)
    with pytest.raises(ConfigError, match="tokens"):
        Vocabulary.of(learner, answers, "clip 1: clip 2: 7 no 3")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"groups": ("projector", "lm")}, "does not run"),
        ({"temperature": 0}, "temperature"),
        ({"peak": 1.5}, "peak"),
        ({"held_out": -0.1}, "held_out"),
        ({"batch": 0}, "batch"),
        ({"cosine": -1}, "cosine"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CtcSettings(**wrong)


@pytest.mark.parametrize("answer", ["<eos>", "rain <eos> rain", "a dog <audio>"])
def test_answers_that_cannot_be_taught_are_named_before_step_0(answer: str, tmp_path: Path) -> None:
    learner = mini()
    asked = items(tmp_path / "sounds", seconds=1.2, seeds=1)
    wrong = replace(asked[0], answer=answer)
    settings = CtcSettings(**FEW, held_out=0.0)
    with (
        Run.open(tmp_path / "run", {}) as run,
        pytest.raises(DataError, match=rf"(?s)1 of 4 items.*{wrong.id}: the answer .* holds"),
    ):
        stage.ctc(learner, [wrong, *asked[1:]], settings, run)
    assert not run.count("metrics")
