"""harken's models behind OpenAI's chat completions, so that any harness can examine them.

``/v1/models`` and ``/v1/chat/completions`` (streamed too, in one piece), with the counts of tokens
and their log-probabilities where the model has them. Requests that arrive together are asked
together. Listens on the loopback unless told another host; a browser's page
cannot reach it (JSON only, and the Host must be the loopback's).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from harken.hashing import digest
from harken.models.base import Model, Reply
from harken.serve.request import BadRequest, Capabilities, ChatRequest, Limits, read_request
from harken.serve.tokens import Token, TokenizedReply, cut, token_reporter

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEY_ENV = "HARKEN_SERVE_KEY"
_GATHER_S = 0.002  # how long a batch waits for company
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class _PendingRequest:
    asked: ChatRequest
    reply: asyncio.Future[TokenizedReply]


class Server:
    """One model behind an application.

    Args:
        model: who answers; asked from one thread.
        name: the id under which it is offered; the model's own name answers too.
        host: where it will listen; decides whether the Host header is checked.
        batch: requests asked together at most.
        limits: what a request may hold.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str = "",
        host: str = "127.0.0.1",
        batch: int = 16,
        limits: Limits | None = None,
    ) -> None:
        self.model = model
        self.name = name or model.name
        self.limits = limits or Limits()
        self.batch = batch
        self._identity = model.identity()
        self._speaker = token_reporter(model)
        self._offer = Capabilities(
            (self.name, model.name),
            model.max_clips,
            bool(getattr(model, "multi_turn", False)),
            self._speaker is not None,
        )
        self._hosts = LOOPBACK if host in LOOPBACK else ()
        self._key = os.environ.get(KEY_ENV, "").strip()
        self._queue: asyncio.Queue[_PendingRequest] = asyncio.Queue()
        self._readers = ThreadPoolExecutor(2, "read")
        self._asker = ThreadPoolExecutor(1, "ask")
        self._count = 0

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self.limits.body_bytes, middlewares=[self._guard])
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{id:.+}", self._one_model)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.cleanup_ctx.append(self._asking)
        return app

    async def _asking(self, app: web.Application) -> Any:
        """The task that asks the model, for as long as the application runs."""
        task = asyncio.create_task(self._ask_all())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._asker.shutdown(wait=False, cancel_futures=True)

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Who may ask; and every error as JSON."""
        try:
            host = urlsplit(f"//{request.host}").hostname or ""
            if self._hosts and host not in self._hosts:
                raise BadRequest("this server answers on the loopback only", status=403)
            if self._key:
                given = request.headers.get("Authorization", "").encode()
                if not hmac.compare_digest(given, f"Bearer {self._key}".encode()):
                    raise BadRequest("the API key is missing or wrong", status=401)
            return await handler(request)
        except BadRequest as refusal:
            return _error(refusal.status, str(refusal), refusal.param)
        except web.HTTPException as error:
            told = f"the request is larger than {self.limits.body_bytes} bytes"
            return _error(error.status, told if error.status == 413 else error.reason)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "waiting": self._queue.qsize()})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [self._card()]})

    async def _one_model(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in (self.name, self.model.name):
            raise BadRequest(f"no model {request.match_info['id']!r} here", "model", 404)
        return web.json_response(self._card())

    def _card(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": 0,
            "owned_by": "harken",
            "identity": self._identity,
            "max_clips": min(self.model.max_clips, self.limits.clips),
            "multi_turn": self._offer.multi_turn,
            "logprobs": self._offer.tells,
        }

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise BadRequest("Content-Type must be application/json", status=415)
        if self._queue.qsize() >= self.limits.waiting:
            response = _error(429, f"{self.limits.waiting} requests are waiting")
            response.headers["Retry-After"] = "1"
            return response
        raw = await request.read()
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryDirectory(prefix="harken-serve-") as room:
            asked = await loop.run_in_executor(self._readers, self._read, raw, Path(room))
            waiting = _PendingRequest(asked, loop.create_future())
            self._queue.put_nowait(waiting)
            spoken = await waiting.reply
        reply = spoken.reply
        if reply.stop == "failed" or reply.error is not None:
            return _error(500, reply.error or "the model gave no reply", kind="server_error")
        return await self._answer(request, asked, spoken)

    def _read(self, raw: bytes, room: Path) -> ChatRequest:
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the body is not JSON: {error}") from None
        return read_request(body, self._offer, self.limits, room)

    async def _ask_all(self) -> None:
        """Take what waits, in batches of one sampling, and ask."""
        loop = asyncio.get_running_loop()
        while True:
            crowd = [await self._queue.get()]
            await asyncio.sleep(_GATHER_S)
            while len(crowd) < self.batch and not self._queue.empty():
                crowd.append(self._queue.get_nowait())
            crowd = [one for one in crowd if not one.reply.done()]  # the client may have left
            for kind in dict.fromkeys(_kind(one.asked) for one in crowd):
                same = [one for one in crowd if _kind(one.asked) == kind]
                replies = await loop.run_in_executor(self._asker, self._ask, same)
                for one, reply in zip(same, replies, strict=True):
                    if not one.reply.done():
                        one.reply.set_result(reply)

    def _ask(self, same: list[_PendingRequest]) -> list[TokenizedReply]:
        prompts = [one.asked.prompt for one in same]
        sampling = same[0].asked.sampling
        if not same[0].asked.seeded:  # who gives no seed wants another draw each time
            sampling = replace(sampling, seed=secrets.randbits(31))
        try:
            if self._speaker is not None:
                replies = self._speaker.spoken(prompts, sampling, same[0].asked.top)
            else:
                replies = [TokenizedReply(one) for one in self.model.generate(prompts, sampling)]
            if len(replies) == len(prompts):
                return replies
            reason = f"the model gave {len(replies)} replies to {len(prompts)} prompts"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        return [TokenizedReply(Reply("", stop="failed", error=reason)) for _ in prompts]

    async def _answer(
        self, request: web.Request, asked: ChatRequest, spoken: TokenizedReply
    ) -> web.StreamResponse:
        reply = spoken.reply
        text, finish = reply.text, "length" if reply.stop == "length" else "stop"
        cuts = [at for stop in asked.stops if (at := text.find(stop)) >= 0]
        if cuts:
            text, finish = text[: min(cuts)], "stop"
        self._count += 1
        body: dict[str, Any] = {
            "id": f"chatcmpl-{digest(f'{self._identity} {self._count}')}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.name,
            "system_fingerprint": self._identity,
        }
        message: dict[str, Any] = {"role": "assistant", "content": text}
        told = None if spoken.tokens is None else _logprobs(cut(spoken.tokens, text))
        usage = _usage(spoken)
        if asked.stream:
            last: dict[str, Any] | None = {"choices": [], "usage": usage} if asked.usage else None
            return await _streamed(request, body, message, told, finish, last)
        if reply.explanation:
            message["reasoning_content"] = reply.explanation
        choice = {"index": 0, "message": message, "logprobs": told, "finish_reason": finish}
        whole = {**body, "choices": [choice]}
        return web.json_response({**whole, "usage": usage} if usage else whole)


def _kind(asked: ChatRequest) -> tuple[Any, ...]:
    """What must be the same for requests to be asked together."""
    return asked.sampling, asked.seeded, asked.top


def _usage(spoken: TokenizedReply) -> dict[str, Any] | None:
    """Counts of tokens in OpenAI's terms; None where nobody counted."""
    if spoken.prompt is None or spoken.drawn is None:
        return None
    return {
        "prompt_tokens": spoken.prompt,
        "completion_tokens": spoken.drawn,
        "total_tokens": spoken.prompt + spoken.drawn,
        "prompt_tokens_details": {"audio_tokens": spoken.audio},
    }


def _logprobs(tokens: Sequence[Token]) -> dict[str, Any]:
    """Tokens with their log-probabilities in OpenAI's terms."""

    def told(text: str, value: float) -> dict[str, Any]:
        # JSON has no -inf, and OpenAI writes this number for it.
        return {"token": text, "logprob": max(value, -9999.0), "bytes": list(text.encode())}

    content = [
        {
            **told(token.text, token.logprob),
            "top_logprobs": [told(text, value) for text, value in token.top],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


async def _streamed(
    request: web.Request,
    body: dict[str, Any],
    message: dict[str, Any],
    told: dict[str, Any] | None,
    finish: str,
    last: dict[str, Any] | None,
) -> web.StreamResponse:
    """Server-sent events: the whole reply in one piece, why it ended, the counts if wished."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "logprobs": own, "finish_reason": reason}]}
        for delta, own, reason in ((message, told, None), ({}, None, finish))
    ]
    for chunk in [*chunks, *([last] if last else [])]:
        whole = {**body, "object": "chat.completion.chunk", **chunk}
        await response.write(b"data: " + json.dumps(whole).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _error(
    status: int, message: str, param: str = "", kind: str = "invalid_request_error"
) -> web.Response:
    body = {"message": message, "type": kind, "param": param or None, "code": None}
    return web.json_response({"error": body}, status=status)


async def start(server: Server, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Listen; returns the runner (``await runner.cleanup()`` ends it) and the address."""
    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    bound = runner.addresses[0][1]
    return runner, f"http://{f'[{host}]' if ':' in host else host}:{bound}/v1"


def serve(server: Server, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Listen until interrupted; `ready` is told the address.

    Raises:
        OSError: the port is taken or the host is not this computer's.
    """

    async def main() -> None:
        runner, url = await start(server, host, port)
        try:
            ready(url)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    asyncio.run(main())
