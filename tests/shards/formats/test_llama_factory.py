"""LLaMA-Factory's alpaca and sharegpt, with and without a list that describes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harken.item import Dialogue, Exchange
from made_sets import array, lines, names, read, refused, wavs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wavs(tmp_path, "a.wav", "b.wav")
    return tmp_path


def said(*texts: str) -> list[dict[str, str]]:
    return [
        {"from": ("human", "gpt")[number % 2], "value": text} for number, text in enumerate(texts)
    ]


def described(folder: Path, **entries: dict[str, Any]) -> Path:
    path = folder / "dataset_info.json"
    path.write_text(json.dumps(entries, indent=2))
    return path


ALPACA = {"instruction": "<audio>What is said?", "output": "hello", "audios": ["a.wav"]}
SHARED = {"conversations": said("<audio>What is said?", "hello"), "audios": ["a.wav"]}


@pytest.mark.parametrize("row", [ALPACA, {**ALPACA, "input": ""}, SHARED])
@pytest.mark.parametrize("write", [lines, array])
def test_one_question_in_both_shapes_and_files(
    folder: Path, row: dict[str, Any], write: Any
) -> None:
    name = "set.jsonl" if write is lines else "set.json"
    (item,) = read(write(folder / name, row), "llama-factory")
    assert (item.question, item.answer, names(item)) == ("What is said?", "hello", ["a.wav"])
    assert item.dialogue is None


def test_input_system_and_history_of_alpaca(folder: Path) -> None:
    row = {
        **ALPACA,
        "instruction": "Translate:",
        "input": "<audio>",
        "system": "S",
        "history": [["Ready?", "Yes."]],
    }
    first, second = read(array(folder / "s.json", row), "llama-factory")
    assert (first.question, first.answer, names(first)) == ("Ready?", "Yes.", [])
    assert second.question == "Translate:"
    assert second.dialogue == Dialogue("S", (Exchange("Ready?", "Yes."),), ((1, 10),))


def test_a_system_message_may_be_a_turn_or_a_column(folder: Path) -> None:
    turn = [{"from": "system", "value": "S"}, *SHARED["conversations"]]
    path = array(folder / "s.json", {**SHARED, "conversations": turn}, {**SHARED, "system": "S"})
    (item,) = read(path, "llama-factory")  # the same item twice
    assert item.dialogue == Dialogue("S")


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "<audio>Q?", "chosen": "good", "rejected": "bad", "audios": ["a.wav"]},
        {
            "conversations": said("<audio>Q?"),
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
            "audios": ["a.wav"],
        },
    ],
)
def test_pairs(folder: Path, row: dict[str, Any]) -> None:
    (item,) = read(array(folder / "s.json", row), "llama-factory")
    assert (item.answer, item.rejected) == ("good", "bad")


def test_the_list_names_columns_and_tags_whichever_way_the_set_is_named(folder: Path) -> None:
    row = {
        "talk": [{"who": "U", "said": "<audio>Q?"}, {"who": "A", "said": "hello"}],
        "sounds": ["b.wav"],
    }
    path = array(folder / "mine.json", row)
    own = {
        "file_name": "mine.json",
        "formatting": "sharegpt",
        "columns": {"messages": "talk", "audios": "sounds"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "U", "assistant_tag": "A"},
    }
    listed = described(folder, mine=own)
    for named in (path, listed, folder):
        (item,) = read(named, "llama-factory")
        assert (item.question, item.answer, names(item)) == ("Q?", "hello", ["b.wav"])


def test_of_a_list_of_several_sets_the_file_is_to_be_named(folder: Path) -> None:
    array(folder / "a.json", ALPACA)
    array(folder / "b.json", SHARED)
    entry = {"formatting": "sharegpt"}
    listed = described(
        folder, a={"file_name": "a.json"}, b={"file_name": "b.json", **entry}, c={"hf_hub_url": "x"}
    )
    refused(listed, "describes 2 files", "a.json, b.json", "Name the file")
    assert len(read(folder / "a.json", "llama-factory")) == 1
    assert len(read(folder / "b.json", "llama-factory")) == 1


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**ALPACA, "audios": []}, "fewer sounds than tags"),
        ({**ALPACA, "audios": ["a.wav", "b.wav"]}, "1 more sounds"),
        ({**ALPACA, "audios": ["lost.wav"]}, "lost.wav"),
        ({**ALPACA, "output": None}, "'output' is None"),
        ({**ALPACA, "kto_tag": False}, "marked as bad"),
        ({**ALPACA, "images": ["i.png"]}, "images"),
        ({**SHARED, "conversations": said("<audio>Q?", "x", "y")}, "nothing to teach"),
        (
            {
                **SHARED,
                "conversations": [*said("<audio>Q?"), {"from": "observation", "value": "x"}],
            },
            "'observation'",
        ),
    ],
)
def test_faults_are_listed_with_the_line_of_their_element(
    folder: Path, row: dict[str, Any], told: str
) -> None:
    refused(array(folder / "s.json", ALPACA, SHARED, row), "1 fault", "line 4: ", told)


def test_a_broken_array_is_told_with_its_line(folder: Path) -> None:
    path = folder / "s.json"
    row = json.dumps(ALPACA)
    path.write_text(f"[\n{row},\n{row}\n{row}]")
    refused(path, "not a JSON array", "line 4")


OWN = {"file_name": "deep/mine.json", "columns": {"prompt": "ask", "response": "say"}}


@pytest.mark.parametrize("named", ["deep/mine.json", "./deep/mine.json", "deep"])
def test_a_description_names_a_file_in_a_folder(folder: Path, named: str) -> None:
    path = array(folder / "deep" / "mine.json", {"ask": "Q?", "say": "hello"})
    listed = described(folder, mine={**OWN, "file_name": named})
    for place in (path, listed, folder):
        (item,) = read(place, "llama-factory")
        assert (item.question, item.answer) == ("Q?", "hello")


def test_a_description_is_of_its_own_file_only(folder: Path) -> None:
    described(folder, mine=OWN)
    (item,) = read(array(folder / "mine.json", {**ALPACA, "output": "own"}), "llama-factory")
    assert item.answer == "own"
    other = array(folder / "other" / "mine.json", {"instruction": "Q?", "output": "own"})
    assert len(read(other, "llama-factory")) == 1
    array(folder / "deep" / "a.json", ALPACA)
    array(folder / "deep" / "b.json", ALPACA)
    refused(described(folder, mine={**OWN, "file_name": "deep"}), "a folder of 2 files")


@pytest.mark.parametrize(
    ("more", "key", "roles"),
    [
        ({}, "messages", ("user", "assistant")),
        ({}, "conversations", ("user", "assistant")),
        ({"columns": {"messages": "talk"}}, "talk", ("user", "assistant")),
        ({"tags": {"assistant_tag": "bot"}}, "messages", ("user", "bot")),
    ],
)
def test_openai_has_roles_and_contents(
    folder: Path, more: dict[str, Any], key: str, roles: tuple[str, str]
) -> None:
    talk = [
        {"role": "system", "content": "S"},
        {"role": roles[0], "content": "<audio>Q?"},
        {"role": roles[1], "content": "hello"},
    ]
    path = array(folder / "o.json", {key: talk, "audios": ["a.wav"]})
    described(folder, o={"file_name": "o.json", "formatting": "openai", **more})
    (item,) = read(path, "llama-factory")
    assert (item.question, item.answer, names(item)) == ("Q?", "hello", ["a.wav"])
    assert item.dialogue == Dialogue("S")


@pytest.mark.parametrize("formatting", ["chatml", "OpenAI", 3])
def test_unknown_formattings_are_refused_by_name(folder: Path, formatting: object) -> None:
    path = array(folder / "o.json", ALPACA)
    described(folder, o={"file_name": "o.json", "formatting": formatting})
    refused(path, repr(formatting), "o.json", "alpaca, sharegpt, openai")
