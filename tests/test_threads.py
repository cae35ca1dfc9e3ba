from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harken.threads import fix_products, one_blas_thread

threadpoolctl = pytest.importorskip("threadpoolctl")


def counts() -> list[int]:
    return [one["num_threads"] for one in threadpoolctl.threadpool_info()
            if one["user_api"] == "blas"]  # fmt: skip


@pytest.mark.parametrize("before", [1, 2, 3])
def test_blas_has_one_thread_within_and_as_many_as_before_after(before):
    with one_blas_thread():
        pass  # numpy's and scipy's libraries are loaded from here on
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
        "from harken.threads import fix_products, one_blas_thread\n"
        "with one_blas_thread():\n"
        "    import scipy.optimize\n"
        "    print([i['num_threads'] for i in t() if i['user_api'] == 'blas'])\n"
    )
    env = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {1}


PRODUCTS = """
import hashlib, sys
import numpy as np
from harken.models.composed.log_mel import log_mel
from harken.report.sound import mel_picture
from harken.stats.bootstrap import Resampling
from harken.models.text_only.linear import Linear
from harken.item import Item
rng = np.random.default_rng(0)
wave = rng.standard_normal(40_000).astype(np.float32)
items = [Item(question=f"q {i} {i % 7}", answer="ab"[i % 2], choices=("a", "b")) for i in range(60)]
model, into = Linear(items), {}
sampled = Resampling(rng.integers(0, 30, 200), 0)
sampled.want(rng.random(200), into, ("low", "high", "p"))
sampled.run()
parts = [log_mel(wave).tobytes(), mel_picture(wave, 16_000), repr(into).encode(),
         *(own.tobytes() for own in model._weights), model.identity().encode()]
print([hashlib.sha256(part).hexdigest()[:12] for part in parts])
"""


@pytest.mark.slow
def test_products_are_the_same_bytes_with_one_two_and_three_threads():
    found = set()
    for threads in "123":
        env = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads,
               "PYTHONPATH": ":".join(sys.path)}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", PRODUCTS], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


PRODUCTS = """
import torch
import harken.models.engine.net
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
for rows, width, columns in ((1, 128, 128), (3, 128, 512), (8, 96, 64)):
    x = torch.randn(rows, width, generator=generator)
    weight = torch.randn(columns, width, generator=generator)
    for at in range(16):
        moved = torch.empty(rows * width + 16)[at : at + rows * width].view(rows, width).copy_(x)
        assert torch.equal(moved @ weight.T, x @ weight.T), (rows, width, columns, at)
"""


def test_products_do_not_depend_on_where_a_matrix_is_in_memory():
    pytest.importorskip("torch")
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    subprocess.run([sys.executable, "-c", PRODUCTS], env=environment, check=True)


def test_settings_of_the_user_are_kept(monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    fix_products()
    assert os.environ["MKL_CBWR"] == "COMPATIBLE"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
