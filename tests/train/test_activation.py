"""Activation tuning: answers of the model itself at a lower scale, taught at full scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from learner_kinds import KINDS, learner_folders
from stopped import stop_at_append

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.learner import Learner, load_learner
from harken.recipes.steps import run_stage
from harken.runs import read_run
from harken.train.activation import ActivationSettings, to_ask
from tiny_audio import NAMES, alike, mini, named

pytest.importorskip("peft")

FEW: dict[str, Any] = {
    "steps": 2, "batch": 2, "threads": 1, "lr": 1e-2, "checkpoint_every": 1, "collect": 6,
    "least": 1, "least_tokens": 1, "max_tokens": 40, "temperature": 1.5, "top_p": 1.0,
    "prompts": ("Which of these sounds do you hear?", "Is the same sound in both clips?"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return learner_folders(tmp_path_factory.mktemp("activation"))


def items(folder: Path) -> list[Item]:
    return [*(named(folder, name, 0, 0.3) for name in NAMES), alike(folder, NAMES[0], NAMES[2])]


def adapted(learner: Learner, size: float = 0.1) -> Learner:
    """With adapters that change something."""
    learner.add_lora(rank=2, alpha=4)
    with torch.no_grad():
        for number, (name, tensor) in enumerate(learner.net.named_parameters()):
            if "lora_B" in name:
                tensor.normal_(0, size, generator=torch.Generator().manual_seed(number))
    return learner


def ending(learner: Learner) -> Learner:
    """Sampled replies of a fresh model seldom end: the end is made more probable."""
    plain = learner.engine.generate

    def generate(*given: Any, **named: Any) -> Any:
        found = plain(*given, **named)
        return [replace(reply, ended=True) for reply in found]

    learner.engine.generate = generate  # type: ignore[method-assign]
    return learner


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_learner_is_trained_saved_opened_and_rerun(
    kind: str, dtype: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = ending(adapted(load_learner(folders[kind], dtype=dtype)))
    before = {n: t.clone() for n, t in learner.state().items()}
    asked, settings = items(tmp_path / "sounds"), ActivationSettings(**FEW)
    run_stage("activation", learner, asked, settings, tmp_path / "run")
    run = read_run(tmp_path / "run" / "activation")
    assert run.count("metrics") == 2 and run.count("activation-answers") == 6
    moved = {n for n, t in learner.state().items() if not torch.equal(t, before[n])}
    assert moved and all("lora_" in name for name in moved)
    learner.save(tmp_path / "model")
    assert load_learner(str(tmp_path / "model"), dtype=dtype).identity() == learner.identity()
    fresh = ending(adapted(load_learner(folders[kind], dtype=dtype)))
    run_stage("activation", fresh, asked, settings, tmp_path / "run")
    assert fresh.identity() == learner.identity()


def test_answers_are_those_at_the_lower_scale(tmp_path: Path) -> None:
    """At scale 0 they are the base's, whatever the adapters hold; at full scale they are not."""
    greedy = {**FEW, "temperature": 0.0, "scale": 0.0}
    found = []
    for size in (0.0, 5.0, 9.0):
        learner = ending(adapted(mini(), size))
        settings = ActivationSettings(**greedy)
        run_stage("activation", learner, items(tmp_path), settings, tmp_path / str(size))
        run = read_run(tmp_path / str(size) / "activation")
        found.append([record["reply"] for record in run.records("activation-answers")])
    assert found[0] == found[1] == found[2]
    settings = ActivationSettings(**{**greedy, "scale": 0.9})
    run_stage("activation", ending(adapted(mini(), 9.0)), items(tmp_path), settings, tmp_path / "b")
    other = read_run(tmp_path / "b" / "activation").records("activation-answers")
    assert [record["reply"] for record in other] != found[0]


def test_what_is_trained_on_is_what_was_said(tmp_path: Path) -> None:
    """What the model said at the lower scale becomes more probable at full scale."""
    learner = ending(adapted(mini()))
    settings = ActivationSettings(
        **{**FEW, "steps": 60, "batch": 3, "collect": 3, "temperature": 0.0, "max_tokens": 5}
    )
    asked = items(tmp_path)[:3]
    run_stage("activation", learner, asked, settings, tmp_path / "run")
    run = read_run(tmp_path / "run" / "activation")
    records, answers = run.records("metrics"), run.records("activation-answers")
    assert records[-1]["loss"] < records[0]["loss"] - 1
    prompts = [make_prompt(one, learner.style) for one in to_ask(asked, settings)]
    assert [prompt.question for prompt in prompts] == [record["prompt"] for record in answers]


def test_answers_that_are_cut_or_short_are_left_out_with_the_reason(tmp_path: Path) -> None:
    learner = adapted(mini())
    learner.engine.generate = _fixed(learner)  # type: ignore[method-assign]
    settings = ActivationSettings(**{**FEW, "least_tokens": 3, "collect": 4})
    run_stage("activation", learner, items(tmp_path), settings, tmp_path / "run")
    run = read_run(tmp_path / "run" / "activation")
    why = [record["why_not"] for record in run.records("activation-answers")]
    assert why == ["", "cut", "too short", ""]
    assert {r["answer_tokens"] for r in run.records("metrics")} == {8}  # two answers, three + end
    many = ActivationSettings(**{**FEW, "least_tokens": 3, "collect": 4, "least": 3})
    with pytest.raises(DataError, match=r"2 of 4 answers .* 1 cut, 1 too short"):
        run_stage("activation", learner, items(tmp_path), many, tmp_path / "few")


def _fixed(learner: Learner) -> Any:
    from harken.models.engine.generate import GeneratedReply

    ids = learner.tokenizer.encode("5 6 7")[:3]

    def generate(prompts: Any, *_: Any, **__: Any) -> list[Any]:
        text = learner.tokenizer.decode(ids)
        whole = GeneratedReply(text=text, ids=tuple(ids), ended=True)
        short = GeneratedReply(text=text[:1], ids=tuple(ids[:1]), ended=True)
        return [[whole, replace(whole, ended=False), short, whole][n] for n in range(len(prompts))]

    return generate


def test_every_clip_has_its_turn_before_one_has_a_second(tmp_path: Path) -> None:
    asked = to_ask(items(tmp_path), ActivationSettings(**{**FEW, "collect": 10}))
    keys = [tuple(clip.key for clip in one.clips) for one in asked]
    assert len({*keys[:5]}) == 5 and sorted(keys[:5]) == sorted(keys[5:])
    assert len({one.id for one in asked}) == 10
    # Nothing is asked twice, however many are wanted.
    assert len(to_ask(items(tmp_path), ActivationSettings(**{**FEW, "collect": 99}))) == 10


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no adapters"):
        run_stage("activation", mini(), items(tmp_path), ActivationSettings(**FEW), tmp_path / "1")
    bare = [item.with_clips(()) for item in items(tmp_path)]
    with pytest.raises(DataError, match="no items with clips"):
        run_stage("activation", adapted(mini()), bare, ActivationSettings(**FEW), tmp_path / "2")


def test_killed_while_answers_are_collected_or_taught_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, settings = items(tmp_path / "sounds"), ActivationSettings(**FEW)
    whole = ending(adapted(mini()))
    run_stage("activation", whole, asked, settings, tmp_path / "whole")
    for place in range(1, 4):
        folder = tmp_path / str(place)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at_append(patch, place)
            run_stage("activation", ending(adapted(mini())), asked, settings, folder)
        again = ending(adapted(mini()))
        run_stage("activation", again, asked, settings, folder)
        assert again.identity() == whole.identity()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scale": 1.0}, "scale"),
        ({"prompts": ()}, "prompts"),
        ({"prompts": (" ",)}, "prompts"),
        ({"least": 40}, "at most collect"),
        ({"least_tokens": 256}, "less than max_tokens"),
        ({"top_p": 0}, "top_p"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ActivationSettings(**wrong)
