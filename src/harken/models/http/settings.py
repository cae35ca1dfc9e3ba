"""Settings of a model behind an HTTP address, and how its name is read.

``openai:MODEL@URL`` names a model of any server of OpenAI's chat completions; settings may
follow as URL parameters: ``openai:qwen2-audio@http://127.0.0.1:8000/v1?block=audio_url&rpm=600``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from harken.errors import ConfigError
from harken.listed import listed
from harken.models.base import ANSWER_ONLY

Block = Literal["input_audio", "audio_url"]

STRUCTURED = ("json_schema", "json_object", "off")

_TARGET = re.compile(r"(?P<model>.+?)@(?P<url>https?://.+)\Z", re.DOTALL)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How requests are sent to a server. 0 means "no limit" for every budget and rate.

    Attributes:
        model: the model's id at the server.
        url: base address, ending before ``/chat/completions``.
        revision: version of the weights, where the id does not say it; part of every key.
        block: how audio is put in a message: ``input_audio`` (OpenAI) or ``audio_url`` (a data URI;
            vLLM, SGLang).
        max_clips: most clips in one prompt; 0 for a text-only model.
        key_env: environment variable that holds the API key; empty: ``HARKEN_API_KEY``, or for
            OpenAI's own host ``OPENAI_API_KEY``. A key itself is never a setting.
        concurrency: most requests in flight; the number adapts to the server's load.
        timeout_s: for one attempt, from sending to the last byte.
        retries: further attempts after a failure that may be temporary.
        backoff_s: wait before the first retry; doubles, with jitter, up to `longest_wait_s`.
        longest_wait_s: a request whose server asks for a longer wait has failed.
        give_up_after: requests that may fail in a row, without an answer between, before the rest
            is not sent; a quarter as many timeouts.
        top_logprobs: alternatives requested for each token (closed-ended items only); 0: none.
        token_logprobs: ask for the log-probability and the id of every token of a reply, and for no
            alternatives: what training by reinforcement needs of its rollouts.
        max_requests: attempts that may be sent in all, retries included.
        max_tokens: tokens, of prompts and replies, that may be used in all.
        max_cost: what may be spent in all, in the currency of `price_in` and `price_out`.
        price_in: price of a million prompt tokens.
        price_out: price of a million reply tokens.
        rpm: requests a minute.
        tpm: tokens a minute.
        tokens_field: name of the request field that limits a reply's length, reasoning included.
        thinking_field: name of the request field that limits the reasoning, where the server has
            one, such as ``thinking_budget``; dots part nested names. Empty: it is not sent.
        structured: how a reply is held to the form that is asked for (writers and critics of
            `harken write`): ``json_schema`` (OpenAI's structured outputs; vLLM, SGLang, llama.cpp),
            ``json_object`` (some object), or ``off``, for servers that know no ``response_format``.
        seed: of the jitter in waits.
        batch: prompts that a run passes to `generate` at once.
        letters: see `harken.models.base.PromptStyle`, as for the following three.
        question_first: the question is put before the clips.
        mark_clips: several clips are numbered in the prompt.
        instruction: the sentence after the question.
    """

    model: str
    url: str
    revision: str = ""
    block: Block = "input_audio"
    max_clips: int = 64
    key_env: str = ""
    concurrency: int = 64
    timeout_s: float = 120.0
    retries: int = 8
    backoff_s: float = 0.5
    longest_wait_s: float = 60.0
    give_up_after: int = 64
    top_logprobs: int = 20
    token_logprobs: bool = False
    max_requests: int = 0
    max_tokens: int = 0
    max_cost: float = 0.0
    price_in: float = 0.0
    price_out: float = 0.0
    rpm: float = 0.0
    tpm: float = 0.0
    tokens_field: str = "max_tokens"
    thinking_field: str = ""
    structured: str = "json_schema"
    seed: int = 0
    batch: int = 512
    letters: bool = True
    question_first: bool = False
    mark_clips: bool = True
    instruction: str = ANSWER_ONLY

    def __post_init__(self) -> None:
        """Refuse impossible values; ConfigError lists all of them."""
        faults = [
            f"{name} is {value}, below {low}"
            for name, low in _LOWEST.items()
            if (value := getattr(self, name)) < low
        ]
        if self.block not in ("input_audio", "audio_url"):
            faults.append(f"block is {self.block!r}, not input_audio or audio_url")
        if self.structured not in STRUCTURED:
            faults.append(f"structured is {self.structured!r}, not {listed(STRUCTURED)}")
        if self.max_cost and not (self.price_in or self.price_out):
            faults.append("max_cost is set without price_in or price_out")
        parts = urlsplit(self.url)
        if parts.username or parts.password:
            faults.append("the address holds a user name or password")
        if not parts.hostname:
            faults.append("the address has no host")
        if faults:
            raise ConfigError(
                "; ".join(faults), where=f"model openai:{self.model}", hint="Correct the settings."
            )

    @property
    def endpoint(self) -> str:
        """The address that requests are posted to."""
        return self.url.rstrip("/") + "/chat/completions"

    @property
    def key_name(self) -> str:
        """The environment variable with the API key; OpenAI's key is sent to OpenAI's host only."""
        if self.key_env:
            return self.key_env
        official = urlsplit(self.url).hostname == "api.openai.com"
        return "OPENAI_API_KEY" if official else "HARKEN_API_KEY"


_LOWEST: dict[str, float] = {
    "max_clips": 0,
    "concurrency": 1,
    "timeout_s": 0.001,
    "retries": 0,
    "backoff_s": 0,
    "longest_wait_s": 0,
    "give_up_after": 1,
    "top_logprobs": 0,
    "batch": 1,
    **dict.fromkeys(
        ("max_requests", "max_tokens", "max_cost", "price_in", "price_out", "rpm", "tpm"), 0.0
    ),
}


def read_target(target: str, options: Mapping[str, Any]) -> HttpSettings:
    """The settings in ``MODEL@URL[?name=value&…]``, with `options` (already typed) over them.

    Raises:
        ConfigError: no address, an unknown setting, or a value that does not fit.
    """
    match = _TARGET.match(target)
    if match is None:
        raise ConfigError(
            f"{target!r} is not MODEL@URL",
            where="openai:",
            hint="Write openai:MODEL@http://host:port/v1",
        )
    url, _, query = match["url"].partition("?")
    written = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    values: dict[str, Any] = {name: _typed(name, text) for name, text in written.items()}
    for name in options:
        _known(name)
    return HttpSettings(**{**values, **options, "model": match["model"], "url": url})


def _known(name: str) -> type:
    kinds = {f.name: type(f.default) for f in fields(HttpSettings) if f.name not in _NAMED}
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, n=2, cutoff=0.6)
        known = f"Did you mean {' or '.join(near)}?" if near else "Known: " + ", ".join(kinds)
        raise ConfigError(f"openai has no setting {name!r}", hint=known)
    return kinds[name]


_NAMED = ("model", "url")


def _typed(name: str, text: str) -> Any:
    kind = _known(name)
    try:
        return _TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise ConfigError(
            f"{name}={text!r} is not of type {kind.__name__}", where="openai:"
        ) from None
