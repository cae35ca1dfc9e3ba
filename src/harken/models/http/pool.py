"""One pooled client for all requests of a model: sends, retries, limits rates, reports outcomes.

The client runs on an event loop in a thread of its own, so that connections outlive a batch and
the caller may itself run in a loop. This is the only client code that imports an HTTP library.
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
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import aiohttp
import numpy as np
from aiohttp.abc import AbstractStreamWriter

from harken.errors import AudioError
from harken.models.http.rate_limit import AdaptiveConcurrency, RequestBudget
from harken.models.http.secret import Secret
from harken.models.http.settings import HttpSettings
from harken.models.http.wire import Pieces, WireAnswer, WireFault, read_answer, read_refusal

_SLIGHT_CUT = 0.8  # factor on the requests in flight after a fault that may mean overload
_LARGEST = 16 << 20  # most bytes of a reply, so that a server cannot exhaust the memory
_MOST_EMPTY = 3  # empty replies to one request after which it has failed


@dataclass(frozen=True, slots=True)
class HttpJob:
    """One request to be sent until it is answered or has failed.

    Attributes:
        key: identity of the request; seeds the jitter.
        pieces: builds the body; the argument says whether log-probabilities are requested.
        ready: whether building the body is fast (no audio to decode).
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
    """Sends jobs to one server.

    Attributes:
        faults: attempts that failed, by kind.
        stopped: why no more requests are sent; empty while they are.
        notes: what was learned about the server, such as features that it refuses.
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
        self._unanswered = 0
        self._secret = Secret(os.environ.get(settings.key_name, ""))
        self._sessions: list[aiohttp.ClientSession] = []  # empty, or one
        self._encoders = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "encode")
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        thread.start()
        self._close = weakref.finalize(
            self, _close, self._loop, thread, self._encoders, self._sessions
        )

    def ask(self, jobs: Sequence[HttpJob], arrived: Arrived) -> None:
        """Send all jobs; `arrived` is called on the client's thread with each one's outcome.

        What stopped an earlier call does not stop this one: each call tries the server again.
        """
        self.stopped, self._unanswered = "", 0
        task = asyncio.run_coroutine_threadsafe(self._all(jobs, arrived), self._loop)
        try:
            task.result()
        except BaseException:
            task.cancel()
            raise

    def close(self) -> None:
        """Close all connections and end the thread."""
        self._close()

    async def _all(self, jobs: Sequence[HttpJob], arrived: Arrived) -> None:
        if not self._sessions:
            self._sessions.append(self._open())
        queue = iter(enumerate(jobs))
        count = min(self.settings.concurrency, len(jobs))
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._work(queue, arrived))

    async def _work(self, queue: Iterator[tuple[int, HttpJob]], arrived: Arrived) -> None:
        for number, job in queue:
            outcome = await self._one(job)
            if isinstance(outcome, Failure):
                outcome = Failure(self._secret.redacted(outcome.reason))
            arrived(number, outcome)

    def _open(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._secret.value:
            headers["Authorization"] = f"Bearer {self._secret.value}"
        own = self.settings
        return aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=own.timeout_s, sock_connect=min(20, own.timeout_s)),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def _one(self, job: HttpJob) -> WireAnswer | Failure:
        """Attempt one job until it ends: an answer, or the reason of the last failure."""
        last, empty = "", 0
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
                empty += fault.kind == "empty reply"
                # A model whose reply is empty three times will not give another.
                if not fault.retryable or attempt == self.settings.retries or empty == _MOST_EMPTY:
                    break
                if fault.wait_s is not None and fault.wait_s > self.settings.longest_wait_s:
                    last += f"; the server asks to wait {fault.wait_s:g} s"
                    break
                if fault.wait_s is None or not fault.overloaded:  # else `enter` waits
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
                answer = await self._send(pieces)
                used = (answer.tokens_in, answer.tokens_out)
            finally:
                self.budget.settle(used)
            self.pace.used(max(0, answer.tokens_in) + max(0, answer.tokens_out))
            self.pace.answered()
            self._unanswered = 0
            if self._secret.held_by(answer.text, answer.explanation):
                raise WireFault("echoed key", "the reply held the API key", retryable=False)
            return self._without_key(answer)
        except WireFault as fault:
            if fault.overloaded:
                self.pace.overloaded(sent_at, _within(fault.wait_s, self.settings.longest_wait_s))
            elif fault.kind in ("timeout", "cut"):  # overload, or a poor connection
                self.pace.overloaded(sent_at, share=_SLIGHT_CUT)
            raise
        finally:
            self.pace.leave()

    async def _send(self, pieces: Pieces) -> WireAnswer:
        """The answer in a 200; everything else raises WireFault."""
        try:
            return read_answer(await self._post(pieces))
        except WireFault as fault:  # before anything of it is counted, noted or quoted
            raise fault.quoting(self._secret.redacted(fault.detail)) from None

    async def _post(self, pieces: Pieces) -> bytes:
        """The body of a 200; everything else raises WireFault, with the server's own words."""
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
            detail = f"no answer within {self.settings.timeout_s:g} s"
            raise WireFault("timeout", detail) from None
        except aiohttp.ClientConnectorError as error:
            raise WireFault("unreachable", str(error)) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise WireFault("cut", f"{type(error).__name__}: {error}") from None

    def _record(self, fault: WireFault) -> None:
        """Count a failed attempt, and decide whether to stop sending requests at all."""
        self.faults[fault.kind] += 1
        about_logprobs = fault.kind.startswith("http 4") and "logprob" in fault.detail.lower()
        if about_logprobs:
            # Hosted models often refuse log-probabilities; the replies are still worth having. All
            # requests that were refused for it are retried without them.
            fault.retryable = True
            if self._logprobs:
                self._logprobs = False
                self.notes.append(f"log-probabilities are not requested: {fault.detail}")
            return
        tries = 1 + self.settings.retries
        self._unanswered += 4 * tries if fault.kind == "timeout" else 1  # a timeout costs more time
        if fault.fatal:
            self.stopped = f"not sent, since all would fail: {fault}"
        elif self._unanswered >= self.settings.give_up_after * tries:
            self.stopped = f"not sent, after many failures without an answer: {fault}"
        elif fault.kind == "unreachable" and self._unanswered >= self.settings.give_up_after:
            self.stopped = f"not sent, since the server cannot be reached: {fault.detail}"

    def _jitter(self, key: str, attempt: int) -> float:
        """Exponential backoff, half of it random, so that retries do not coincide again."""
        own = self.settings
        draw = np.random.default_rng([own.seed, crc32(key.encode()), attempt])
        longest = min(own.longest_wait_s, own.backoff_s * 2.0**attempt)
        return float(longest * draw.uniform(0.5, 1.0))

    def _without_key(self, answer: WireAnswer) -> WireAnswer:
        """`answer` without the fields that hold a part of the API key; a note says which."""
        tokens = [token for token, _ in answer.top]
        served = self._secret.held_by(answer.model, answer.fingerprint)
        held = {
            "top": self._secret.held_by(*tokens) or self._secret.held_by(*reversed(tokens)),
            "model": served,
            "fingerprint": served,
        }
        emptied = [name for name, found in held.items() if found]
        if not emptied:
            return answer
        note = f"the server put the API key into its replies: {', '.join(emptied)} left out"
        if note not in self.notes:
            self.notes.append(note)
        return replace(answer, **{name: () if name == "top" else "" for name in emptied})  # type: ignore[arg-type]


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
    """The whole body; raises WireFault if it is longer than `_LARGEST`."""
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


def _close(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    encoders: ThreadPoolExecutor,
    sessions: list[aiohttp.ClientSession],
) -> None:
    """Cancel open requests, then end the client's thread."""

    async def cancel() -> None:
        own = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not own:
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
