"""Replies of models as drafts: fields, or which fault there is; and what real models write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harken.models.base import Reply
from harken.parsing import object_within
from harken.synth.writers.load import WRITERS, writer_kind
from harken.synth.writers.model import draft_of, schema_of
from harken.synth.writing.load import TASKS

REWORD = TASKS.get("reword")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Sure: ```json\n{"a": {"b": [1]}}\n``` and {"c": 2}', {"a": {"b": [1]}}),
        ('{oops} then {"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": ', None),
        ("[1, 2]", None),
        ("{" * 5000, None),
    ],
)
def test_an_object_is_found_within_words(text: str, found: object) -> None:
    assert object_within(text) == found


@pytest.mark.parametrize(
    ("reply", "outcome", "note"),
    [
        (Reply('{"question": "What?", "options": ["a", "b"]}'), "written", ""),
        (Reply('<think>{"x": 1}</think>{"question": "What?"}'), "written", ""),
        (Reply('{"question": 3}'), "unparsed", "no text 'question'"),
        (Reply('{"question": "What?", "options": "a"}'), "unparsed", "no list of texts"),
        (Reply("What?"), "unparsed", "no JSON object"),
        (Reply('{"question": "Wh', stop="length"), "unparsed", "cut"),
        (Reply("I'm sorry, I can't help with that."), "refused", "declined"),
        (Reply("", stop="failed", error="timeout"), "failed", "timeout"),
    ],
)
def test_faults_of_replies_are_told_apart(reply: Reply, outcome: str, note: str) -> None:
    draft = draft_of(reply, REWORD)
    assert draft.outcome == outcome and note in draft.note
    assert bool(draft.fields) == (outcome == "written")


@pytest.mark.parametrize("name", list(TASKS))
def test_a_reply_in_the_form_of_the_schema_is_a_draft(name: str) -> None:
    task = TASKS.get(name)
    schema = json.loads(schema_of(task))
    example: dict[str, object] = {
        key: ["a", "b"] if value["type"] == "array" else "a"
        for key, value in schema["properties"].items()
    }
    assert schema["required"] == [*task.texts, *task.lists] == [*schema["properties"]]
    assert schema["additionalProperties"] is False
    assert draft_of(Reply(json.dumps(example)), task).fields == example


def test_a_name_that_is_no_writers_is_a_models() -> None:
    assert tuple(WRITERS) == ("grammar", "model", "replay")
    assert writer_kind("grammar")[0].name == "grammar"
    assert writer_kind("replay:x/y") == (WRITERS.get("replay"), "x/y")
    for spec in ("openai:m@http://h/v1", "folder/model", "linear"):
        assert writer_kind(spec) == (WRITERS.get("model"), spec)
        assert writer_kind(f"model:{spec}") == (WRITERS.get("model"), spec)


WEIGHTS = Path(os.environ.get("HARKEN_WEIGHTS", "")) / "smollm2-135m-instruct"


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="needs HARKEN_WEIGHTS/smollm2-135m-instruct")
def test_a_small_model_writes_and_only_true_texts_are_kept(tmp_path: Path) -> None:
    """Its replies are objects, since they are held to their schema; what they say is judged."""
    pytest.importorskip("transformers")
    pytest.importorskip("llguidance")
    from smollm2 import measured

    found = measured(tmp_path, count=6, task="caption-short", rounds=1)
    assert found["kept"] + found["dropped"] == 6 == found["drafts"]
    assert found["rejected"].get("unparsed", 0) <= 2, "only where a text has no end"
    assert sum(found["written"].values()) == found["kept"]
