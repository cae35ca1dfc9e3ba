"""Which requests share a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

pytest.importorskip("aiohttp")

from test_limits import pending

from harken.serve.queue import ALIKE, PendingRequest, RequestQueue


def in_loop(check: Callable[[], None]) -> None:
    async def main() -> None:
        check()

    asyncio.run(main())


def filled(*requests: PendingRequest) -> RequestQueue:
    queue = RequestQueue()
    for one in requests:
        queue.put(one)
    return queue


def test_the_smallest_is_in_the_batch_however_late_it_came() -> None:
    def check() -> None:
        early, later, least = (pending(100, seconds=s) for s in (3.0, 2.0, 1.0))
        queue = filled(early, later, least)
        assert queue.take(2) == [early, least]
        assert queue.take(2) == [later]

    in_loop(check)


def test_a_batch_holds_what_costs_no_more_than_four_times_the_first() -> None:
    def check() -> None:
        least = pending(100)
        most = pending(100, seconds=100 * (ALIKE - 1) / 25)
        above = pending(100, seconds=100 * (ALIKE - 1) / 25 + 0.1)
        assert filled(above, most, least).take(9) == [most, least]

    in_loop(check)


def test_a_second_of_sound_costs_25_tokens() -> None:
    def check() -> None:
        assert pending(100).cost == 100
        assert pending(100, seconds=4.0).cost == 200

    in_loop(check)


def test_requests_with_other_sampling_wait_for_a_batch_of_their_own() -> None:
    def check() -> None:
        first, other, same = pending(9), pending(9, temperature=0.5), pending(9)
        queue = filled(first, other, same)
        assert queue.take(9) == [first, same] and queue.take(9) == [other]

    in_loop(check)
