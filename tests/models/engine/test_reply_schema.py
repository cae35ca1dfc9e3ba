"""Replies that are held to a JSON schema, by a model that knows nothing of JSON."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from harken.errors import ConfigError
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine import reply_schema
from harken.models.engine.reply_schema import HeldReplies, SchemaMatcher, grammar_of
from harken.parsing import object_schema
from tiny_audio import mini

llguidance = pytest.importorskip("llguidance")

GRADES = object_schema({"fluency": {"type": "integer", "enum": [1, 2, 3, 4, 5]}})
LISTS = object_schema(
    {"options": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3, "minItems": 1}}
)

ENDLESS = '{"type": "array", "items": {"$ref": "#"}, "minItems": 1}'
WIDTH = 512


@pytest.fixture(scope="module")
def learner() -> ComposedModel:
    """With fresh weights: what it says is noise."""
    return mini(2)


def asked(text: str, schema: str = "") -> Prompt:
    return Prompt((text,), text, style=PromptStyle(letters=False), schema=schema)


def written(replies: list[Reply]) -> list[Any]:
    assert [reply.stop for reply in replies] == ["end"] * len(replies)
    return [json.loads(reply.text) for reply in replies]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_noise_becomes_objects_of_the_schema(learner: ComposedModel, temperature: float) -> None:
    prompts = [asked(f"number {i}", GRADES if i % 2 else LISTS) for i in range(8)]
    found = written(learner.generate(prompts, Sampling(96, temperature)))
    for number, own in enumerate(found):
        if number % 2:
            assert [*own] == ["fluency"] and own["fluency"] in range(1, 6)
        else:
            assert 1 <= len(own["options"]) <= 3 and {*own["options"]} <= {"a", "b"}


def test_in_a_batch_the_others_are_free(learner: ComposedModel) -> None:
    free = [asked("how is it"), asked("and this")]
    (alone, other), how = learner.generate(free, Sampling(12)), Sampling(96)
    held = learner.generate([asked("how is it", GRADES)], how)
    mixed = learner.generate([free[0], asked("how is it", GRADES), free[1]], Sampling(96))
    assert mixed[1] == held[0]
    assert mixed[0].text.startswith(alone.text) and mixed[2].text.startswith(other.text)


def test_a_text_is_closed_only_by_its_end(learner: ComposedModel) -> None:
    schema = object_schema({"caption": {"type": "string"}})
    (reply,) = learner.generate([asked("say it", schema)], Sampling(24))
    assert reply.text.startswith('{"caption": "')
    if reply.stop == "end":
        assert isinstance(json.loads(reply.text)["caption"], str)


def test_what_is_thought_first_has_no_form(learner: ComposedModel) -> None:
    free = learner.generate([asked("how is it")], Sampling(12, thinking_tokens=4))
    assert learner.generate([asked("how is it", GRADES)], Sampling(12, thinking_tokens=4)) == free


def test_rows_of_other_lengths_keep_their_schemas(learner: ComposedModel) -> None:
    """Prompts are put to the model in the order of their lengths, not in that of the schemas."""
    long = "and so on " * 20
    prompts = [asked("a", GRADES), asked(long, LISTS), asked("b " * 9, GRADES), asked(long * 2)]
    grade, options, other, _ = learner.generate(prompts, Sampling(96))
    assert [*json.loads(grade.text)] == ["fluency"] == [*json.loads(other.text)]
    assert [*json.loads(options.text)] == ["options"]


@pytest.mark.parametrize("schema", [ENDLESS, '{"$ref": "#"}', '{"type": "no such type"}'])
def test_a_schema_that_cannot_be_followed_fails_alone(learner: ComposedModel, schema: str) -> None:
    prompts = [asked("how is it", GRADES), asked("and this", schema), asked("free")]
    held, failed, free = learner.generate(prompts, Sampling(64))
    assert failed.stop == "failed" and "cannot be followed" in str(failed.error)
    assert [held, free] == learner.generate([prompts[0], prompts[2]], Sampling(64))


def test_tokens_of_an_unknown_kind_leave_replies_free(
    learner: ComposedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(reply_schema.progress, "note", told.append)
    reply_schema._tell.cache_clear()
    unknown = deepcopy(learner.tokenizer)
    known = json.loads(unknown.to_json())
    known["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    monkeypatch.setattr(unknown, "to_json", lambda: json.dumps(known))
    logits = torch.zeros(1, WIDTH)
    assert torch.equal(HeldReplies(unknown, WIDTH, [GRADES]).masked(logits), logits)
    assert len(told) == 1 and "not known to llguidance" in told[0]


def test_the_tokens_are_read_once(learner: ComposedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    SchemaMatcher(learner.tokenizer, WIDTH, GRADES)
    monkeypatch.setattr(learner.tokenizer, "to_json", None)
    SchemaMatcher(learner.tokenizer, WIDTH, LISTS)


def test_spaces_are_put_in_one_way(learner: ComposedModel) -> None:
    two = object_schema({"a": {"enum": [1]}, "b": {"enum": [2]}})
    assert learner.generate([asked("x", two)], Sampling(64))[0].text == '{"a": 1, "b": 2}'


def test_allowed_ids_are_those_that_begin_the_object(learner: ComposedModel) -> None:
    width = learner.net.lm.get_input_embeddings().num_embeddings
    matcher = SchemaMatcher(learner.tokenizer, width, GRADES)
    allowed = matcher.allowed()
    assert allowed.shape == (width,) and allowed.dtype == torch.bool
    texts = {learner.tokenizer.decode([int(i)]).strip() for i in allowed.nonzero()[:, 0]}
    assert texts and all('{"fluency": '.startswith(text) for text in texts)


@pytest.mark.parametrize("wrong", ['{"type": "no such type"}', "{", '{"type": "string"} {}'])
def test_no_schema_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="cannot be followed"):
        grammar_of(wrong)


def test_without_the_library_replies_are_free_and_that_is_told(
    learner: ComposedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(reply_schema, "find_spec", lambda name: None)
    monkeypatch.setattr(reply_schema.progress, "note", told.append)
    reply_schema._tell.cache_clear()
    logits = torch.zeros(2, WIDTH)
    for schemas in ([GRADES, ""], [GRADES, GRADES], ["", ""]):
        assert torch.equal(HeldReplies(learner.tokenizer, WIDTH, schemas).masked(logits), logits)
    assert len(told) == 1 and "harken[structured]" in told[0]


def test_a_schema_is_part_of_a_prompt() -> None:
    assert replace(asked("a"), schema=GRADES) != asked("a")
