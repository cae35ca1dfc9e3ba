"""Ids that are seen, against a set."""

from __future__ import annotations

import numpy as np

from harken.synth.seen import SeenIds


def test_it_holds_what_a_set_holds() -> None:
    rng, own, known = np.random.default_rng(0), SeenIds(), set[int]()
    assert 0 not in own and not own.holds(np.array([3], np.uint64)).any()
    for size in (1, 7, 3, 40, 1, 1, 0, 90):
        new = np.array([n for n in rng.integers(0, 300, size) if n not in known], np.uint64)
        new = np.unique(new)
        own.add(new)
        known |= {int(n) for n in new}
        assert len(own) == len(known)
        every = np.arange(300, dtype=np.uint64)
        assert own.holds(every).tolist() == [n in known for n in range(300)]
    top = 2**64 - 1
    own.add(np.array([top], np.uint64))
    assert top in own and top - 1 not in own
