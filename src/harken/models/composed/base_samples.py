"""Whether a pretrained part that a release names may be another copy of the same weights.

A model is saved with the hash of its parts' files. The hub's copy of a part may have the same
weights in another precision, so that the hash differs and the values hardly do. A release therefore
keeps `SAMPLES` values of every tensor of its parts, and a copy whose values are near them is taken:
silently below `ROUNDED`, with a warning below `QUANTISED`. Anything else is refused, as is every
other copy for a model without such samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from harken.errors import HarkenWarning
from harken.models.bases import Base, other_base, require_found, weights_hash
from harken.models.composed.base_tensors import base_tensors

FILE = "base-samples.safetensors"
SAMPLES = 16

ROUNDED = 0.005
"""Relative difference of values rounded to half precision: 2**-9 (bfloat16) at most."""

QUANTISED = 0.2
"""Above that of 4-bit quantisation (0.05 to 0.1); other weights differ by 1 and more."""

_SMALL = 1e-3
"""Least size that a difference is relative to: half precision has few digits below it."""


class OtherCopy(HarkenWarning):
    """A pretrained part is a quantised or otherwise changed copy of the one that was used."""


def sample(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Up to `SAMPLES` values of each tensor of floats, evenly spread, in float32; by name."""
    found = {}
    for name, tensor in tensors.items():
        flat = tensor.detach().reshape(-1)
        if tensor.is_floating_point() and flat.numel():
            step = max(1, flat.numel() // SAMPLES)
            found[name] = flat[::step][:SAMPLES].float().cpu().contiguous()
    return found


def difference(known: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> float:
    """Root of the mean squared difference of samples, relative to that of `known`.

    Each tensor counts with its own scale, and the largest of all is returned; infinite where a
    tensor of `known` is missing or has another number of samples.
    """
    own, worst = sample(tensors), 0.0
    for name, before in known.items():
        now = own.get(name)
        if now is None or now.shape != before.shape:
            return float("inf")
        size = float(before.square().mean().sqrt())
        apart = float((now - before).square().mean().sqrt())
        worst = max(worst, apart / max(size, _SMALL))
    return worst


def found_bases(bases: Sequence[Base], folder: Path) -> tuple[Base, ...]:
    """`bases` with the hashes of the copies that are here.

    Args:
        bases: the pretrained parts that the saved model in `folder` names.
        folder: of the saved model, with `FILE` if it is a release.

    Raises:
        ModelError: one or more are not found (all of them are told), or have other weights.
    """
    require_found(bases)
    samples = _samples(folder)
    return tuple(_accepted(base, samples) for base in bases)


def _samples(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / FILE) if (folder / FILE).is_file() else {}


def _accepted(base: Base, samples: Mapping[str, Tensor]) -> Base:
    there = base.find()
    own = weights_hash(there)
    if own == base.sha256:
        return base
    known = {name: values for name, values in samples.items() if name.startswith(base.prefix)}
    copy = replace(base, sha256=own)
    if not known:
        raise other_base(base, there)
    apart = difference(known, base_tensors(copy))
    if apart > QUANTISED:
        raise other_base(base, there)
    if apart > ROUNDED:
        warnings.warn(
            f"{base.source} in {there} is another copy of the weights that the model was made of: "
            f"its values differ by up to {apart:.1%}, as after quantisation. What the model card "
            "says was measured with the other copy.",
            OtherCopy,
            stacklevel=2,
        )
    return copy
