"""Gradient checkpointing: the activations of each block are computed again in the backward pass.

Chen et al. 2016 (arXiv 1604.06174). Memory for activations falls to about one block's, for a third
more computation; dropout draws the same masks again, so the gradient is the same. transformers has
an option of its own, which does nothing in evaluation mode: a frozen language model, through which
the gradient of a projector passes, is in that mode here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from harken.models.engine.net import LearnerNet


def blocks(group: nn.Module) -> list[nn.Module]:
    """The repeated blocks of a module: the members of its outermost lists of equal modules.

    Modules of which another method than ``forward`` is called, such as the encoders side by side in
    one, are looked into.
    """
    found: list[nn.Module] = []
    for child in group.children():
        members = list(child.children()) if isinstance(child, nn.ModuleList) else []
        alike = len({type(member) for member in members}) == 1
        weights = any(True for member in members for _ in member.parameters())
        if alike and weights and not hasattr(members[0], "encode"):
            found += members
        else:
            found += blocks(child)
    return found


@contextmanager
def recomputed(net: LearnerNet, on: bool = True) -> Iterator[int]:
    """Within the block, activations of the encoder's and language model's blocks are recomputed.

    Yields how many blocks there are.
    """
    found = [*blocks(net.audio_encoder), *blocks(net.lm)] if on else []
    for block in found:
        block.forward = _checkpointed(block.forward)
    try:
        yield len(found)
    finally:
        for block in found:
            del block.forward


def _checkpointed(forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def again(*args: Any, **options: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **options)
        return checkpoint(forward, *args, use_reentrant=False, **options)

    return again
