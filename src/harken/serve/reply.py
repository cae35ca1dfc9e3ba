"""Replies in OpenAI's format: usage, log-probabilities, server-sent events, errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from harken.serve.tokens import Token, TokenizedReply


def usage_of(generated: TokenizedReply) -> dict[str, Any] | None:
    """``usage`` in OpenAI's format; None where tokens were not counted."""
    if generated.prompt is None or generated.drawn is None:
        return None
    return {
        "prompt_tokens": generated.prompt,
        "completion_tokens": generated.drawn,
        "total_tokens": generated.prompt + generated.drawn,
        "prompt_tokens_details": {"audio_tokens": generated.audio},
    }


def logprobs_of(tokens: Sequence[Token]) -> dict[str, Any]:
    """``logprobs`` in OpenAI's format."""

    def entry(text: str, value: float) -> dict[str, Any]:
        # JSON has no -inf; OpenAI uses this number for it.
        return {"token": text, "logprob": max(value, -9999.0), "bytes": list(text.encode())}

    content = [
        {
            **entry(token.text, token.logprob),
            "top_logprobs": [entry(text, value) for text, value in token.top],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


async def streamed(
    request: web.Request,
    body: dict[str, Any],
    message: dict[str, Any],
    logprobs: dict[str, Any] | None,
    finish: str,
    last: dict[str, Any] | None,
) -> web.StreamResponse:
    """Server-sent events: the whole reply in one piece, its finish reason, ``usage`` if asked."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "logprobs": own, "finish_reason": reason}]}
        for delta, own, reason in ((message, logprobs, None), ({}, None, finish))
    ]
    with suppress(OSError):  # the client has gone
        for chunk in [*chunks, *([last] if last else [])]:
            whole = {**body, "object": "chat.completion.chunk", **chunk}
            await response.write(b"data: " + json.dumps(whole).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
    return response


def error_body(message: str, param: str, kind: str) -> dict[str, Any]:
    """An error in OpenAI's format."""
    body = {"message": message, "type": kind, "param": param or None, "code": None}
    return {"error": body}
