"""How fast a server is asked: requests in flight that adapt, rates that hold, budgets that end it.

Pure bookkeeping on one event loop; there is no HTTP in here.

In flight: additive increase, multiplicative decrease (Chiu and Jain 1989), with TCP's slow start:
the limit doubles while nothing is refused, then creeps up; it is halved at most once for all
requests that were in flight together when the server said "too much".
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from harken.models.http.settings import HttpSettings

_START = 8.0


class AdaptiveConcurrency:
    """A gate: `enter` before an attempt, `leave` after it."""

    def __init__(self, settings: HttpSettings) -> None:
        """Nothing is in flight."""
        self.most = settings.concurrency
        self.limit = min(_START, self.most)
        self.flying = 0
        self.lowest = self.highest = self.limit
        self._creep = False
        self._cut_at = -1.0
        self._closed_until = 0.0
        self._next_at = 0.0
        self._per_request_s = 60.0 / settings.rpm if settings.rpm else 0.0
        self._per_token_s = 60.0 / settings.tpm if settings.tpm else 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> float:
        """Wait for a place, for the rate, and for the end of a pause; the loop's time of entry."""
        loop = asyncio.get_running_loop()
        if self.flying >= int(self.limit) or self._waiting:
            place = loop.create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.leave()
                raise
        else:
            self.flying += 1
        try:
            while (now := loop.time()) < (start := max(self._closed_until, self._next_at)):
                await asyncio.sleep(start - now)
        except asyncio.CancelledError:
            self.leave()
            raise
        if self._per_request_s:
            self._next_at = max(now, self._next_at) + self._per_request_s
        return now

    def leave(self) -> None:
        """Give the place back, to as many waiters as the limit now lets in."""
        self.flying -= 1
        while self._waiting and self.flying < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.flying += 1
                place.set_result(None)

    def good(self) -> None:
        """An answer came: a little more may be borne."""
        step = 1.0 / self.limit if self._creep else 1.0
        self.limit = min(self.most, self.limit + step)
        self.highest = max(self.highest, self.limit)

    def crowded(self, sent_at: float, wait_s: float | None = None, share: float = 0.5) -> None:
        """The server was asked too much by a request sent at `sent_at`: fewer from now on."""
        now = asyncio.get_running_loop().time()
        if wait_s:
            self._closed_until = max(self._closed_until, now + wait_s)
        if sent_at <= self._cut_at:
            return  # sent before the last cut: the same crowd has already been counted
        self._cut_at, self._creep = now, True
        self.limit = max(1.0, self.limit * share)
        self.lowest = min(self.lowest, self.limit)

    def used(self, tokens: int) -> None:
        """Tokens were used: the token rate delays what comes next."""
        if self._per_token_s:
            now = asyncio.get_running_loop().time()
            self._next_at = max(now, self._next_at) + tokens * self._per_token_s


@dataclass(slots=True)
class RequestBudget:
    """What may be sent and spent in all; looked at before every attempt.

    The cost of a request is known only afterwards. So each one in flight is counted at the dearest
    seen so far, and until the first is known one goes alone.
    """

    settings: HttpSettings
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unknown: int = 0
    flying: int = 0
    _dearest: tuple[int, float] = (0, 0.0)
    _turn: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tokens(self) -> int:
        """All tokens used."""
        return self.tokens_in + self.tokens_out

    @property
    def cost(self) -> float:
        """What was spent."""
        own = self.settings
        return (self.tokens_in * own.price_in + self.tokens_out * own.price_out) / 1e6

    async def take(self) -> str | None:
        """Count one attempt in; or say why it may not be sent."""
        own = self.settings
        counted = bool(own.max_tokens or own.max_cost)
        while True:
            if own.max_requests and self.requests >= own.max_requests:
                return f"budget: {own.max_requests} requests are sent"
            if counted and self.unknown:
                return "budget: the server does not say how many tokens it used"
            tokens, cost = self._dearest
            ahead = self.flying + 1
            full_tokens = own.max_tokens and self.tokens + ahead * tokens > own.max_tokens
            full_cost = own.max_cost and self.cost + ahead * cost > own.max_cost
            first = counted and not tokens and self.flying > 0
            if not (full_tokens or full_cost or first):
                break
            if not self.flying:
                spent = f"{self.tokens} tokens, {self.cost:.4f} spent"
                return f"budget: one more request may pass the limit ({spent})"
            self._turn.clear()
            await self._turn.wait()
        self.requests += 1
        self.flying += 1
        return None

    def settle(self, used: tuple[int, int] | None) -> None:
        """An attempt ended; `used` is (prompt, reply) tokens, None where nothing was answered."""
        self.flying -= 1
        self._turn.set()
        if used is None:
            return
        if min(used) < 0:
            self.unknown += 1
            return
        self.tokens_in += used[0]
        self.tokens_out += used[1]
        own = self.settings
        cost = (used[0] * own.price_in + used[1] * own.price_out) / 1e6
        self._dearest = (max(self._dearest[0], sum(used)), max(self._dearest[1], cost))
