"""One thread for small linear algebra: BLAS splits what is too small to gain from it.

A vector of thirty thousand numbers is added in microseconds; two threads that wait for each other
at each such step take twenty to fifty times as long on a busy computer, and round differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS with one thread within the block, as before after it; PyTorch is not affected.

    Without threadpoolctl (an installation that is not complete) nothing is bounded: the results are
    the same to about 1e-6, but slow.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    # Only libraries that are loaded are bounded: numpy and scipy bring a BLAS each.
    for name in ("numpy", "scipy.linalg"):
        import_module(name)
    with threadpool_limits(limits=1, user_api="blas"):
        yield
