"""harken's models as OpenAI's chat completions, so that any evaluation harness can use them.

``/v1/models`` and ``/v1/chat/completions`` (streamed too, in one piece), with token counts and
log-probabilities where the model has them. Requests that arrive together form a batch. Listens on
the loopback unless another host is given; web pages in a browser cannot reach it (JSON only, and
the Host header must name an address of the server).
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from harken.errors import ModelError
from harken.hashing import digest
from harken.models.base import Model, Reply, Speaker, capabilities
from harken.serve.access import Access
from harken.serve.fields import BadRequest, Limits, read_json
from harken.serve.queue import PendingRequest, RequestQueue
from harken.serve.reload import WeightReloader, check_local, read_sha256
from harken.serve.reply import error_body, logprobs_of, streamed, usage_of
from harken.serve.request import ChatRequest, ServedModel, read_request
from harken.serve.speech import audio_of
from harken.serve.tokens import TokenizedReply, cut, schema_check, token_reporter

_GATHER_S = 0.002  # how long a batch waits for further requests
_READERS = max(4, os.cpu_count() or 1)
_GONE = (OSError, EOFError, web.RequestPayloadError)  # what a dropped connection raises
_REFUSED = re.compile(r"http 4(00|13|22)\b")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """One model behind an application.

    Args:
        model: the model; called from one thread.
        name: the id under which it is served, beside the model's own name.
        access: who is answered; default: the loopback.
        batch: most requests in one batch.
        limits: what a request may hold.
        reload_from: folder from which new weights may be loaded; None: from nowhere.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str = "",
        access: Access | None = None,
        batch: int = 16,
        limits: Limits | None = None,
        reload_from: Path | None = None,
    ) -> None:
        self.model = model
        self.name = name or model.name
        self.limits = limits or Limits()
        self.batch = batch
        self._identity = model.identity()
        self._reloader = None if reload_from is None else WeightReloader(model, reload_from)
        self._reporter = token_reporter(model)
        self._seed_each = bool(getattr(self._reporter, "seed_each", False))
        self._capabilities = ServedModel(
            (self.name, model.name),
            model.max_clips,
            capabilities(model).multi_turn,
            self._reporter is not None,
            schema_check(self._reporter),
            model.voices if isinstance(model, Speaker) else None,
        )
        self._access = access or Access("127.0.0.1")
        self._queue = RequestQueue()
        self._readers = ThreadPoolExecutor(_READERS, "read")
        self._model_thread = ThreadPoolExecutor(1, "ask")
        self._count = self._open = self._held = 0

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(
            client_max_size=self.limits.body_bytes, middlewares=[self._check_access]
        )
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{id:.+}", self._one_model)
        app.router.add_post("/v1/chat/completions", self._complete)
        if self._reloader is not None:
            app.router.add_post("/v1/reload", self._reload)
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
            self._access.check(request)
            return await handler(request)
        except BadRequest as refusal:
            return _error(refusal.status, str(refusal), refusal.param)
        except web.HTTPException as error:
            too_large = f"the request is larger than {self.limits.body_bytes} bytes"
            return _error(error.status, too_large if error.status == 413 else error.reason)
        except OSError as error:  # of this computer, such as a full disk
            return _error(500, f"the server fails: {error.strerror or error}", kind="server_error")

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "waiting": len(self._queue)})

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
            "voices": self._capabilities.voices,
        }

    async def _reload(self, request: web.Request) -> web.Response:
        """Load new weights between two batches."""
        check_local(request)
        if request.content_type != "application/json":
            raise BadRequest("Content-Type must be application/json", status=415)
        sha256 = read_sha256(read_json(await request.read(), self.limits))
        assert self._reloader is not None
        loop = asyncio.get_running_loop()
        try:
            told = await loop.run_in_executor(self._model_thread, self._reloader.load, sha256)
        except ModelError as error:
            raise BadRequest(str(error), "sha256", 409) from None
        self._identity = told["fingerprint"]
        return web.json_response(told)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise BadRequest("Content-Type must be application/json", status=415)
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):  # a small body could unpack to any size
            raise BadRequest(f"Content-Encoding {coding[:40]!r} is not supported", status=415)
        try:
            with self._admitted(request.content_length or self.limits.body_bytes):
                return await self._replied(request)
        except _TooMany as many:
            response = _error(429, str(many))
            response.headers["Retry-After"] = "1"
            return response

    @contextmanager
    def _admitted(self, size: int) -> Iterator[None]:
        """Count a request of `size` bytes as in flight; raises `_TooMany`."""
        if self._open >= self.limits.waiting:
            raise _TooMany(f"{self.limits.waiting} requests are waiting")
        size = min(size, self.limits.body_bytes)
        if self._open and self._held + size > self.limits.held_bytes:
            raise _TooMany(f"requests of {self._held:,} bytes are waiting")
        self._open += 1
        self._held += size
        try:
            yield
        finally:
            self._open -= 1
            self._held -= size

    async def _replied(self, request: web.Request) -> web.StreamResponse:
        """Read a request, put it to the model and send the reply."""
        try:
            async with asyncio.timeout(self.limits.upload_s):
                raw = await request.read()
        except TimeoutError:
            found = f"the request did not arrive within {self.limits.upload_s:g} s"
            raise BadRequest(found, status=408) from None
        except _GONE:
            raise BadRequest("the connection was lost within the request") from None
        loop = asyncio.get_running_loop()
        # A client that goes away leaves a thread that still writes into the folder.
        with tempfile.TemporaryDirectory(
            prefix="harken-serve-", ignore_cleanup_errors=True
        ) as folder:
            chat = await loop.run_in_executor(self._readers, self._read, raw, Path(folder))
            del raw
            waiting = PendingRequest(chat, loop.create_future(), self._seed_each and chat.seeded)
            self._queue.put(waiting)
            generated = await waiting.reply
        reply = generated.reply
        if reply.stop == "failed" or reply.error is not None:
            told = reply.error or "the model gave no reply"
            if generated.refused or _REFUSED.match(told):
                raise BadRequest(told, "messages")
            return _error(500, told, kind="server_error")
        return await self._answer(request, chat, generated)

    def _read(self, raw: bytes, folder: Path) -> ChatRequest:
        body = read_json(raw, self.limits)
        return read_request(body, self._capabilities, self.limits, folder)

    async def _run_batches(self) -> None:
        """Take waiting requests in batches of one sampling, and call the model."""
        loop = asyncio.get_running_loop()
        while True:
            await self._queue.wait()
            await asyncio.sleep(_GATHER_S)
            batch = self._queue.take(self.batch)
            if not batch:
                continue
            replies = await loop.run_in_executor(self._model_thread, self._generate, batch)
            for one, reply in zip(batch, replies, strict=True):
                if not one.reply.done():
                    one.reply.set_result(reply)

    def _generate(self, same: Sequence[PendingRequest]) -> list[TokenizedReply]:
        prompts = [one.chat.prompt for one in same]
        sampling = same[0].chat.sampling
        if not same[0].chat.seeded:  # without a seed, each request gets another sample
            sampling = replace(sampling, seed=secrets.randbits(31))
        try:
            if same[0].chat.audio is not None:
                replies = self._spoken(same)
            elif self._reporter is not None:
                own = [one.chat.sampling.seed for one in same] if same[0].any_seed else None
                more = {"seeds": own} if own else {}
                top = same[0].chat.top
                replies = self._reporter.generate_with_tokens(prompts, sampling, top, **more)
            else:
                replies = [TokenizedReply(one) for one in self.model.generate(prompts, sampling)]
            if len(replies) == len(prompts):
                return replies
            reason = f"the model gave {len(replies)} replies to {len(prompts)} prompts"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        if len(same) > 1:  # the fault of one request is not that of the others
            return [reply for one in same for reply in self._generate([one])]
        return [TokenizedReply(Reply("", stop="failed", error=reason)) for _ in prompts]

    def _spoken(self, same: Sequence[PendingRequest]) -> list[TokenizedReply]:
        """The replies as sound; a request without a seed gets another one each time."""
        assert isinstance(self.model, Speaker)
        audio, sampling = same[0].chat.audio, same[0].chat.sampling
        own = [one.chat.sampling.seed if one.chat.seeded else secrets.randbits(31) for one in same]
        prompts = [one.chat.prompt for one in same]
        said = self.model.speak(prompts, sampling, own, audio.voice if audio else "")
        return [
            TokenizedReply(Reply(one.text, one.stop, one.error), refused=True, speech=one)
            for one in said
        ]

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
        if generated.speech is not None and chat.audio is not None:
            number = digest(f"{self._identity} {self._count} audio")
            said = audio_of(generated.speech, chat.audio.format, number, body["created"])
            message = {"role": "assistant", "content": None, "refusal": None, "audio": said}
        logprobs = None
        if generated.tokens is not None:  # with ids, one entry for each, those without text too
            logprobs = logprobs_of(generated.tokens if chat.ids else cut(generated.tokens, text))
        usage = usage_of(generated)
        if chat.stream:
            last: dict[str, Any] | None = {"choices": [], "usage": usage} if chat.usage else None
            return await streamed(request, body, message, logprobs, finish, last)
        if reply.explanation:
            message["reasoning_content"] = reply.explanation
        choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
        if chat.ids:
            choice["token_ids"] = list(generated.ids)
        whole = {**body, "choices": [choice]}
        return web.json_response({**whole, "usage": usage} if usage else whole)


class _TooMany(Exception):
    """More requests, or larger ones, than may be in flight."""


def _error(
    status: int, message: str, param: str = "", kind: str = "invalid_request_error"
) -> web.Response:
    response = web.json_response(error_body(message, param, kind), status=status)
    if status == 408:  # what else the client sends is not read
        response.force_close()
    return response


async def start(server: Server, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Listen; returns the runner (``await runner.cleanup()`` ends it) and the address."""
    runner = web.AppRunner(  # packed bodies are refused by `_complete`
        server.app(), access_log=None, handler_cancellation=True, auto_decompress=False
    )
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
