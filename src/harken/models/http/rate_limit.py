"""Limits on requests to one server: adaptive concurrency, requests and tokens a minute, budgets.

Counters on one event loop; no HTTP here.

Concurrency: additive increase, multiplicative decrease (Chiu and Jain 1989), with TCP's slow start:
the limit doubles while nothing is refused, then grows by one a round trip; it is halved at most
once for all requests that were in flight together when the server reported overload.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from harken.models.http.settings import HttpSettings

_START = 8.0  # requests in flight at first


class AdaptiveConcurrency:
    """Limits attempts in flight: `enter` before an attempt, `leave` after it.

    Attributes:
        most: upper bound of the limit.
        limit: attempts that may be in flight now.
        in_flight: attempts that are.
        lowest, highest: extremes of the limit so far.
    """

    def __init__(self, settings: HttpSettings) -> None:
        """Nothing is in flight."""
        self.most = settings.concurrency
        self.limit = min(_START, self.most)
        self.in_flight = 0
        self.lowest = self.highest = self.limit
        self._slow_start_over = False
        self._reduced_at = -1.0
        self._paused_until = 0.0
        self._next_at = 0.0
        self._per_request_s = 60.0 / settings.rpm if settings.rpm else 0.0
        self._per_token_s = 60.0 / settings.tpm if settings.tpm else 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> float:
        """Wait for a free slot, for the rates and for a pause to end; returns the loop's time."""
        loop = asyncio.get_running_loop()
        if self.in_flight >= int(self.limit) or self._waiting:
            slot = loop.create_future()
            self._waiting.append(slot)
            try:
                await slot
            except asyncio.CancelledError:
                if slot.done() and not slot.cancelled():
                    self.leave()
                raise
        else:
            self.in_flight += 1
        try:
            while (now := loop.time()) < (start := max(self._paused_until, self._next_at)):
                await asyncio.sleep(start - now)
        except asyncio.CancelledError:
            self.leave()
            raise
        if self._per_request_s:
            self._next_at = max(now, self._next_at) + self._per_request_s
        return now

    def leave(self) -> None:
        """Free the slot; as many waiting attempts start as the limit now allows."""
        self.in_flight -= 1
        while self._waiting and self.in_flight < int(self.limit):
            slot = self._waiting.popleft()
            if not slot.done():
                self.in_flight += 1
                slot.set_result(None)

    def answered(self) -> None:
        """An answer arrived: raise the limit."""
        step = 1.0 / self.limit if self._slow_start_over else 1.0
        self.limit = min(self.most, self.limit + step)
        self.highest = max(self.highest, self.limit)

    def overloaded(self, sent_at: float, wait_s: float | None = None, share: float = 0.5) -> None:
        """A request sent at `sent_at` met overload: lower the limit, and pause for `wait_s`."""
        now = asyncio.get_running_loop().time()
        if wait_s:
            self._paused_until = max(self._paused_until, now + wait_s)
        if sent_at <= self._reduced_at:
            return  # sent before the last reduction, which already covers it
        self._reduced_at, self._slow_start_over = now, True
        self.limit = max(1.0, self.limit * share)
        self.lowest = min(self.lowest, self.limit)

    def used(self, tokens: int) -> None:
        """Count used tokens: the token rate delays the next attempts."""
        if self._per_token_s:
            now = asyncio.get_running_loop().time()
            self._next_at = max(now, self._next_at) + tokens * self._per_token_s


@dataclass(slots=True)
class RequestBudget:
    """What may be sent and spent in all; checked before every attempt.

    The cost of a request is known only afterwards. So each one in flight is counted at the highest
    cost seen so far, and until the first is known only one is in flight.

    Attributes:
        requests: attempts sent.
        tokens_in, tokens_out: tokens used, of prompts and of replies.
        unknown: answers without a count of tokens.
        in_flight: attempts without an outcome yet.
    """

    settings: HttpSettings
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unknown: int = 0
    in_flight: int = 0
    _highest: tuple[int, float] = (0, 0.0)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tokens(self) -> int:
        """All tokens used."""
        return self.tokens_in + self.tokens_out

    @property
    def cost(self) -> float:
        """What was spent, in the currency of the prices."""
        own = self.settings
        return (self.tokens_in * own.price_in + self.tokens_out * own.price_out) / 1e6

    async def take(self) -> str | None:
        """Count one attempt and return None; or return why it may not be sent."""
        own = self.settings
        counted = bool(own.max_tokens or own.max_cost)
        while True:
            if own.max_requests and self.requests >= own.max_requests:
                return f"budget: {own.max_requests} requests are sent"
            if counted and self.unknown:
                return "budget: the server does not say how many tokens it used"
            tokens, cost = self._highest  # of one request
            ahead = self.in_flight + 1
            full_tokens = own.max_tokens and self.tokens + ahead * tokens > own.max_tokens
            full_cost = own.max_cost and self.cost + ahead * cost > own.max_cost
            first = counted and not tokens and self.in_flight > 0
            if not (full_tokens or full_cost or first):
                break
            if not self.in_flight:
                spent = f"{self.tokens} tokens, {self.cost:.4f} spent"
                return f"budget: one more request may pass the limit ({spent})"
            self._changed.clear()
            await self._changed.wait()
        self.requests += 1
        self.in_flight += 1
        return None

    def settle(self, used: tuple[int, int] | None) -> None:
        """Count the end of an attempt; `used` is (prompt, reply) tokens, None without an answer."""
        self.in_flight -= 1
        self._changed.set()
        if used is None:
            return
        if min(used) < 0:
            self.unknown += 1
            return
        self.tokens_in += used[0]
        self.tokens_out += used[1]
        own = self.settings
        cost = (used[0] * own.price_in + used[1] * own.price_out) / 1e6
        self._highest = (max(self._highest[0], sum(used)), max(self._highest[1], cost))
