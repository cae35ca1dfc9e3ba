"""Some tensors of a learner as one file: what a trainer hands to a server that samples for it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harken.errors import ModelError
from harken.files import write_whole
from harken.listed import listed

WEIGHTS = "weights.safetensors"
"""Name of the file, in a folder that both can reach."""


def write_tensors(tensors: Mapping[str, Tensor], folder: Path) -> str:
    """Write `WEIGHTS` into `folder`, whole or not at all; returns its SHA-256."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    raw = save({name: t.detach().cpu().contiguous() for name, t in sorted(tensors.items())})
    write_whole(folder / WEIGHTS, raw)
    return sha256(raw).hexdigest()


def load_tensors(learner: Any, folder: Path, expected: str) -> int:
    """Copy the tensors in `WEIGHTS` over those of the same names; returns their number.

    Args:
        learner: a `harken.models.learner.Learner`.
        folder: where the file is.
        expected: its SHA-256.

    Raises:
        ModelError: there is no such file, it is another one or damaged, or has a tensor of another
            name or shape.
    """
    from safetensors.torch import load

    path = folder / WEIGHTS
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read it: {error.strerror}", where=str(path)) from error
    if sha256(raw).hexdigest() != expected:
        raise ModelError(
            "the weights are not those that were announced",
            where=str(path),
            hint="Let one trainer write into this folder.",
        )
    try:
        found = load(raw)
    except Exception as error:  # safetensors raises errors of several kinds for a damaged file
        raise ModelError(
            f"it is no whole file of safetensors: {error}",
            where=str(path),
            hint="Write it again; the weights are as they were.",
        ) from error
    own = {**dict(learner.net.named_parameters()), **dict(learner.net.named_buffers())}
    wrong = sorted(n for n, t in found.items() if n not in own or own[n].shape != t.shape)
    if wrong:
        raise ModelError(
            f"{len(wrong)} of {len(found)} tensors are not in this model: {listed(wrong, 5)}",
            where=str(path),
            hint="Serve the model that is trained, with the same adapters.",
        )
    with torch.no_grad():
        for name, tensor in found.items():
            own[name].copy_(tensor)
    learner.clear_cache()
    return len(found)
