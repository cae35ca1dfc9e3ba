"""Linear algebra that gives the same bits: settings of BLAS libraries, and one thread for them.

BLAS splits what is too small to gain from it.

A vector of thirty thousand numbers is added in microseconds; two threads that wait for each other
at each such step take twenty to fifty times as long on a busy computer. They also add in another
order, so that the last digits of a product depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

_SETTINGS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "MKL_CBWR": "AUTO"}


def fix_products() -> None:
    """Products in torch that are the same in every process; to be called before the first of them.

    cuBLAS may add in another order without a fixed workspace. MKL may do so where a matrix lies
    elsewhere in memory, so that a run which was resumed differed in the last digits from one which
    was not (Intel's oneMKL guide, "Conditional Numerical Reproducibility"). Values set by the user
    are kept.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS with one thread within the block, as before after it; PyTorch is not affected.

    Without threadpoolctl (an installation that is not complete) nothing is bounded: the results are
    the same but for their last digits, and slow.
    """
    controller = _controller()
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    """What bounds the loaded libraries: numpy and scipy bring a BLAS each, both loaded first."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    for name in ("numpy", "scipy.linalg"):
        import_module(name)
    return ThreadpoolController()
