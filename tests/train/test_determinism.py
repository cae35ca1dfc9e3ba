"""What a block of deterministic training changes in the process, it takes back."""

from __future__ import annotations

import os

import pytest
import torch

from harken.train.determinism import deterministic
from harken.train.parallel import processes


@pytest.mark.parametrize(("strict", "warns"), [(False, False), (True, False), (True, True)])
def test_the_algorithms_are_afterwards_as_before(strict: bool, warns: bool) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    before_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        torch.use_deterministic_algorithms(strict, warn_only=warns)
        with deterministic(1):
            assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.are_deterministic_algorithms_enabled() == strict
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warns
        with pytest.raises(ZeroDivisionError), deterministic(1):
            raise ZeroDivisionError
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warns
    finally:
        torch.use_deterministic_algorithms(before, warn_only=before_warns)


@pytest.mark.parametrize("user", [None, ":16:8", ":4096:8"])
def test_products_on_cuda_have_a_fixed_workspace(
    user: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that the user has set, if there is one; before a model is on the device."""
    name = "CUBLAS_WORKSPACE_CONFIG"
    for enter in (lambda: deterministic(1), lambda: processes("cpu", "")):
        monkeypatch.delenv(name, raising=False)
        if user is not None:
            monkeypatch.setenv(name, user)
        with enter():
            assert os.environ[name] == (user or ":4096:8")
    monkeypatch.delenv(name, raising=False)
