"""ms-swift's JSON lines, in the forms of its documents and of its older releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harken.ask.prompt import make_prompt
from harken.item import Dialogue, Exchange
from harken.models.base import PromptStyle
from made_sets import lines, names, read, refused, turns, wavs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wavs(tmp_path, "a.wav", "b.wav", "c.wav")
    return tmp_path


@pytest.mark.parametrize(
    "row",
    [
        {"messages": turns("<audio>What is said?", "hello"), "audios": ["a.wav"]},
        {"messages": turns("<audio>\nWhat is said?", " hello "), "audios": "a.wav"},
        {"messages": turns("What is said?", "hello"), "audios": [{"path": "a.wav"}]},
        {"query": "<audio>What is said?", "response": "hello", "audios": ["a.wav"]},
        {"query": "<audio>a.wav</audio>\nWhat is said?", "response": "hello"},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "audio", "audio": "a.wav"},
                        {"type": "text", "text": "What is said?"},
                    ],
                },
                {"role": "assistant", "content": "hello"},
            ]
        },
        {
            "conversation": [{"human": "<audio>What is said?", "assistant": "hello"}],
            "audios": ["a.wav"],
        },
        {"messages": turns("<audio>What is said?"), "audios": ["a.wav"], "solution": "hello"},
        {
            "messages": turns("<audio>What is said?"),
            "audios": ["a.wav"],
            "solution": "<answer> hello </answer>",
        },
    ],
)
def test_one_question_in_every_form(folder: Path, row: dict[str, Any]) -> None:
    (item,) = read(lines(folder / "set.jsonl", row), "ms-swift")
    assert (item.question, item.answer, item.choices) == ("What is said?", "hello", ())
    assert names(item) == ["a.wav"]
    assert item.dialogue is None
    assert item.clips[0].sha256
    assert item.history[0].note == "ms-swift"


def test_clips_stand_at_their_tags_and_each_reply_is_taught_after_what_came_before(
    folder: Path,
) -> None:
    said = turns("Is <audio> louder than <audio>?", "No.", "And <audio>?", "Yes.")
    row = {
        "messages": [{"role": "system", "content": "Be brief."}, *said],
        "audios": ["a.wav", "b.wav", "c.wav"],
    }
    first, second = read(lines(folder / "s.jsonl", row), "ms-swift")
    assert (first.question, first.answer) == ("Is  louder than ?", "No.")
    assert first.dialogue == Dialogue("Be brief.", (), ((0, 3), (0, 16)))
    assert names(first) == ["a.wav", "b.wav"]
    assert (second.question, second.answer) == ("And ?", "Yes.")
    earlier = (Exchange("Is  louder than ?", "No."),)
    assert second.dialogue == Dialogue("Be brief.", earlier, ((0, 3), (0, 16), (1, 4)))
    parts = make_prompt(second, PromptStyle()).parts
    texts = [part if isinstance(part, str) else Path(part.path).name for part in parts]
    assert texts == ["Is ", "a.wav", " louder than ", "b.wav", "?", "No.", "And ", "c.wav", "?"]


def test_a_reply_with_loss_false_is_context_only(folder: Path) -> None:
    said: list[dict[str, Any]] = [*turns("<audio>First?", "one", "Second?", "two")]
    said[1]["loss"] = False
    (item,) = read(lines(folder / "s.jsonl", {"messages": said, "audios": ["a.wav"]}), "ms-swift")
    assert (item.question, item.answer) == ("Second?", "two")
    assert item.dialogue == Dialogue(earlier=(Exchange("First?", "one"),), places=((0, 0),))


def test_older_history_is_earlier_turns_that_are_taught_too(folder: Path) -> None:
    row = {
        "system": "S",
        "history": [["<audio>First?", "one"]],
        "query": "Second?",
        "response": "two",
        "audios": ["a.wav"],
    }
    first, second = read(lines(folder / "s.jsonl", row), "ms-swift")
    assert (first.answer, second.answer) == ("one", "two")
    assert first.dialogue == Dialogue("S")
    assert second.dialogue == Dialogue("S", (Exchange("First?", "one"),), ((0, 0),))


@pytest.mark.parametrize(
    "worse",
    [
        {"rejected_response": "bye"},
        {"rejected_response": ["bye"]},
        {"rejected_messages": turns("<audio>Q?", "bye")},
    ],
)
def test_a_preference_pair_is_of_the_last_reply(folder: Path, worse: dict[str, Any]) -> None:
    row = {"messages": turns("<audio>Hm?", "yes", "Q?", "hello"), "audios": ["a.wav"], **worse}
    (item,) = read(lines(folder / "s.jsonl", row), "ms-swift")
    assert (item.question, item.answer, item.rejected) == ("Q?", "hello", "bye")


def test_options_in_the_text_become_choices_or_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    path = lines(
        folder / "s.jsonl",
        {"messages": turns("<audio>Which?\nA. dog\nB. cat", "B"), "audios": ["a.wav"]},
        {"messages": turns("<audio>Which?\nA. dog\nB. cat\nOne letter.", "B"), "audios": ["a.wav"]},
    )
    closed, open_ended = read(path, "ms-swift")
    assert (closed.question, closed.choices, closed.answer) == ("Which?", ("dog", "cat"), "cat")
    assert open_ended.choices == ()
    assert open_ended.answer == "B"
    assert open_ended.question.endswith("One letter.")
    assert "open question: text follows the options" in open_ended.history[0].note
    assert any("1 of 2" in line and "open question" in line for line in told)
    assert any("1 of 2" in line and "its choices" in line for line in told)


def test_a_question_may_be_spoken(folder: Path) -> None:
    row = {"messages": turns("<audio>", "hello"), "audios": ["a.wav"]}
    (item,) = read(lines(folder / "s.jsonl", row), "ms-swift")
    assert item.question == ""
    assert item.dialogue == Dialogue(places=((0, 0),))


def test_text_only_rows_are_items_without_clips(folder: Path) -> None:
    (item,) = read(lines(folder / "s.jsonl", {"messages": turns("1 + 1?", "2")}), "ms-swift")
    assert item.clips == ()


AUDIO = {"audios": ["a.wav"]}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"messages": turns("<audio><audio>Q?", "x"), **AUDIO}, "fewer sounds than tags"),
        ({"messages": turns("<audio>Q?", "x"), "audios": ["a.wav", "b.wav"]}, "1 more sounds than"),
        ({"messages": turns("<audio>Q?", "x"), "audios": ["gone.wav"]}, "gone.wav': there is no"),
        ({"messages": turns("<audio>Q?", "x"), "audios": ["http://x/a.wav"]}, "download it"),
        ({"messages": turns("<audio>Q?", "x"), "audios": [3]}, "neither a path"),
        ({"messages": turns("Q?", "<audio>x"), **AUDIO}, "message of the assistant"),
        ({"messages": turns("<audio>Q?"), **AUDIO}, "nothing to teach"),
        ({"messages": turns("<audio>Q?", " "), **AUDIO}, "empty"),
        ({"messages": turns("<audio>Q?", "x"), **AUDIO, "images": ["i.png"]}, "images"),
        ({"messages": turns("<audio>Q?", "x"), **AUDIO, "label": False}, "marked as bad"),
        ({"messages": turns("<audio>Q?", "x"), **AUDIO, "rejected_response": "x"}, "answer itself"),
        (
            {"messages": [*turns("<audio>Q?", "x"), {"role": "tool", "content": "y"}], **AUDIO},
            "tool",
        ),
        ({"messages": turns("x", "<audio>Q?", roles=("assistant", "user")), **AUDIO}, "without a"),
        ({"messages": [{"role": "user", "content": None}], **AUDIO}, "not text"),
        ("{broken", "not JSON"),
        ("[1]", "a list, not an object"),
    ],
)
def test_every_fault_is_listed_with_its_line_and_nothing_is_dropped(
    folder: Path, row: Any, told: str
) -> None:
    good = {"messages": turns("<audio>Q?", "fine"), **AUDIO}
    path = lines(folder / "s.jsonl", good, row, "", {**good, "audios": ["lost.wav"]})
    message = refused(path, "2 faults", "line 2: ", told, "line 4: audio 'lost.wav'")
    assert "read as ms-swift" in message


def test_audio_is_found_beside_the_set_and_then_below_the_root(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("audio")
    wavs(other / "deep", "d.wav")
    rows = [{"messages": turns(f"<audio>{name}?", "x"), "audios": [name]}
            for name in ("a.wav", "deep/d.wav", str(other / "deep" / "d.wav"))]  # fmt: skip
    path = lines(folder / "s.jsonl", *rows)
    refused(path, "1 fault", "line 2", str(folder / "deep" / "d.wav"))
    items = read(path, "ms-swift", other)
    assert [Path(item.clips[0].path).parent for item in items] == [
        *(folder, other / "deep", other / "deep")
    ]


def test_repeated_items_are_taken_once_and_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    row = {"messages": turns("<audio>Q?", "x"), "audios": ["a.wav"]}
    assert len(read(lines(folder / "s.jsonl", row, row), "ms-swift")) == 1
    assert any("taken once" in line for line in told)


def test_replies_in_a_row_are_one_with_nothing_between(folder: Path) -> None:
    said = turns("Q?", "hel", "lo", roles=("user", "assistant"))
    said[2]["role"] = "assistant"
    (item,) = read(lines(folder / "s.jsonl", {"messages": said}), "ms-swift")
    assert item.answer == "hello"


@pytest.mark.parametrize(
    ("first", "second"), [(False, None), (None, False), (False, True), (True, 0)]
)
def test_of_replies_in_a_row_one_cannot_be_taught_alone(
    folder: Path, first: object, second: object
) -> None:
    said: list[dict[str, Any]] = [
        *turns("Q?", "one"),
        {"role": "assistant", "content": "two", "loss": second},
    ]
    said[1]["loss"] = first
    good = {"messages": turns("Q?", "x")}
    refused(lines(folder / "s.jsonl", good, {"messages": said}), "line 2", "in a row", "question")


def test_replies_in_a_row_that_are_both_taught_or_both_not(folder: Path) -> None:
    rows = []
    for loss in (True, False):
        said: list[dict[str, Any]] = [
            {"role": "user", "content": "Q?"},
            *({"role": "assistant", "content": text, "loss": loss} for text in ("a", "b")),
            *turns("R?", "x"),
        ]
        rows.append({"messages": said})
    first, second = (read(lines(folder / f"{i}.jsonl", row), "ms-swift") for i, row in
                     enumerate(rows))  # fmt: skip
    assert [item.answer for item in first] == ["ab", "x"]
    assert [item.answer for item in second] == ["x"]
