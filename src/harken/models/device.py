"""Which device torch would compute on here; torch is imported only if it is installed."""

from __future__ import annotations

import importlib.util


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
