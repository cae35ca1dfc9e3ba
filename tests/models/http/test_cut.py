"""Replies that the server cut at their length, room and sampling on the wire, other models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from test_client import GREEDY, chosen, model, words

from fake_server import Standin
from harken.errors import ConfigError
from harken.models.base import Sampling
from harken.models.http.settings import HttpSettings
from harken.models.http.wire import WireFault, read_answer, read_refusal
from harken.models.load import load_model
from harken.models.reply_cache import ReplyCache
from harken.parsing import object_schema


def body(finish: str, **message: Any) -> bytes:
    said = {"role": "assistant", "content": "", **message}
    return json.dumps({"choices": [{"message": said, "finish_reason": finish}]}).encode()


@pytest.mark.parametrize(
    "message",
    [
        {"content": ""},
        {"content": None},
        {"content": " \n"},
        {"content": None, "reasoning_content": "Let me think about A"},
        {"content": "", "reasoning": "It may be B"},
        {"content": []},
        {"content": [{"type": "text", "text": ""}]},
    ],
)
def test_a_reply_cut_before_its_first_word_is_an_answer_without_text(message):
    answer = read_answer(body("length", **message))
    assert answer.stop == "length" and not answer.text.strip()
    for finish in ("stop", "tool_calls"):  # not cut: the server has not answered
        with pytest.raises(WireFault, match="empty reply"):
            read_answer(body(finish, **message))


def test_a_cut_reply_with_words_keeps_them():
    answer = read_answer(body("length", content="The answer is B, because the"))
    assert (answer.text, answer.stop) == ("The answer is B, because the", "length")


def test_a_cut_reply_is_asked_for_once_and_kept(tmp_path: Path):
    with Cutting() as server:
        for _ in range(2):
            own = model(server, replies=tmp_path / "replies")
            (reply,) = own.generate([words(1)], GREEDY)
            assert (reply.text, reply.stop, reply.error) == ("", "length", None)
            own.close()
        assert len(server.seen.bodies) == 1


def test_room_thinking_and_sampling_are_sent():
    how = Sampling(64, 0.7, 0, 5, 0.9, 1000)
    with Standin() as server:
        model(server).generate([chosen()], how)
        model(server, tokens_field="max_completion_tokens").generate([chosen()], how)
        model(server, thinking_field="thinking_budget").generate([chosen()], how)
        model(server, thinking_field="extra.thinking.budget").generate([chosen()], how)
        model(server, thinking_field="thinking_budget").generate([chosen()], GREEDY)
        sums, other, own, nested, greedy = server.seen.bodies
    assert sums["max_tokens"] == 1064 and (sums["top_p"], sums["seed"]) == (0.9, 5)
    assert other["max_completion_tokens"] == 1064 and "max_tokens" not in other
    assert own["thinking_budget"] == 1000 and own["max_tokens"] == 1064
    assert nested["extra"] == {"thinking": {"budget": 1000}}
    assert greedy["max_tokens"] == 32
    assert not {"top_p", "seed", "thinking_budget"} & set(greedy)


FORMS: tuple[dict[str, Any], ...] = ({}, {"structured": "json_object"}, {"structured": "off"})


@pytest.mark.parametrize(
    "error",
    [{"message": "x" * 400 + " response_format"}, {"message": "no", "param": "response_format"}],
)
def test_a_refused_form_says_how_to_go_without(error: dict[str, str]) -> None:
    told = str(read_refusal(400, json.dumps({"error": error}).encode()))
    assert told.endswith("add ?structured=off to the address)")
    assert "structured" not in str(read_refusal(400, b'{"error": {"message": "no"}}'))


def test_a_schema_is_sent_in_the_form_that_the_server_takes():
    own = object_schema({"caption": {"type": "string"}})
    asked = replace(words(1), schema=own)
    with Standin() as server:
        for how in FORMS:
            model(server, **how).generate([asked], GREEDY)
        model(server).generate([words(1)], GREEDY)
        every = (*FORMS, {"structured": "json_schema"})
        identities = {model(server, **how).identity() for how in every}
        assert len(identities) == len(FORMS), "a stored reply is that of one form"
        schema, plain, off, free = (body.get("response_format") for body in server.seen.bodies)
    assert schema["type"] == "json_schema" and schema["json_schema"]["strict"] is True
    assert schema["json_schema"]["schema"] == json.loads(own)
    assert plain == {"type": "json_object"}
    assert off is None and free is None


def test_a_form_that_no_server_has_is_refused():
    with pytest.raises(ConfigError, match="structured is 'xml', not json_schema"):
        HttpSettings("m", "http://127.0.0.1:1/v1", structured="xml")


def test_other_room_is_another_request(tmp_path: Path):
    with Standin() as server:
        own = model(server, replies=tmp_path / "replies")
        for how in (GREEDY, Sampling(64), Sampling(32, 0.5), Sampling(32, 0.5, top_p=0.5), GREEDY):
            own.generate([words(1)], how)
        assert len(server.seen.bodies) == 4


def test_a_judge_that_was_cut_is_asked_again_with_its_reason(tmp_path: Path):
    with Cutting() as server:
        judge = ReplyCache(load_model(f"openai:j@{server.url}"), tmp_path / "judge")
        (reply,) = judge.generate([words(1)], Sampling(8))
        assert reply.stop == "failed" and "cut after 8 tokens" in str(reply.error)
        assert judge.failed == 1
        judge.close()


def test_what_the_server_states_of_itself_is_counted_over_all_calls(tmp_path: Path):
    for part, stated in enumerate((("m-1", "fp_a"), ("m-1", "fp_b"), ("m-2", "fp_b"))):
        with Stating(*stated) as server:
            own = load_model(f"openai:m@{server.url}", replies=tmp_path / "replies")
            own.generate([words(10 * part + i) for i in range(part + 1)], GREEDY)
            served = own.report()["served"]
            own.close()
    assert served == [
        {"model": "m-1", "fingerprint": "fp_a", "replies": 1},
        {"model": "m-1", "fingerprint": "fp_b", "replies": 2},
        {"model": "m-2", "fingerprint": "fp_b", "replies": 3},
    ]


class Cutting(Standin):
    """Cuts every reply before its first word."""

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        found = super()._completion(body)
        found["choices"][0] |= {"finish_reason": "length"}
        found["choices"][0]["message"]["content"] = None
        return found


class Stating(Standin):
    """Says which model it is."""

    def __init__(self, name: str, fingerprint: str) -> None:
        super().__init__()
        self.stated = {"model": name, "system_fingerprint": fingerprint}

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**super()._completion(body), **self.stated}
