"""AudioMCQ's JSON: as an array and as lines, with its labels of weak and strong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from made_sets import array, lines, names, read, refused, wavs

ROW = {
    "source_dataset": "Clotho",
    "id": "c-7",
    "question_type": "sound",
    "audio_path": "audio/a.wav",
    "question": "Which sound is it?",
    "answer": "cat",
    "choices": ["dog", "cat", "rain", "bell"],
    "structured_cot": "<type>sound</type>",
    "unstructured_cot": "It meows.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wavs(tmp_path, "audio/a.wav")
    return tmp_path


@pytest.mark.parametrize("write", [lines, array])
def test_every_field_has_its_place(folder: Path, write: Any) -> None:
    row = {**ROW, "audio-contribution": "strong"}
    (item,) = read(write(folder / ("s.jsonl" if write is lines else "s.json"), row), "audiomcq")
    assert (item.question, item.answer) == (ROW["question"], "cat")
    assert item.choices == ("dog", "cat", "rain", "bell")
    assert (item.task, item.tags, item.plan) == ("sound", ("Clotho",), {"key": "c-7"})
    assert item.rationales == ("<type>sound</type>", "It meows.")
    assert names(item) == ["a.wav"]
    assert item.contribution is not None
    assert (item.contribution.label, item.contribution.rule) == ("strong", "silence-vote")


@pytest.mark.parametrize("extra", [{}, {"audio-contribution": ""}, {"audio_contribution": None}])
def test_without_a_label_nothing_is_measured(folder: Path, extra: dict[str, Any]) -> None:
    (item,) = read(lines(folder / "s.jsonl", {**ROW, **extra}), "audiomcq")
    assert item.contribution is None


def test_one_reasoning_or_none(folder: Path) -> None:
    plain = {name: value for name, value in ROW.items() if "cot" not in name}
    some, none = read(
        lines(folder / "s.jsonl", {**plain, "gemini_cot": "G"}, {**plain, "answer": "dog"}),
        "audiomcq",
    )
    assert (some.rationales, none.rationales) == (("G",), ())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"answer": "B"}, "not among the choices"),
        ({"answer": 1}, "must be texts"),
        ({"choices": ["cat", "cat"]}, "repeat"),
        ({"choices": ["cat", 1]}, "not texts"),
        ({"audio_path": ""}, "names no audio"),
        ({"audio_path": "audio/gone.wav"}, "gone.wav"),
        ({"audio-contribution": "medium"}, "accepted: weak, strong"),
        ({"question": " "}, "not empty"),
    ],
)
def test_faults(folder: Path, change: dict[str, Any], told: str) -> None:
    refused(lines(folder / "s.jsonl", ROW, {**ROW, **change}), "1 fault", "line 2: ", told)


def test_audio_below_another_root(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    apart = tmp_path_factory.mktemp("json")
    path = lines(apart / "s.jsonl", ROW)
    refused(path, "audio/a.wav", "no such file")
    assert len(read(path, "audiomcq", folder)) == 1
