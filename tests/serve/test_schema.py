"""``response_format``: replies that are held to a JSON schema, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("llguidance")

from test_server import PitchModel, Served, post, text, user

from harken.models.base import Prompt, PromptStyle, Sampling
from harken.models.load import load_model
from harken.parsing import object_schema
from harken.serve.fields import SCHEMA
from tiny_audio import mini

GRADE = object_schema({"grade": {"type": "integer", "enum": [1, 2, 3]}})
ASKED = {"model": "harken-mini", "messages": user(text("how is it?")), "max_tokens": 64}


def _with(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


AMBIGUOUS = {"allOf": [{"anyOf": [_with(f"p{n}"), _with(f"q{n}")]} for n in range(11)]}
"""Of 2^11 forms, which take seconds to be written as a grammar of the usual limits."""


def schema_of(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, **more}}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    one = Served(mini(2), name="harken-mini")
    yield one
    one.close()


def test_the_official_client_gets_an_object_of_its_schema(served: Served) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        for seed in range(4):
            reply = client.chat.completions.create(
                **ASKED, seed=seed, response_format=schema_of(json.loads(GRADE), strict=True)
            )
            choice = reply.choices[0]
            assert choice.finish_reason == "stop"
            found = json.loads(choice.message.content)
            assert [*found] == ["grade"] and found["grade"] in (1, 2, 3)


def test_some_object_and_log_probabilities_go_together(served: Served) -> None:
    asked = {**ASKED, "response_format": {"type": "json_object"}, "logprobs": True}
    status, told = post(served.url, {**asked, "max_tokens": 4})
    assert status == 200
    choice = told["choices"][0]
    assert choice["message"]["content"].startswith("{") and choice["logprobs"]["content"]


def test_a_writer_of_harken_is_held_to_its_form_over_http(served: Served) -> None:
    model = load_model(f"openai:harken-mini@{served.url}")
    asked = Prompt(("how is it?",), "how is it?", style=PromptStyle(letters=False))
    (reply,) = model.generate([replace(asked, schema=GRADE)], Sampling(64))
    assert json.loads(reply.text)["grade"] in (1, 2, 3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("json", "must have the type"),
        ({"type": "xml"}, "must have the type"),
        ({"type": "json_schema"}, "needs json_schema with a schema"),
        (schema_of("{}"), "needs json_schema with a schema"),
        (schema_of({"type": "no such type"}), "cannot be followed"),
        (schema_of({"$ref": "https://127.0.0.1:1/schema.json"}), "cannot be followed"),
        (schema_of({"description": "x" * SCHEMA}), "are the limit"),
        (schema_of({"$ref": "#"}), "cannot be followed"),
        (schema_of(AMBIGUOUS), "cannot be followed"),
        (schema_of({"type": "integer", "maximum": float("inf")}), "is not JSON"),
        (schema_of({"type": "string"}, strict="no"), "strict is not supported"),
        (schema_of({"type": "string"}, grammar="x"), "grammar is not supported"),
        ({"type": "json_object", "schema": {"type": "object"}}, "schema is not supported"),
    ],
)
def test_what_is_no_schema_is_a_400(served: Served, wrong: Any, told: str) -> None:
    status, error = post(served.url, {**ASKED, "response_format": wrong})
    assert status == 400 and error["error"]["param"] == "response_format"
    assert told in error["error"]["message"]


def test_a_schema_that_cannot_be_followed_to_its_end_is_a_400(served: Served) -> None:
    endless = {"type": "array", "items": {"$ref": "#"}, "minItems": 1}
    status, error = post(served.url, {**ASKED, "response_format": schema_of(endless)})
    assert status == 400 and "cannot be followed" in error["error"]["message"]


def test_models_that_cannot_say_so_and_free_text_is_for_all(served: Served) -> None:
    one = Served(PitchModel())
    asked = {**ASKED, "model": "pitch"}
    status, error = post(one.url, {**asked, "response_format": schema_of(json.loads(GRADE))})
    assert status == 400 and "pitch cannot be held to a schema" in error["error"]["message"]
    for free in ({"type": "text"}, None):
        assert post(one.url, {**asked, "response_format": free})[0] == 200
    hint = load_model(f"openai:pitch@{one.url}?retries=0")
    prompt = Prompt(("how?",), "how?", style=PromptStyle(letters=False), schema=GRADE)
    (reply,) = hint.generate([prompt], Sampling(8))
    assert reply.stop == "failed" and "?structured=off" in str(reply.error)
    off = load_model(f"openai:pitch@{one.url}?structured=off")
    assert off.generate([prompt], Sampling(8))[0].stop == "end"
    one.close()
