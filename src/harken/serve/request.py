"""A chat-completions request, read strictly: JSON in, a Prompt and a Sampling out, or a 4xx.

Audio is inline only, as ``input_audio`` or as a data URI in ``audio_url``. No address is fetched
and no file of the server is opened for a client. `harken.serve.fields` has the single fields,
`harken.serve.clips` the clips.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.models.base import Earlier, Prompt, PromptStyle, Sampling
from harken.serve.clips import ClipReader
from harken.serve.fields import (
    BadRequest,
    Limits,
    check_fields,
    flag,
    read_sampling,
    read_schema,
    read_stops,
    stream_options,
    top_logprobs,
)
from harken.serve.speech import AudioReply, read_audio

_MESSAGE = ("role", "content", "reasoning_content")
"""Fields of a message; the reasoning of an earlier turn is left out, as chat templates do."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What the served model can do.

    Attributes:
        names: ids under which it is served.
        max_clips: most clips in one prompt.
        multi_turn: whether a prompt may hold earlier turns.
        logprobs: whether it gives log-probabilities of the tokens of its replies.
        schemas: raises ConfigError for a JSON schema that it cannot hold its replies to; None: it
            can hold them to none.
        voices: with which it can speak; None: it cannot.
    """

    names: tuple[str, ...]
    max_clips: int
    multi_turn: bool = False
    logprobs: bool = False
    schemas: Callable[[str], None] | None = None
    voices: tuple[str, ...] | None = None


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
        ids: whether the ids of the reply's tokens are returned.
        audio: how the reply is spoken; None: it is text.
    """

    prompt: Prompt
    sampling: Sampling
    stops: tuple[str, ...] = ()
    stream: bool = False
    usage: bool = False
    seeded: bool = False
    top: int | None = None
    ids: bool = False
    audio: AudioReply | None = None


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
        there = (
            f"no model {str(body.get('model'))[:80]!r}; this server has {capabilities.names[0]!r}"
        )
        raise BadRequest(there, "model", 404)
    check_fields(body)
    audio = read_audio(body, capabilities.voices, capabilities.names[0])
    stream, usage = stream_options(body)
    sampling, stops = read_sampling(body, limits), read_stops(body.get("stop"))
    top = top_logprobs(body, capabilities.logprobs, capabilities.names[0])
    ids = flag(body, "return_token_ids")
    if ids and not capabilities.logprobs:
        there = f"token ids are not supported: {capabilities.names[0]} does not return them"
        raise BadRequest(there, "return_token_ids")
    if ids and (stream or stops):
        raise BadRequest("return_token_ids goes with neither stream nor stop", "return_token_ids")
    check = capabilities.schemas if audio is None else None
    schema = read_schema(body.get("response_format"), check is not None, capabilities.names[0])
    if schema and check is not None:
        try:  # before the request waits for the model
            check(schema)
        except ConfigError as error:
            raise BadRequest(error.found, "response_format") from None
    # Last: it decodes the clips.
    prompt = _prompt(body.get("messages"), capabilities, limits, folder)
    prompt = replace(prompt, schema=schema)
    seeded = body.get("seed") is not None
    return ChatRequest(prompt, sampling, stops, stream, usage, seeded, top, ids, audio)


def _prompt(messages: Any, capabilities: ServedModel, limits: Limits, folder: Path) -> Prompt:
    """System messages, then turns of user and assistant, the last one the user's.

    A model without `multi_turn` takes one user message; earlier turns are refused, since dropping
    them would change the reply.
    """
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message", "messages")
    system: list[str] = []
    parts: list[str | Clip] = []
    reader, most = ClipReader(limits, folder), min(capabilities.max_clips, limits.clips)
    before, length = "", 0
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if not isinstance(message, dict):
            raise BadRequest(f"{where} is not an object", "messages")
        _check_keys(message, _MESSAGE, where)
        role = message.get("role")
        _check_turn(role, before, where, capabilities)
        content = _blocks(message.get("content"), where)
        if role == "user":
            held = sum(isinstance(part, Clip) for part in parts)
            turn = _turn(content, where, reader, held, most)
            parts += turn
            length += sum(len(part) for part in turn if isinstance(part, str))
        elif not all(block.get("type") == "text" for block in content):
            raise BadRequest(f"{where}: a message of the {role} may hold text only", "messages")
        else:
            texts = [_text(block, where) for block in content]
            length += sum(map(len, texts))
            if role == "assistant":
                parts.append(Earlier("".join(texts)))
            else:
                system += texts
        before = str(role)
        # Before a tokenizer sees it: that takes the model's thread.
        if length > limits.text:
            found = f"the prompt has {length:,} characters; {limits.text:,} are the limit"
            raise BadRequest(found, "messages")
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
    reader: ClipReader,
    held: int,
    most: int,
) -> list[str | Clip]:
    """The parts of one user message; `most` clips in the prompt, of which it holds `held`."""
    parts: list[str | Clip] = []
    for number, block in enumerate(content):
        inside = f"{where}.content[{number}]"
        _check_keys(block, ("type", str(block.get("type")), "cache_control"), inside)
        if block.get("type") != "text" and held >= most:  # before it is decoded
            raise BadRequest(f"this model takes {most} clips at most", "messages")
        parts.append(_part(block, inside, reader))
        held += isinstance(parts[-1], Clip)
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


def _part(block: Mapping[str, Any], where: str, reader: ClipReader) -> str | Clip:
    kind = block.get("type")
    if kind == "text":
        return _text(block, where)
    held = block.get(kind) if kind in ("input_audio", "audio_url") else None
    if not isinstance(kind, str) or not isinstance(held, dict):
        raise BadRequest(
            f"{where} is a block of type {str(kind)[:80]!r}; text, input_audio and audio_url are "
            "supported, each with an object of that name",
            "messages",
        )
    return reader.read(kind, held, where)


def _check_keys(held: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Refuse fields of a message or block that would be dropped; null and empty are absent."""
    for name, value in held.items():
        if name not in known and value not in (None, "", [], {}):
            raise BadRequest(f"{where}: the field {name[:80]!r} is not supported", "messages")
