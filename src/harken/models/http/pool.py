"""One pooled client for all requests of a model: sends, retries, paces, and says how each ended.

The client lives on an event loop in a thread of its own, so that connections outlive a batch and
the caller may itself be inside a loop. This is the only client code that imports an HTTP library.
"""

from __future__ import annotations

import asyncio
import email.utils
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import aiohttp
import numpy as np
from aiohttp.abc import AbstractStreamWriter

from harken.errors import AudioError
from harken.models.http.rate_limit import AdaptiveConcurrency, RequestBudget
from harken.models.http.settings import HttpSettings
from harken.models.http.wire import Pieces, WireAnswer, WireFault, read_answer, read_refusal

_WARY = 0.8  # what is left in flight after a fault that may or may not mean "too much"
_LARGEST = 16 << 20  # bytes of a reply; a server cannot fill the memory
_SILENT = 3  # replies of nothing to one request, after which it is said to have none


@dataclass(frozen=True, slots=True)
class HttpJob:
    """One request to be answered.

    Attributes:
        key: its identity; seeds the jitter.
        pieces: makes the body; the argument says whether log-probabilities are asked for.
        ready: whether making the body is quick (no audio to decode).
    """

    key: str
    pieces: Callable[[bool], Pieces]
    ready: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that ended without an answer, and why."""

    reason: str


Arrived = Callable[[int, WireAnswer | Failure], None]


class RequestPool:
    """Asks jobs at one server.

    Attributes:
        faults: attempts that failed, by kind.
        stopped: why nothing more is asked; empty while things go well.
        notes: what was found out about the server on the way.
    """

    def __init__(self, settings: HttpSettings) -> None:
        """No connection is made before the first job."""
        self.settings = settings
        self.faults: Counter[str] = Counter()
        self.stopped = ""
        self.notes: list[str] = []
        self.pace = AdaptiveConcurrency(settings)
        self.budget = RequestBudget(settings)
        self._logprobs = True
        self._barren = 0
        self._secret = os.environ.get(settings.key_name, "").strip()
        self._sessions: list[aiohttp.ClientSession] = []  # none yet, or the one
        self._encoders = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "encode")
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        thread.start()
        self._close = weakref.finalize(
            self, _shut, self._loop, thread, self._encoders, self._sessions
        )

    def ask(self, jobs: Sequence[HttpJob], arrived: Arrived) -> None:
        """Ask all jobs; `arrived` is told, on the client's thread, how each one ended.

        A fault of an earlier call is forgotten: each call tries the server anew.
        """
        self.stopped, self._barren = "", 0
        task = asyncio.run_coroutine_threadsafe(self._all(jobs, arrived), self._loop)
        try:
            task.result()
        except BaseException:
            task.cancel()
            raise

    def close(self) -> None:
        """Let go of all connections."""
        self._close()

    async def _all(self, jobs: Sequence[HttpJob], arrived: Arrived) -> None:
        if not self._sessions:
            self._sessions.append(self._open())
        todo = iter(enumerate(jobs))
        count = min(self.settings.concurrency, len(jobs))
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._work(todo, arrived))

    async def _work(self, todo: Iterator[tuple[int, HttpJob]], arrived: Arrived) -> None:
        for number, job in todo:
            outcome = await self._one(job)
            if isinstance(outcome, Failure):
                outcome = Failure(self._redacted(outcome.reason))
            arrived(number, outcome)

    def _open(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        own = self.settings
        return aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=own.timeout_s, sock_connect=min(20, own.timeout_s)),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def _one(self, job: HttpJob) -> WireAnswer | Failure:
        """One job to its end: an answer, or the reason of the last attempt."""
        last, silent = "", 0
        for attempt in range(self.settings.retries + 1):
            try:
                return await self._attempt(job)
            except AudioError as error:
                return Failure(f"audio: {error.reason}: {error.found}")
            except _Stopped as stop:
                return Failure(f"{stop} (before that: {last})" if last else str(stop))
            except WireFault as fault:
                last = str(fault)
                self._record(fault)
                silent += fault.kind == "empty reply"
                # A model that says nothing three times means it.
                if not fault.passing or attempt == self.settings.retries or silent == _SILENT:
                    break
                if fault.wait_s is not None and fault.wait_s > self.settings.longest_wait_s:
                    last += f"; told to wait {fault.wait_s:g} s"
                    break
                if fault.wait_s is None or not fault.crowded:  # a crowd waits at the gate
                    await asyncio.sleep(fault.wait_s or self._jitter(job.key, attempt))
        tries = f" after {attempt + 1} attempts" if attempt else ""
        return Failure(last + tries)

    async def _attempt(self, job: HttpJob) -> WireAnswer:
        if self.stopped:
            raise _Stopped(self.stopped)
        if job.ready():
            pieces = job.pieces(self._logprobs)
        else:
            loop = asyncio.get_running_loop()
            pieces = await loop.run_in_executor(self._encoders, job.pieces, self._logprobs)
        sent_at = await self.pace.enter()
        try:
            if self.stopped:
                raise _Stopped(self.stopped)
            refused = await self.budget.take()
            if refused is not None:
                raise _Stopped(refused)
            used: tuple[int, int] | None = None
            try:
                answer = read_answer(await self._send(pieces))
                used = (answer.tokens_in, answer.tokens_out)
            finally:
                self.budget.settle(used)
            self.pace.used(max(0, answer.tokens_in) + max(0, answer.tokens_out))
            self.pace.good()
            self._barren = 0
            if self._secret and self._secret in answer.text + answer.explanation:
                raise WireFault("echoed key", "the reply held the API key", passing=False)
            return answer
        except WireFault as fault:
            if fault.crowded:
                self.pace.crowded(sent_at, _within(fault.wait_s, self.settings.longest_wait_s))
            elif fault.kind in ("timeout", "cut"):  # perhaps a crowd, perhaps a poor line
                self.pace.crowded(sent_at, share=_WARY)
            raise
        finally:
            self.pace.leave()

    async def _send(self, pieces: Pieces) -> bytes:
        """The body of a 200; everything else is a Fault."""
        try:
            async with self._sessions[0].post(
                self.settings.endpoint, data=_Body(pieces), allow_redirects=False
            ) as response:
                raw = await _bounded(response)
                if response.status == 200:
                    return raw
                wait_s = _retry_after(response.headers)
                raise read_refusal(response.status, raw, wait_s)
        except TimeoutError:
            kind = f"no answer within {self.settings.timeout_s:g} s"
            raise WireFault("timeout", kind) from None
        except aiohttp.ClientConnectorError as error:
            raise WireFault("unreachable", str(error)) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise WireFault("cut", f"{type(error).__name__}: {error}") from None

    def _record(self, fault: WireFault) -> None:
        """Count it, and decide whether it speaks for all requests."""
        self.faults[fault.kind] += 1
        about_logprobs = fault.kind.startswith("http 4") and "logprob" in fault.detail.lower()
        if about_logprobs:
            # Hosted models often refuse log-probabilities; the words are still worth having. Those
            # that were in flight beside the first to be refused are asked again as well.
            fault.passing = True
            if self._logprobs:
                self._logprobs = False
                self.notes.append(f"log-probabilities are not asked for: {fault.detail}")
            return
        tries = 1 + self.settings.retries
        self._barren += 4 * tries if fault.kind == "timeout" else 1  # waiting for nothing is dear
        if fault.fatal:
            self.stopped = f"not asked, since all would fail: {fault}"
        elif self._barren >= self.settings.give_up_after * tries:
            self.stopped = f"not asked, after many faults and no answer: {fault}"
        elif fault.kind == "unreachable" and self._barren >= self.settings.give_up_after:
            self.stopped = f"not asked, since the server cannot be reached: {fault.detail}"

    def _jitter(self, key: str, attempt: int) -> float:
        """Exponential backoff, half of it random: retries of one crowd must not meet again."""
        own = self.settings
        draw = np.random.default_rng([own.seed, crc32(key.encode()), attempt])
        longest = min(own.longest_wait_s, own.backoff_s * 2.0**attempt)
        return float(longest * draw.uniform(0.5, 1.0))

    def _redacted(self, text: str) -> str:
        return text.replace(self._secret, "(API key)") if self._secret else text


class _Stopped(Exception):
    """The request is not sent."""


class _Body(aiohttp.Payload):
    """Pieces of a body, written one after the other without being joined."""

    def __init__(self, pieces: Pieces) -> None:
        super().__init__(pieces, content_type="application/json")
        self._size = sum(map(len, pieces))

    async def write(self, writer: AbstractStreamWriter) -> None:
        for piece in self._value:
            await writer.write(piece)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, unless it is absurdly long."""
    short = response.content_length is not None and response.content_length <= _LARGEST
    if short and "Content-Encoding" not in response.headers:
        return await response.read()
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > _LARGEST:
            raise WireFault("wrong schema", f"the reply is longer than {_LARGEST} bytes")
        parts.append(part)
    return b"".join(parts)


def _retry_after(headers: Any) -> float | None:
    """Seconds that the server asks to wait: a number, or a date."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if not text:
            continue
        try:
            seconds = float(text) * scale
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
            except (ValueError, TypeError):
                continue
        if 0.0 < seconds < float("inf"):
            return seconds
    return None


def _within(wait_s: float | None, longest_s: float) -> float | None:
    return wait_s if wait_s is not None and wait_s <= longest_s else None


def _shut(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    encoders: ThreadPoolExecutor,
    sessions: list[aiohttp.ClientSession],
) -> None:
    """End the client's thread, its open requests first."""

    async def cancel() -> None:
        mine = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not mine:
                task.cancel()
        for session in sessions:
            await session.close()
        loop.stop()

    encoders.shutdown(wait=False, cancel_futures=True)
    if thread.is_alive() and thread is not threading.current_thread():
        asyncio.run_coroutine_threadsafe(cancel(), loop)
        thread.join(5)
    if not loop.is_running():
        loop.close()
