"""The wire format: a prompt to pieces of a request, bytes of a response to an answer or a fault.

A message interleaves text blocks and audio blocks in the prompt's order. The base64 of a clip is
sent between JSON pieces straight from the cache: it is never copied into a larger string.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harken.audio.clip import Clip
from harken.models.base import Earlier, Prompt, Sampling
from harken.models.http.settings import HttpSettings
from harken.parsing import parse_json

Pieces = tuple[bytes, ...]

_MASS = 0.5  # least probability of all letters together for the token to count as an answer
_MOST_TOKENS = 10**8  # a larger count is none
_LONGEST = 300  # most characters of a server's message that are quoted in a reason


class WireFault(Exception):
    """A failed attempt.

    Args:
        kind: short name, counted in reports: ``http 500``, ``timeout``, ``cut``, ``unreachable``,
            ``malformed JSON``, ``wrong schema``, ``empty reply``, ``filtered`` …
        detail: what was found.
        retryable: whether another attempt may succeed.
        overloaded: whether the server has too many requests at once.
        fatal: whether every other request would fail too (key, model name, quota).
        wait_s: how long the server asks to wait.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        retryable: bool = True,
        overloaded: bool = False,
        fatal: bool = False,
        wait_s: float | None = None,
    ) -> None:
        self.kind = kind
        self.detail = detail
        self.retryable = retryable
        self.overloaded = overloaded
        self.fatal = fatal
        self.wait_s = wait_s
        super().__init__(f"{kind}: {detail}" if detail else kind)

    def quoting(self, detail: str) -> WireFault:
        """The same fault with another text."""
        return WireFault(
            self.kind,
            detail,
            retryable=self.retryable,
            overloaded=self.overloaded,
            fatal=self.fatal,
            wait_s=self.wait_s,
        )


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What a server answered, as it is stored.

    Attributes:
        text: the reply.
        stop: ``"end"`` or ``"length"``.
        explanation: reasoning, where the server separates it from the reply.
        top: the alternatives of the first token that is not blank: (token, natural log).
        tokens_in: prompt tokens, or -1 if the server does not count them.
        tokens_out: reply tokens, likewise.
        model: id of the model as the server states it.
        fingerprint: ``system_fingerprint``: the server's name for its weights and settings.
        tokens: (text, natural log of its probability) of every token, where they were asked for.
        ids: of the tokens, the one that ended the reply included, where the server gives them.
    """

    text: str
    stop: str = "end"
    explanation: str = ""
    top: tuple[tuple[str, float], ...] = ()
    tokens_in: int = -1
    tokens_out: int = -1
    model: str = ""
    fingerprint: str = ""
    tokens: tuple[tuple[str, float], ...] = ()
    ids: tuple[int, ...] = ()


def request_pieces(
    prompt: Prompt,
    sampling: Sampling,
    settings: HttpSettings,
    encoded: Callable[[Clip], bytes],
    logprobs: bool = True,
) -> Pieces:
    """The body of one request in pieces; `encoded` gives the base64 of a clip's WAV.

    Earlier replies become messages of the assistant, between those of the user.
    """
    head = _dumps(request_head(prompt, sampling, settings, logprobs))[:-1] + b',"messages":['
    if prompt.system:
        head += _dumps({"role": "system", "content": prompt.system}) + b","
    pieces: list[bytes] = []  # [text, audio, text, … text]: few pieces, few system calls
    own: list[str | Clip] = []  # of the user's message that is being gathered
    before = head
    for part in prompt.parts:
        if not isinstance(part, Earlier):
            own.append(part)
            continue
        before = _user_message(own, before, pieces, settings.block, encoded)
        before += b"," + _dumps({"role": "assistant", "content": str(part)}) + b","
        own = []
    last = _user_message(own, before, pieces, settings.block, encoded) + b"]}"
    return (*pieces, last)


def _user_message(
    parts: Sequence[str | Clip],
    before: bytes,
    pieces: list[bytes],
    block: str,
    encoded: Callable[[Clip], bytes],
) -> bytes:
    """Add a message of the user to `pieces`, after `before`; returns what follows the last one."""
    before += b'{"role":"user","content":'
    if not any(isinstance(part, Clip) for part in parts):
        # Many text-only servers accept a plain string only.
        return before + _dumps("\n".join(str(part) for part in parts)) + b"}"
    before += b"["
    for number, part in enumerate(parts):
        before += b"," if number else b""
        if isinstance(part, str):
            before += _dumps({"type": "text", "text": part})
            continue
        opening, closing = _BLOCKS[block]
        pieces += [before + opening, encoded(part)]
        before = closing
    return before + b"]}"


_BLOCKS = {
    "input_audio": (
        b'{"type":"input_audio","input_audio":{"data":"',
        b'","format":"wav"}}',
    ),
    "audio_url": (b'{"type":"audio_url","audio_url":{"url":"data:audio/wav;base64,', b'"}}'),
}
"""JSON before and after the base64 of a clip."""


def request_head(
    prompt: Prompt, sampling: Sampling, settings: HttpSettings, logprobs: bool
) -> dict[str, Any]:
    """All fields of a request but its messages."""
    head: dict[str, Any] = {
        "model": settings.model,
        settings.tokens_field: sampling.room,
        "temperature": sampling.temperature,
    }
    if sampling.thinking_tokens and settings.thinking_field:
        *outer, last = settings.thinking_field.split(".")
        inner = head
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = sampling.thinking_tokens
    if sampling.temperature > 0:
        head["seed"] = sampling.seed
    if sampling.temperature > 0 and sampling.top_p < 1:
        head["top_p"] = sampling.top_p
    if sampling.top_k > 0:
        head["top_k"] = sampling.top_k
    if prompt.schema and settings.structured != "off":
        head["response_format"] = _response_format(prompt.schema, settings.structured)
    if settings.token_logprobs:
        head |= {"logprobs": True, "return_token_ids": True}
    elif logprobs and settings.top_logprobs and prompt.choices and prompt.style.letters:
        head |= {"logprobs": True, "top_logprobs": settings.top_logprobs}
    return head


def _response_format(schema: str, structured: str) -> dict[str, Any]:
    if structured == "json_object":
        return {"type": "json_object"}
    own = {"name": "reply", "strict": True, "schema": parse_json(schema)}
    return {"type": "json_schema", "json_schema": own}


def read_answer(raw: bytes) -> WireAnswer:
    """The answer in the body of a 200.

    Raises:
        WireFault: ``malformed JSON``, ``wrong schema``, ``filtered`` or ``empty reply``: none of
            these may count as an empty answer. A reply that was cut before its first word is one.
    """
    try:
        body = parse_json(raw)
    except (ValueError, RecursionError) as error:
        raise WireFault("malformed JSON", f"{error} in {_shown(raw)}") from None
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text = _text(message)
        finish = choice.get("finish_reason")
        thought = message.get("reasoning_content") or message.get("reasoning") or ""
        top = _first_token(choice.get("logprobs"))
        tokens, ids = _tokens(choice.get("logprobs")), _ids(choice.get("token_ids"))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        if isinstance(body, dict) and body.get("error"):
            raise WireFault("error in a 200", _shown(body["error"])) from None
        found = f"{type(error).__name__} {error} in {_shown(raw)}"
        raise WireFault("wrong schema", found) from None
    if finish == "content_filter":
        raise WireFault("filtered", "the server withheld the reply", retryable=False)
    # Reasoning that used up the room is an answer, and so is an end at once that is told as such.
    if not text.strip() and finish != "length" and not ids:
        raise WireFault("empty reply", f"finish_reason {finish!r}")
    usage = body.get("usage")
    return WireAnswer(
        text=text,
        stop="length" if finish == "length" else "end",
        explanation=thought if isinstance(thought, str) else "",
        top=top,
        tokens_in=_count(usage, "prompt_tokens"),
        tokens_out=_count(usage, "completion_tokens"),
        model=_name(body.get("model")),
        fingerprint=_name(body.get("system_fingerprint")),
        tokens=tokens,
        ids=ids,
    )


def read_refusal(status: int, raw: bytes, wait_s: float | None = None) -> WireFault:
    """The fault for a response with a status other than 200."""
    try:
        body = parse_json(raw)
        error = body.get("error", body) if isinstance(body, dict) else body
        code = str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""
        message = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, RecursionError):
        message, code = raw, ""
    out_of_quota = status == 402 or "insufficient_quota" in code
    detail = _shown(message) if message else ""
    if b"response_format" in raw:
        detail += " (to ask without response_format, add ?structured=off to the address)"
    return WireFault(
        f"http {status}",
        detail,
        retryable=(status in (408, 409, 425, 429) or status >= 500) and not out_of_quota,
        overloaded=status in (429, 503, 529),
        fatal=status in (401, 403, 404) or out_of_quota or 300 <= status < 400,
        wait_s=wait_s,
    )


def choice_logprobs(prompt: Prompt, top: tuple[tuple[str, float], ...]) -> tuple[float, ...] | None:
    """Normalised log-probability (nats) of each shown letter, from a token's alternatives.

    The probabilities of all tokens that are the letter but for whitespace and punctuation (such as
    ``" B"``) are summed. A letter outside the listed alternatives gets the least listed
    probability, which it cannot exceed. None where the style has no letters, or where all letters
    together have less than half of the probability: then the token was no answer.
    """
    if not top or not prompt.choices or not prompt.style.letters:
        return None
    mass = dict.fromkeys(prompt.targets, 0.0)
    for token, value in top:
        name = token.strip(" \t\n\"'*().:▁Ġ")
        if name in mass:
            mass[name] += math.exp(min(value, 0.0))
    if sum(mass.values()) < _MASS:
        return None
    least = math.exp(min(min(value for _, value in top), 0.0)) or 1e-30
    held = [value or least for value in mass.values()]
    total = sum(held)
    return tuple(math.log(value / total) for value in held)


def _first_token(logprobs: Any) -> tuple[tuple[str, float], ...]:
    """The alternatives of the first token that is not blank; () if there are none."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    for token in content if isinstance(content, list) else []:
        if not str(token["token"]).strip():
            continue
        listed = token.get("top_logprobs") or []
        found = [(str(one["token"]), float(one["logprob"])) for one in listed]
        return tuple((name, value) for name, value in found if math.isfinite(value))
    return ()


def _tokens(logprobs: Any) -> tuple[tuple[str, float], ...]:
    """Text and log-probability of every token; () if there are none, or one is not finite."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    found = [(str(token["token"]), float(token["logprob"]))
             for token in (content if isinstance(content, list) else [])]  # fmt: skip
    return tuple(found) if all(math.isfinite(value) for _, value in found) else ()


def _ids(value: Any) -> tuple[int, ...]:
    """Token ids; () if there are none, or something else is among them."""
    found = value if isinstance(value, list) else []
    return tuple(found) if all(type(one) is int and one >= 0 for one in found) else ()


def _text(message: Any) -> str:
    """The text of a message: a string, text blocks, or the field ``refusal``."""
    content = message["content"]
    if isinstance(content, list):
        content = "".join(block["text"] for block in content if block.get("type") == "text")
    if content is None and isinstance(message.get("refusal"), str):
        content = message["refusal"]
    if content is None:  # what servers send when reasoning used up all tokens
        return ""
    if not isinstance(content, str):
        raise TypeError(f"content is a {type(content).__name__}")
    return content.encode("utf-8", "replace").decode()  # a lone surrogate cannot be stored


def _count(usage: Any, name: str) -> int:
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and 0 <= found <= _MOST_TOKENS else -1


def _name(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _shown(message: Any) -> str:
    """A server's message, shortened and on one line."""
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    line = "".join(c if c.isprintable() else " " for c in text[: 2 * _LONGEST])
    return " ".join(line.split())[:_LONGEST]
