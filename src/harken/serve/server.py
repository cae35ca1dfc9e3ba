"""harken's models as OpenAI's chat completions, so that any evaluation harness can use them.

``/v1/models`` and ``/v1/chat/completions`` (streamed too, in one piece), with token counts and
log-probabilities where the model has them. Requests that arrive together form a batch. Listens on
the loopback unless another host is given; web pages in a browser cannot reach it (JSON only, and
the Host header must name the loopback).
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
from harken.models.base import Model, Reply, capabilities
from harken.serve.request import BadRequest, ChatRequest, Limits, ServedModel, read_request
from harken.serve.tokens import Token, TokenizedReply, cut, token_reporter

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEY_ENV = "HARKEN_SERVE_KEY"
_GATHER_S = 0.002  # how long a batch waits for further requests
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class _PendingRequest:
    chat: ChatRequest
    reply: asyncio.Future[TokenizedReply]


class Server:
    """One model behind an application.

    Args:
        model: the model; called from one thread.
        name: the id under which it is served, beside the model's own name.
        host: address to listen on; on the loopback the Host header is checked.
        batch: most requests in one batch.
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
        self._reporter = token_reporter(model)
        self._capabilities = ServedModel(
            (self.name, model.name),
            model.max_clips,
            capabilities(model).multi_turn,
            self._reporter is not None,
        )
        self._hosts = LOOPBACK if host in LOOPBACK else ()
        self._key = os.environ.get(KEY_ENV, "").strip()
        self._queue: asyncio.Queue[_PendingRequest] = asyncio.Queue()
        self._readers = ThreadPoolExecutor(2, "read")
        self._model_thread = ThreadPoolExecutor(1, "ask")
        self._count = 0

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(
            client_max_size=self.limits.body_bytes, middlewares=[self._check_access]
        )
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{id:.+}", self._one_model)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.cleanup_ctx.append(self._worker)
        return app

    async def _worker(self, app: web.Application) -> Any:
        """The task that calls the model, for as long as the application runs."""
        task = asyncio.create_task(self._run_batches())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._model_thread.shutdown(wait=False, cancel_futures=True)

    @web.middleware
    async def _check_access(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Check Host header and API key; return every error as JSON."""
        try:
            host = urlsplit(f"//{request.host}").hostname or ""
            if self._hosts and host not in self._hosts:
                raise BadRequest("this server accepts requests on the loopback only", status=403)
            if self._key:
                given = request.headers.get("Authorization", "").encode()
                if not hmac.compare_digest(given, f"Bearer {self._key}".encode()):
                    raise BadRequest("the API key is missing or wrong", status=401)
            return await handler(request)
        except BadRequest as refusal:
            return _error(refusal.status, str(refusal), refusal.param)
        except web.HTTPException as error:
            too_large = f"the request is larger than {self.limits.body_bytes} bytes"
            return _error(error.status, too_large if error.status == 413 else error.reason)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "waiting": self._queue.qsize()})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [self._card()]})

    async def _one_model(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in (self.name, self.model.name):
            raise BadRequest(f"no model {request.match_info['id']!r}", "model", 404)
        return web.json_response(self._card())

    def _card(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": 0,
            "owned_by": "harken",
            "identity": self._identity,
            "max_clips": min(self.model.max_clips, self.limits.clips),
            "multi_turn": self._capabilities.multi_turn,
            "logprobs": self._capabilities.logprobs,
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
        with tempfile.TemporaryDirectory(prefix="harken-serve-") as folder:
            chat = await loop.run_in_executor(self._readers, self._read, raw, Path(folder))
            waiting = _PendingRequest(chat, loop.create_future())
            self._queue.put_nowait(waiting)
            generated = await waiting.reply
        reply = generated.reply
        if reply.stop == "failed" or reply.error is not None:
            return _error(500, reply.error or "the model gave no reply", kind="server_error")
        return await self._answer(request, chat, generated)

    def _read(self, raw: bytes, folder: Path) -> ChatRequest:
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the body is not JSON: {error}") from None
        return read_request(body, self._capabilities, self.limits, folder)

    async def _run_batches(self) -> None:
        """Take queued requests in batches of one sampling, and call the model."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(_GATHER_S)
            while len(batch) < self.batch and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            batch = [one for one in batch if not one.reply.done()]  # disconnected clients
            for key in dict.fromkeys(_batch_key(one.chat) for one in batch):
                same = [one for one in batch if _batch_key(one.chat) == key]
                replies = await loop.run_in_executor(self._model_thread, self._generate, same)
                for one, reply in zip(same, replies, strict=True):
                    if not one.reply.done():
                        one.reply.set_result(reply)

    def _generate(self, same: list[_PendingRequest]) -> list[TokenizedReply]:
        prompts = [one.chat.prompt for one in same]
        sampling = same[0].chat.sampling
        if not same[0].chat.seeded:  # without a seed, each request gets another sample
            sampling = replace(sampling, seed=secrets.randbits(31))
        try:
            if self._reporter is not None:
                replies = self._reporter.generate_with_tokens(prompts, sampling, same[0].chat.top)
            else:
                replies = [TokenizedReply(one) for one in self.model.generate(prompts, sampling)]
            if len(replies) == len(prompts):
                return replies
            reason = f"the model gave {len(replies)} replies to {len(prompts)} prompts"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        return [TokenizedReply(Reply("", stop="failed", error=reason)) for _ in prompts]

    async def _answer(
        self, request: web.Request, chat: ChatRequest, generated: TokenizedReply
    ) -> web.StreamResponse:
        reply = generated.reply
        text, finish = reply.text, "length" if reply.stop == "length" else "stop"
        cuts = [at for stop in chat.stops if (at := text.find(stop)) >= 0]
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
        logprobs = None if generated.tokens is None else _logprobs(cut(generated.tokens, text))
        usage = _usage(generated)
        if chat.stream:
            last: dict[str, Any] | None = {"choices": [], "usage": usage} if chat.usage else None
            return await _streamed(request, body, message, logprobs, finish, last)
        if reply.explanation:
            message["reasoning_content"] = reply.explanation
        choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
        whole = {**body, "choices": [choice]}
        return web.json_response({**whole, "usage": usage} if usage else whole)


def _batch_key(chat: ChatRequest) -> tuple[Any, ...]:
    """What must be equal for requests to share a batch."""
    return chat.sampling, chat.seeded, chat.top


def _usage(generated: TokenizedReply) -> dict[str, Any] | None:
    """``usage`` in OpenAI's format; None where tokens were not counted."""
    if generated.prompt is None or generated.drawn is None:
        return None
    return {
        "prompt_tokens": generated.prompt,
        "completion_tokens": generated.drawn,
        "total_tokens": generated.prompt + generated.drawn,
        "prompt_tokens_details": {"audio_tokens": generated.audio},
    }


def _logprobs(tokens: Sequence[Token]) -> dict[str, Any]:
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


async def _streamed(
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
    """Listen until interrupted; calls `ready` with the address.

    Raises:
        OSError: the port is in use or the host is not an address of this computer.
    """

    async def main() -> None:
        runner, url = await start(server, host, port)
        try:
            ready(url)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    asyncio.run(main())
