"""The fields of a chat-completions request: honoured, or refused with a 4xx.

A field that would change the reply is never ignored: what is not in `HONOURED` must have a value
that changes nothing (`NEUTRAL`), or be one that concerns only bookkeeping (`BOOKKEEPING`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harken.listed import listed
from harken.models.base import Sampling
from harken.parsing import json_line, parse_json

TOP = 20
"""Largest ``top_logprobs``, as in OpenAI's API."""

STOPS = 16
"""Most texts in ``stop``."""

SCHEMA = 20_000
"""Most characters of the schema in ``response_format``."""

HONOURED = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_k",
        "top_p",
        "seed",
        "modalities",
        "audio",
    }
    | {"stop", "stream", "stream_options", "logprobs", "top_logprobs", "return_token_ids"}
    | {"response_format"}
)

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "min_p": (0, 0.0),
    "min_tokens": (0,),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "repetition_penalty": (1, 1.0),
    "length_penalty": (1, 1.0),
    "logit_bias": ({},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "echo": (False,),
    "ignore_eos": (False,),
    "use_beam_search": (False,),
    "skip_special_tokens": (True,),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "stop_token_ids": ([],),
}
"""Field -> the values under which it changes nothing; others are refused."""

BOOKKEEPING = frozenset(
    {"user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)

_SCHEMA_FIELDS = frozenset({"name", "description", "schema", "strict"})
"""Of ``json_schema``; all schemas are followed strictly."""

_ONLY = {
    "n": "only n = 1 is supported",
}
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadRequest(Exception):
    """A request that is refused.

    Args:
        message: what was found and what to send instead.
        param: the field at fault.
        status: the HTTP status.
    """

    def __init__(self, message: str, param: str = "", status: int = 400) -> None:
        self.param = param
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold.

    Attributes:
        body_bytes: size of the whole request, base64 included.
        values: JSON values in a request; text and base64 count as one each.
        text: characters of all texts of a prompt together.
        clips: most clips in one prompt; the model's own limit holds too.
        clip_s: seconds of one clip.
        samples: samples of all clips together, channels counted, as they are decoded.
        upload_s: seconds until the whole request has arrived.
        decode_s: seconds until its clips are decoded.
        tokens: most tokens of a reply.
        waiting: requests that may be in flight; further ones get 429.
        held_bytes: bytes of all requests in flight; further ones get 429.
    """

    body_bytes: int = 64 << 20
    values: int = 100_000
    text: int = 1_000_000
    clips: int = 64
    clip_s: float = 1800.0
    samples: int = 1800 * 48_000 * 2
    upload_s: float = 120.0
    decode_s: float = 60.0
    tokens: int = 8192
    waiting: int = 256
    held_bytes: int = 512 << 20


def read_json(raw: bytes, limits: Limits) -> Any:
    """The JSON of a body.

    Raises:
        BadRequest: no JSON, more values than allowed, or text that is no valid Unicode.
    """
    # Before parsing: millions of empty lists are a few bytes each here and many in memory.
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > limits.values:
        found = f"the body has more than {limits.values:,} JSON values"
        raise BadRequest(found, status=413)
    try:
        body = parse_json(raw)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    waiting = [body]
    while waiting:
        now = waiting.pop()
        if isinstance(now, dict):
            waiting += [*now.keys(), *now.values()]
        elif isinstance(now, list):
            waiting += now
        elif isinstance(now, str) and not now.isascii() and _SURROGATE.search(now):
            raise BadRequest("a text holds half of a surrogate pair, which is no character")
    return body


def check_fields(body: Mapping[str, Any]) -> None:
    """Refuse every field that would change the reply and is not supported; null is absent."""
    for name, value in body.items():
        if value is None or name in HONOURED or name in BOOKKEEPING:
            continue
        if name not in NEUTRAL:
            raise BadRequest(f"{name[:80]} is not supported", name[:80])
        # Types too: True == 1 in Python, and not in JSON.
        if not any(type(value) is type(one) and value == one for one in NEUTRAL[name]):
            raise BadRequest(_ONLY.get(name, f"{name} is not supported"), name)


def read_schema(value: Any, supported: bool, name: str) -> str:
    """The JSON schema in ``response_format``; empty where the reply is a free text.

    Args:
        value: the field; None if the request has none.
        supported: whether the served model can hold its replies to a schema.
        name: of the model.

    Raises:
        BadRequest: another format, a schema that is none or too long, or a model that cannot.
    """
    field = "response_format"
    if value is None or value == {"type": "text"}:
        return ""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in ("json_object", "json_schema"):
        raise BadRequest(f"{field} must have the type text, json_object or json_schema", field)
    own = value.get("json_schema") if kind == "json_schema" else {"schema": {"type": "object"}}
    schema = own.get("schema") if isinstance(own, dict) else None
    if not isinstance(schema, dict):
        raise BadRequest(f"{field} needs json_schema with a schema, an object", field)
    unknown = sorted({*value} - {"type", kind}) + sorted({*own} - _SCHEMA_FIELDS)
    if unknown or own.get("strict") not in (None, True, False):
        told = listed([name[:80] for name in unknown], 3) or "strict"
        raise BadRequest(f"{field}: {told} is not supported", field)
    if not supported:
        found = f"replies of {name} cannot be held to a schema"
        raise BadRequest(f"{found}: only text is supported as {field}", field)
    try:
        text = json_line(schema)
    except ValueError as error:
        raise BadRequest(f"the schema is not JSON: {error}", field) from None
    if len(text) > SCHEMA:
        raise BadRequest(
            f"the schema has {len(text):,} characters; {SCHEMA:,} are the limit", field
        )
    return text


def stream_options(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether to stream, and whether with token counts at the end."""
    stream = flag(body, "stream")
    options = body.get("stream_options")
    if options is not None and (not stream or not isinstance(options, dict)):
        raise BadRequest(
            "stream_options must be an object and needs stream: true", "stream_options"
        )
    unknown = sorted(set(options or {}) - {"include_usage", "include_obfuscation"})
    if unknown:
        raise BadRequest(f"stream_options: {', '.join(unknown)} is not supported", "stream_options")
    return stream, flag(options or {}, "include_usage")


def top_logprobs(body: Mapping[str, Any], supported: bool, name: str) -> int | None:
    """The number of alternatives requested for each token; None without ``logprobs: true``.

    `supported` says whether the model `name` gives log-probabilities.
    """
    wanted = flag(body, "logprobs")
    top = int(number(body, "top_logprobs", 0, 0, TOP))
    if top and not wanted:
        raise BadRequest("top_logprobs needs logprobs: true", "top_logprobs")
    if wanted and not supported:
        found = f"logprobs are not supported: {name} does not return them"
        raise BadRequest(found, "logprobs")
    return top if wanted else None


def read_sampling(body: Mapping[str, Any], limits: Limits) -> Sampling:
    """How the reply is sampled; raises BadRequest."""
    given = {
        name: int(number(body, name, 256, 1, limits.tokens))
        for name in ("max_completion_tokens", "max_tokens")
        if body.get(name) is not None
    }
    if len(set(given.values())) > 1:
        found = "max_tokens and max_completion_tokens differ; send one of them"
        raise BadRequest(found, "max_tokens")
    top_p = float(number(body, "top_p", 1.0, 0.0, 1.0))
    if not top_p:
        raise BadRequest("top_p is 0; more than 0, up to 1, is supported", "top_p")
    return Sampling(
        max_tokens=next(iter(given.values()), min(256, limits.tokens)),
        temperature=float(number(body, "temperature", 1.0, 0.0, 2.0)),
        top_k=max(0, int(number(body, "top_k", 0, -1, 1_000_000))),
        top_p=top_p,
        seed=int(number(body, "seed", 0, -(2**63), 2**63 - 1)) % 2**63,
    )


def number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number within bounds; whole if `default` is."""
    value = body.get(name)
    if value is None:
        return default
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise BadRequest(f"{name} must be a {'whole ' if whole else ''}number", name)
    if not low <= value <= high:
        found = f"{name} is {str(value)[:40]}; {low:g} to {high:g} is supported"
        raise BadRequest(found, name)
    return float(value) if not whole else value


def flag(body: Mapping[str, Any], name: str) -> bool:
    """True or false; absent is false."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false", name)
    return bool(value)


def read_stops(value: Any) -> tuple[str, ...]:
    """The texts that end a reply."""
    found: Sequence[Any] = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise BadRequest("stop must be a text or a list of texts", "stop")
    if len(found) > STOPS:
        raise BadRequest(f"stop has {len(found)} texts; {STOPS} are supported", "stop")
    return tuple(found)
