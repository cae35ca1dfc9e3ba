"""Fields of a request, read without a server."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("aiohttp")

from harken.serve.fields import (
    BadRequest,
    Limits,
    check_fields,
    read_json,
    read_sampling,
    top_logprobs,
)

LIMITS = Limits(tokens=100)


@pytest.mark.parametrize(
    "body",
    [r'{"user": "\ud800"}', r'{"metadata": {"\ud800": 1}}', r'{"metadata": [{"a": ["\udc00"]}]}'],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(body: str) -> None:
    with pytest.raises(BadRequest, match="surrogate"):
        read_json(body.encode(), LIMITS)
    whole = body.replace(r"\ud800", r"\ud83d\ude00").replace(r"\udc00", r"\ud83d\ude00")
    assert read_json(whole.encode(), LIMITS)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [({}, 100), ({"max_tokens": 7}, 7), ({"max_completion_tokens": 100}, 100),
     ({"max_tokens": 7, "max_completion_tokens": 7}, 7)],
)  # fmt: skip
def test_no_reply_is_longer_than_the_servers_limit(body: dict[str, Any], tokens: int) -> None:
    assert read_sampling(body, LIMITS).max_tokens == tokens
    assert read_sampling({}, Limits()).max_tokens == 256
    with pytest.raises(BadRequest, match="max_tokens is 101"):
        read_sampling({"max_tokens": 101}, LIMITS)


@pytest.mark.parametrize(("sent", "top_k"), [(None, 0), (0, 0), (-1, 0), (5, 5)])
def test_a_top_k_of_minus_1_is_all_tokens(sent: int | None, top_k: int) -> None:
    assert read_sampling({"top_k": sent}, LIMITS).top_k == top_k


@pytest.mark.parametrize(
    ("body", "wanted"),
    [({}, None), ({"logprobs": False}, None), ({"logprobs": True}, 0),
     ({"logprobs": True, "top_logprobs": 20}, 20), ({"top_logprobs": 0}, None)],
)  # fmt: skip
def test_alternatives_come_with_log_probabilities(body: dict[str, Any], wanted: int | None) -> None:
    assert top_logprobs(body, True, "m") == wanted


@pytest.mark.parametrize(
    "body",
    [{"top_logprobs": 3}, {"top_logprobs": 3, "logprobs": False},
     {"logprobs": True, "top_logprobs": 21}],
)  # fmt: skip
def test_alternatives_without_log_probabilities_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        top_logprobs(body, True, "m")
    with pytest.raises(BadRequest, match="m does not return them"):
        top_logprobs({"logprobs": True}, False, "m")


@pytest.mark.parametrize("field", [{"n": True}, {"store": 0}, {"echo": 0}, {"min_p": False}])
def test_true_is_not_one_and_false_is_not_zero(field: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        check_fields(field)
