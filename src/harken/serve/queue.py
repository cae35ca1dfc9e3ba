"""Which of the waiting requests are put to the model next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from harken.serve.request import ChatRequest
from harken.serve.tokens import TokenizedReply

PATIENCE_S = 20.0
"""After this long a request is no longer passed over for smaller ones."""

ALIKE = 4.0
"""Requests of a batch cost at most so many times what the first one does."""

_TOKENS_A_SECOND = 25.0  # of sound, as most audio encoders give them


@dataclass(slots=True, eq=False)
class PendingRequest:
    """A request that waits for its reply.

    Attributes:
        chat: what is asked.
        reply: its reply, later.
        any_seed: it may share a batch with requests of other seeds.
        since: when it came.
    """

    chat: ChatRequest
    reply: asyncio.Future[TokenizedReply]
    any_seed: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def cost(self) -> float:
        """Tokens that it may take, roughly: of its sound, and of its reply."""
        heard = sum(clip.duration_s or 0.0 for clip in self.chat.prompt.clips)
        return self.chat.sampling.max_tokens + _TOKENS_A_SECOND * heard

    @property
    def key(self) -> Hashable:
        """What must be equal for requests to share a batch."""
        sampling = replace(self.chat.sampling, seed=0) if self.any_seed else self.chat.sampling
        return sampling, self.chat.seeded, self.chat.top, self.chat.audio


class RequestQueue:
    """The waiting requests. Small ones come first, so that a long one does not hold them up."""

    def __init__(self) -> None:
        self._waiting: list[PendingRequest] = []
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def put(self, request: PendingRequest) -> None:
        """Add a request."""
        self._waiting.append(request)
        self._arrived.set()

    async def wait(self) -> None:
        """Return when there is a request."""
        await self._arrived.wait()

    def take(self, most: int) -> list[PendingRequest]:
        """Remove and return the next batch: equal sampling, similar cost, `most` at most.

        Requests whose clients have gone are dropped.
        """
        self._waiting = [one for one in self._waiting if not one.reply.done()]
        batch: list[PendingRequest] = []
        if self._waiting:
            late = time.monotonic() - PATIENCE_S
            # The longest wait beyond patience first, then the smallest; ties in order of arrival.
            first = min(
                self._waiting,
                key=lambda one: (one.since > late, one.cost if one.since > late else 0),
            )
            alike = [
                one
                for one in self._waiting
                if one.key == first.key and one.cost <= ALIKE * first.cost
            ]
            batch = alike[: max(1, most)]
            if first not in batch:
                batch[-1] = first
            chosen = {id(one) for one in batch}
            self._waiting = [one for one in self._waiting if id(one) not in chosen]
        if not self._waiting:
            self._arrived.clear()
        return batch
