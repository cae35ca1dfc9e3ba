"""A chat-completions request, read strictly: JSON in, a Prompt and a Sampling out, or a 4xx.

Audio is inline only, as ``input_audio`` or as a data URI in ``audio_url``. No address is fetched
and no file of the server is opened for a client. Options that are not supported are refused; no
field that would change the reply is ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.audio.probe import probe
from harken.errors import AudioError
from harken.models.base import Earlier, Prompt, PromptStyle, Sampling

FORMATS = {
    "wav": ".wav",
    "wave": ".wav",
    "x-wav": ".wav",
    "vnd.wave": ".wav",
    "mp3": ".mp3",
    "mpeg": ".mp3",
    "flac": ".flac",
    "x-flac": ".flac",
    "ogg": ".ogg",
    "opus": ".opus",
}
"""Accepted format names and MIME subtypes -> file suffix."""

TOP = 20
"""Largest ``top_logprobs``, as in OpenAI's API."""

_DATA_URI = re.compile(r"data:audio/([a-z0-9.+-]+)((?:;[a-z0-9=.+-]+)*);base64,", re.IGNORECASE)
_REFUSED = ("tools", "functions", "tool_choice", "response_format", "logit_bias", "audio")


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
        clips: most clips in one prompt; the model's own limit holds too.
        clip_s: seconds of one clip.
        tokens: most tokens of a reply.
        waiting: requests that may be queued; further ones get 429.
    """

    body_bytes: int = 64 << 20
    clips: int = 64
    clip_s: float = 1800.0
    tokens: int = 8192
    waiting: int = 256


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What the served model can do.

    Attributes:
        names: ids under which it is served.
        max_clips: most clips in one prompt.
        multi_turn: whether a prompt may hold earlier turns.
        logprobs: whether it gives log-probabilities of the tokens of its replies.
    """

    names: tuple[str, ...]
    max_clips: int
    multi_turn: bool = False
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request as it was read.

    Attributes:
        prompt: the conversation.
        sampling: how the reply is sampled.
        stops: texts that end the reply.
        stream: whether the reply is sent as server-sent events.
        usage: whether a stream ends with token counts.
        seeded: whether the request has a seed.
        top: alternatives returned for each token; None: no log-probabilities.
    """

    prompt: Prompt
    sampling: Sampling
    stops: tuple[str, ...] = ()
    stream: bool = False
    usage: bool = False
    seeded: bool = False
    top: int | None = None


def read_request(body: Any, capabilities: ServedModel, limits: Limits, folder: Path) -> ChatRequest:
    """Read the JSON of a request.

    Args:
        body: the decoded JSON.
        capabilities: what the model can do.
        limits: what a request may hold.
        folder: where the request's audio is written; the caller removes it afterwards.

    Raises:
        BadRequest: a field is wrong, missing, too large or not supported.
    """
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    if body.get("model") not in capabilities.names:
        there = f"no model {body.get('model')!r}; this server has {capabilities.names[0]!r}"
        raise BadRequest(there, "model", 404)
    for field in _REFUSED:
        if body.get(field) not in (None, [], {}, "none", {"type": "text"}):
            raise BadRequest(f"{field} is not supported", field)
    if body.get("n") not in (None, 1):
        raise BadRequest("only n = 1 is supported", "n")
    modalities = body.get("modalities")
    if modalities not in (None, ["text"]):
        raise BadRequest("replies are text only", "modalities")
    stream, usage = _stream(body)
    return ChatRequest(
        _prompt(body.get("messages"), capabilities, limits, folder),
        _sampling(body, limits),
        _stops(body.get("stop")),
        stream,
        usage,
        body.get("seed") is not None,
        _top(body, capabilities),
    )


def _stream(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether to stream, and whether with token counts at the end."""
    stream = _flag(body, "stream")
    options = body.get("stream_options")
    if options is not None and (not stream or not isinstance(options, dict)):
        raise BadRequest(
            "stream_options must be an object and needs stream: true", "stream_options"
        )
    unknown = sorted(set(options or {}) - {"include_usage", "include_obfuscation"})
    if unknown:
        raise BadRequest(f"stream_options: {', '.join(unknown)} is not supported", "stream_options")
    return stream, _flag(options or {}, "include_usage")


def _top(body: Mapping[str, Any], capabilities: ServedModel) -> int | None:
    """The number of alternatives requested for each token; None without ``logprobs: true``."""
    wanted = _flag(body, "logprobs")
    top = int(_number(body, "top_logprobs", 0, 0, TOP))
    if top and not wanted:
        raise BadRequest("top_logprobs needs logprobs: true", "top_logprobs")
    if wanted and not capabilities.logprobs:
        found = f"logprobs are not supported: {capabilities.names[0]} does not return them"
        raise BadRequest(found, "logprobs")
    return top if wanted else None


def _sampling(body: Mapping[str, Any], limits: Limits) -> Sampling:
    field = "max_completion_tokens" if body.get("max_completion_tokens") else "max_tokens"
    tokens = _number(body, field, 256, 1, limits.tokens)
    top_p = _number(body, "top_p", 1.0, 0.0, 1.0)
    if top_p != 1.0:
        raise BadRequest("top_p other than 1 is not supported; use temperature or top_k", "top_p")
    for name in ("frequency_penalty", "presence_penalty"):
        if _number(body, name, 0.0, -2.0, 2.0) != 0.0:
            raise BadRequest(f"{name} is not supported", name)
    return Sampling(
        max_tokens=int(tokens),
        temperature=float(_number(body, "temperature", 1.0, 0.0, 2.0)),
        top_k=int(_number(body, "top_k", 0, -1, 1_000_000)) if body.get("top_k") != -1 else 0,
        seed=int(_number(body, "seed", 0, -(2**63), 2**63 - 1)) % 2**63,
    )


def _number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise BadRequest(f"{name} must be a {'whole ' if whole else ''}number", name)
    if not low <= value <= high:
        raise BadRequest(f"{name} is {value}; {low:g} to {high:g} is supported", name)
    return float(value) if not whole else value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value not in (None, True, False):
        raise BadRequest(f"{name} must be true or false", name)
    return bool(value)


def _stops(value: Any) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value or []
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise BadRequest("stop must be a text or a list of texts", "stop")
    return tuple(found[:16])


def _prompt(messages: Any, capabilities: ServedModel, limits: Limits, folder: Path) -> Prompt:
    """System messages, then turns of user and assistant, the last one the user's.

    A model without `multi_turn` takes one user message; earlier turns are refused, since dropping
    them would change the reply.
    """
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message", "messages")
    system: list[str] = []
    parts: list[str | Clip] = []
    before = ""
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if not isinstance(message, dict):
            raise BadRequest(f"{where} is not an object", "messages")
        role = message.get("role")
        _check_turn(role, before, where, capabilities)
        content = _blocks(message.get("content"), where)
        if role == "user":
            parts += _turn(content, where, capabilities, limits, folder, parts)
        elif not all(block.get("type") == "text" for block in content):
            raise BadRequest(f"{where}: a message of the {role} may hold text only", "messages")
        else:
            texts = [_text(block, where) for block in content]
            if role == "assistant":
                parts.append(Earlier("".join(texts)))
            else:
                system += texts
        before = str(role)
    if before != "user":
        raise BadRequest("the last message must be the user's", "messages")
    last = max((i for i, part in enumerate(parts) if isinstance(part, Earlier)), default=-1)
    asked = " ".join(part for part in parts[last + 1 :] if isinstance(part, str))
    style = PromptStyle(letters=False)
    return Prompt(tuple(parts), asked, style=style, system="\n".join(system))


def _check_turn(role: Any, before: str, where: str, capabilities: ServedModel) -> None:
    """Refuse a role that cannot follow the one before."""
    first = role in ("system", "developer") and before in ("", "system", "developer")
    asks = role == "user" and before in ("", "system", "developer", "assistant")
    replies = role == "assistant" and before == "user" and capabilities.multi_turn
    if first or asks or replies:
        return
    if role == "assistant" and before == "user":
        found = f"{capabilities.names[0]} takes one user message only, after system messages"
    elif role == "user":
        found = f"{where}: two user messages in a row; join them into one user message"
    else:
        found = f"{where} has the role {role!r}, which is not allowed there"
    raise BadRequest(found, "messages")


def _turn(
    content: Sequence[Mapping[str, Any]],
    where: str,
    capabilities: ServedModel,
    limits: Limits,
    folder: Path,
    before: Sequence[str | Clip],
) -> list[str | Clip]:
    """The parts of one user message."""
    most = min(capabilities.max_clips, limits.clips)
    parts: list[str | Clip] = []
    for number, block in enumerate(content):
        parts.append(_part(block, f"{where}.content[{number}]", limits, folder))
        if sum(isinstance(part, Clip) for part in (*before, *parts)) > most:
            raise BadRequest(f"this model takes {most} clips at most", "messages")
    if not any(isinstance(part, Clip) or part.strip() for part in parts):
        raise BadRequest(f"{where}: the user message is empty", "messages")
    return parts


def _blocks(content: Any, where: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise BadRequest(f"{where}.content must be a text or a list of blocks", "messages")
    return content


def _text(block: Mapping[str, Any], where: str) -> str:
    text = block.get("text")
    if not isinstance(text, str):
        raise BadRequest(f"{where}.text must be a text", "messages")
    return text


def _part(block: Mapping[str, Any], where: str, limits: Limits, folder: Path) -> str | Clip:
    kind = block.get("type")
    if kind == "text":
        return _text(block, where)
    held = block.get(kind) if kind in ("input_audio", "audio_url") else None
    if not isinstance(held, dict):
        raise BadRequest(
            f"{where} is a block of type {kind!r}; text, input_audio and audio_url are supported, "
            "each with an object of that name",
            "messages",
        )
    if kind == "input_audio":
        name, data = held.get("format"), held.get("data")
    else:
        url = held.get("url")
        match = _DATA_URI.match(url) if isinstance(url, str) else None
        if match is None or not isinstance(url, str):
            found = f"{where}: audio_url must be a data URI (data:audio/wav;base64,…)"
            raise BadRequest(found + "; addresses are not fetched", "messages")
        name, data = match[1].lower(), url[match.end() :]
    if name not in FORMATS or not isinstance(data, str):
        raise BadRequest(f"{where}: format {name!r} is not one of {', '.join(FORMATS)}", "messages")
    return _clip(data, FORMATS[name], where, limits, folder)


def _clip(data: str, suffix: str, where: str, limits: Limits, folder: Path) -> Clip:
    """Write the audio into the request's folder, and decode all of it."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{where}: the audio is not base64: {error}", "messages") from None
    name = sha256(raw).hexdigest()
    path = folder / (name + suffix)
    path.write_bytes(raw)
    try:
        found = probe(path)
    except AudioError as error:
        raise BadRequest(f"{where}: {error.reason}: {error.found}", "messages") from None
    if found.duration_s > limits.clip_s:
        long = f"{where}: the clip lasts {found.duration_s:.1f} s, {limits.clip_s:g} s is the limit"
        raise BadRequest(long, "messages", 413)
    return Clip(path=str(path), duration_s=found.duration_s, sha256=name)
