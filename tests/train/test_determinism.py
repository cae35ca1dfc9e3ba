"""What a block of deterministic training changes in the process, it takes back."""

from __future__ import annotations

import pytest
import torch

from harken.train.determinism import deterministic


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
