"""A server for tests that misbehaves by plan: an OpenAI-compatible endpoint on the loopback.

What happens to a request is drawn from (seed, the request's own words, how often it came before),
so a run can be repeated and every fault is counted. It runs on a thread of the test's process, so
that its counts outlive a client that is killed.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

FAULTS = ("429", "500", "hang", "cut", "half", "malformed", "schema", "empty")
"""What may happen instead of an answer; ``half`` is an answer cut in its middle."""


@dataclass
class Plan:
    """How often what goes wrong.

    Attributes:
        seed: of all draws.
        share: probability of a fault at each attempt.
        lasting: probability that a request fails the same way at every attempt.
        faults: those that are drawn, evenly.
        delay_s: before each answer.
        capacity: with more requests open than this, the answer is 429; 0: no limit.
        retry_after: the header's value with a 429; None: no header.
        logprobs: whether alternatives are given when asked for.
        refuse_logprobs: answer 400 to requests that ask for them.
    """

    seed: int = 0
    share: float = 0.0
    lasting: float = 0.0
    faults: tuple[str, ...] = FAULTS
    delay_s: float = 0.0
    capacity: int = 0
    retry_after: str | None = "0.02"
    logprobs: bool = False
    refuse_logprobs: bool = False


@dataclass
class Seen:
    """What the server saw and did."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    did: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    lasting: dict[str, str] = field(default_factory=dict)
    open: int = 0
    most_open: int = 0


class Standin:
    """The server; use as a context manager. `url` ends in ``/v1``."""

    def __init__(self, plan: Plan | None = None, *, reply: str = "A", keep: bool = True) -> None:
        self.plan = plan or Plan()
        self.reply = reply
        self.keep = keep
        self.seen = Seen()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Standin:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        def stop() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(stop)
        self._thread.join(10)
        self._loop.close()

    def forget(self) -> None:
        """Start counting anew; what lasts goes on lasting."""
        self.seen = Seen()

    def _run(self) -> None:
        async def start() -> None:
            server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=1 << 20)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            self._ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                names = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                raw = await reader.readexactly(int(names.get("content-length", 0)))
                if not first.startswith("POST /v1/chat/completions "):
                    await _send(writer, 404, {"error": {"message": "no such path"}})
                    continue
                self.seen.open += 1
                self.seen.most_open = max(self.seen.most_open, self.seen.open)
                try:
                    if not await self._serve(json.loads(raw), names, writer):
                        break
                finally:
                    self.seen.open -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve(
        self, body: dict[str, Any], names: dict[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        """Answer or misbehave; whether the connection goes on."""
        seen, plan = self.seen, self.plan
        key = question(body)
        attempt = seen.tries[key]
        seen.tries[key] += 1
        if self.keep:
            seen.bodies.append(body)
            seen.headers.append(names)
        if plan.refuse_logprobs and body.get("logprobs"):
            seen.did["400"] += 1
            await _send(writer, 400, {"error": {"message": "logprobs are not supported"}})
            return True
        fault = self._draw(key, attempt)
        if plan.capacity and seen.open > plan.capacity:
            fault = "429"
        seen.did[fault or "answer"] += 1
        if plan.delay_s and fault is None:
            await asyncio.sleep(plan.delay_s)
        if fault is None:
            await _send(writer, 200, self._completion(body))
            seen.answered[key] += 1
            return True
        return await _misbehave(fault, writer, plan, self._completion(body))

    def _draw(self, key: str, attempt: int) -> str | None:
        plan, name = self.plan, crc32(key.encode())
        lasts = np.random.default_rng([plan.seed, name])
        if lasts.random() < plan.lasting:
            self.seen.lasting[key] = str(lasts.choice(plan.faults))
            return self.seen.lasting[key]
        draw = np.random.default_rng([plan.seed, name, attempt])
        return str(draw.choice(plan.faults)) if draw.random() < plan.share else None

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": self.reply},
        }
        if self.plan.logprobs and body.get("logprobs"):
            listed = [
                {"token": "B", "logprob": -0.2},
                {"token": " A", "logprob": -2.0},
                {"token": "The", "logprob": -4.0},
            ]
            choice["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
        return {
            "id": "x",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
        }


def question(body: Mapping[str, Any]) -> str:
    """The words of a request: its last text."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return str([block["text"] for block in content if block["type"] == "text"][-1])


def number(body: Mapping[str, Any]) -> int:
    """The first number in the words."""
    found = re.search(r"\d+", question(body))
    assert found
    return int(found[0])


async def _misbehave(
    fault: str, writer: asyncio.StreamWriter, plan: Plan, completion: dict[str, Any]
) -> bool:
    if fault == "429":
        extra = f"Retry-After: {plan.retry_after}\r\n" if plan.retry_after is not None else ""
        await _send(writer, 429, {"error": {"message": "slow down"}}, extra)
    elif fault == "500":
        await _send(writer, 500, {"error": {"message": "out of memory"}})
    elif fault == "malformed":
        await _send(writer, 200, b'{"choices": [{"message": {"conte')
    elif fault == "schema":
        await _send(writer, 200, {"result": "A"})
    elif fault == "empty":
        completion["choices"][0]["message"]["content"] = ""
        await _send(writer, 200, completion)
    elif fault == "hang":
        await asyncio.sleep(30)
    elif fault == "half":
        data = json.dumps(completion).encode()
        writer.write(_head(200, len(data)) + data[: len(data) // 2])
        await writer.drain()
    return fault not in ("hang", "half", "cut")


def _head(status: int, size: int, extra: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


async def _send(
    writer: asyncio.StreamWriter, status: int, body: dict[str, Any] | bytes, extra: str = ""
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    writer.write(_head(status, len(data), extra) + data)
    await writer.drain()
