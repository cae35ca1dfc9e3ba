from __future__ import annotations

import subprocess
import sys

import pytest

from harken.threads import one_blas_thread

threadpoolctl = pytest.importorskip("threadpoolctl")


def counts() -> list[int]:
    return [one["num_threads"] for one in threadpoolctl.threadpool_info()
            if one["user_api"] == "blas"]  # fmt: skip


@pytest.mark.parametrize("before", [1, 2, 3])
def test_blas_has_one_thread_within_and_as_many_as_before_after(before):
    with threadpoolctl.threadpool_limits(before, user_api="blas"):
        outside = counts()
        with one_blas_thread():
            assert set(counts()) <= {1}
        assert counts() == outside


def test_the_bound_ends_with_an_error_too():
    outside = counts()
    with pytest.raises(ValueError), one_blas_thread():
        raise ValueError
    assert counts() == outside


def test_a_library_that_was_not_loaded_yet_is_bounded_as_well():
    """scipy brings a BLAS of its own, which numpy alone does not load."""
    code = (
        "from threadpoolctl import threadpool_info as t\n"
        "from harken.threads import one_blas_thread\n"
        "with one_blas_thread():\n"
        "    import scipy.optimize\n"
        "    print([i['num_threads'] for i in t() if i['user_api'] == 'blas'])\n"
    )
    env = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {1}
