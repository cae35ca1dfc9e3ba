"""Training on answers: packed as unpacked, sizes in the run, and what is told before step 0."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import tiny_granite
import tiny_qwen2_audio
import torch
from tiny import write

from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.runs import Run, read_run
from harken.train.align import AlignSettings, align
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, alike, mini, named

FEW: dict[str, Any] = {"steps": 4, "batch": 5, "lr": 1e-3, "threads": 1}


def items(folder: Path) -> list[Item]:
    one = [named(folder, name, n, 0.2 + 0.5 * n) for n, name in enumerate(NAMES)]
    return [*one, alike(folder, "noise", "clicks"), Item("Which?", "a", ("a", "b"))]


def trained(learner: Learner, asked: list[Item], folder: Path, **more: Any) -> dict[str, Any]:
    with Run.open(folder, {}) as run, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sft(learner, asked, SftSettings(**{**FEW, **more}), run)
    return {name: tensor.clone() for name, tensor in learner.state().items()}


@pytest.mark.parametrize("kind", ["composed", "qwen2_audio"])
def test_packed_training_ends_with_the_same_weights(kind: str, tmp_path: Path) -> None:
    if kind == "qwen2_audio":
        write(tiny_qwen2_audio.TINY, tmp_path / "own", FAMILIES.get(kind).template)
    asked = items(tmp_path)
    ends = {}
    for room in (0, 90, 400):
        learner = load_learner(f"native:{tmp_path / 'own'}") if kind != "composed" else mini()
        ends[room] = trained(learner, asked, tmp_path / f"run{room}", pack_tokens=room)
    metrics = [read_run(tmp_path / f"run{room}").records("metrics") for room in ends]
    for a, b, c in zip(*metrics, strict=True):
        assert a["answer_tokens"] == b["answer_tokens"] == c["answer_tokens"]
        assert a["loss"] == pytest.approx(b["loss"], abs=2e-5) == pytest.approx(c["loss"], abs=2e-5)
    for room in (90, 400):
        for name, tensor in ends[0].items():
            # AdamW divides by the size of a gradient: rounding of one near 0 is a whole step.
            torch.testing.assert_close(ends[room][name], tensor, atol=3e-3, rtol=0, msg=name)
            assert (ends[room][name] - tensor).abs().float().mean() < 2e-4, name


def test_a_model_that_cannot_be_packed_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    tiny = tiny_granite.TINIES[0]
    write(tiny, tmp_path / "own", FAMILIES.get(tiny.kind).template)
    adapter = load_learner(f"native:{tmp_path / 'own'}")
    for learner, words in ((adapter, "adapter is switched"), (mini(lm="lfm2-ca"), "lfm2")):
        with (
            Run.open(tmp_path / words[:4], {}) as run,
            pytest.raises(ConfigError, match=f"pack_tokens is 50, .*{words}"),
        ):
            sft(learner, items(tmp_path), SftSettings(**FEW, pack_tokens=50), run)


def test_sizes_are_in_the_run(tmp_path: Path) -> None:
    learner = mini()
    asked = items(tmp_path)
    trained(learner, asked, tmp_path / "run", steps=3)
    run = read_run(tmp_path / "run")
    lines = {line["item"]: line for line in run.records("measured")}
    assert {*lines} == {item.id for item in asked}
    for item in asked:
        assert lines[item.id]["clips"] == len(item.clips)
        expected = sum(learner.audio_input(clip).tokens for clip in item.clips)
        assert lines[item.id]["audio_tokens"] == expected
    total = run.read_json("measured")["sft"]
    assert total["examples"] == len(asked)
    assert total["tokens"]["sum"] == sum(line["tokens"] for line in lines.values())


def test_turns_are_measured_as_they_are_trained(tmp_path: Path) -> None:
    one = named(tmp_path, "noise")
    asked = [one, Item("And now?", "noise", NAMES, one.clips), named(tmp_path, "clicks")]
    trained(mini(question_first=False), asked, tmp_path / "run", turns=2, steps=2)
    lines = {line["item"]: line["clips"] for line in read_run(tmp_path / "run").records("measured")}
    assert lines == {f"{asked[0].id},{asked[1].id}": 1, asked[2].id: 1}


def test_all_items_that_cannot_be_taught_are_listed(tmp_path: Path) -> None:
    good = items(tmp_path)
    clips = good[0].clips
    bad = {
        "has no tokens": Item("What?", " ", (), clips),
        "holds <eos>": Item("What?", "a dog <eos>", (), clips),
        "too long": Item("What? " * 900, "a dog", (), clips),
    }
    with Run.open(tmp_path / "run", {}) as run, pytest.raises(DataError) as caught:
        sft(mini(), [*good, *bad.values()], SftSettings(**FEW), run)
    lines = str(caught.value).splitlines()
    for words, item in bad.items():
        (line,) = [line for line in lines if item.id in line]
        assert words in line or (words == "too long" and "tokens long, the context" in line)
    assert not any(item.id in str(caught.value) for item in good)


def test_faults_of_the_audio_can_stop_a_stage(tmp_path: Path) -> None:
    asked = [Item("Name it.", name, (), named(tmp_path, name).clips) for name in NAMES]
    learner = mini()
    plain = learner.net.encode
    learner.net.encode = lambda given: [t * 0 for t in plain(given)]  # type: ignore[method-assign]
    few = {**FEW, "steps": 2}
    with Run.open(tmp_path / "told", {}) as run, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        align(learner, asked, AlignSettings(**few), run)
    assert any("are equal" in str(one.message) for one in caught)
    told = [
        r["audio_fault"] for r in read_run(tmp_path / "told").records("log") if "audio_fault" in r
    ]
    assert any("are equal" in text for text in told)
    with Run.open(tmp_path / "stop", {}) as run, pytest.raises(RunError, match="are equal"):
        align(learner, asked, AlignSettings(**few, audio_faults="stop"), run)
    with pytest.raises(ConfigError, match="audio_faults is 'ignore'"):
        AlignSettings(audio_faults="ignore")
