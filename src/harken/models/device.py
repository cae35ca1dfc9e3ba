"""Devices by name; torch is imported only if it is installed."""

from __future__ import annotations

import importlib.util

from harken.errors import ConfigError


def describe() -> str:
    """One line for people, such as ``"cpu, 2 threads"`` or ``"cuda: NVIDIA H200"``."""
    if importlib.util.find_spec("torch") is None:
        return "none (torch is not installed)"
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name(0)}"
    if torch.backends.mps.is_available():
        return "mps"
    return f"cpu, {torch.get_num_threads()} threads"


def require_device(name: str) -> None:
    """Raise ConfigError unless torch computes on the device `name` here."""
    import torch

    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise ConfigError(
            f"device {name!r} cannot be used: {error}", hint="See: harken doctor"
        ) from error
