"""What makes two runs of a step equal to the last bit: threads, algorithms, random state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import torch

from harken.threads import fix_products, one_blas_thread


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fixed threads, deterministic algorithms and a forked random state, for a block.

    BLAS has one thread throughout: features are computed in a second thread meanwhile, and a limit
    that each of them set and took back would be lost between the two. Of what torch has no
    deterministic algorithm for, on CUDA, it warns.
    """
    fix_products()
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(threads or before)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with one_blas_thread(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict, warn_only=warns)


def seed_step(seed: int, stage: str, step: int, rank: int = 0) -> None:
    """Seed torch for one step: dropout depends on seed, stage, step and the process only."""
    own = f" {rank}" if rank else ""
    torch.manual_seed(crc32(f"{seed} {stage} {step}{own}".encode()))
