"""The pretrained parts of a composed model: a saved folder names them and holds what changed.

LoRA on a language model of gigabytes is a few megabytes; the rest is found again by its name (a
folder, or an id on the hub) and checked by the hash of its weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from harken.audio.probe import file_sha256
from harken.errors import ModelError
from harken.models.composed.encoders.open import open_encoder
from harken.models.composed.lms.registry import LMS
from harken.models.engine.lora import own_name
from harken.models.pretrained import find_folder


@dataclass(frozen=True, slots=True)
class Base:
    """A pretrained part.

    Attributes:
        prefix: of its tensors' names in the model.
        kind: ``encoder``, or ``lm:`` and a name in `LMS`.
        source: the folder or hub id it was opened from.
        sha256: of its weights (`weights_hash`).
    """

    prefix: str
    kind: str
    source: str
    sha256: str

    @staticmethod
    def of(prefix: str, kind: str, source: str) -> Base:
        """The part that `source` names, with the hash of its weights."""
        folder = find_folder(source)
        known = str(folder.resolve()) if Path(source).is_dir() else source
        return Base(prefix, kind, known, weights_hash(folder))

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors in float32, under their names in the model.

        Raises:
            ModelError: it is not found, or is another one than the model was made of.
        """
        folder = find_folder(self.source)
        if weights_hash(folder) != self.sha256:
            raise ModelError(
                f"{self.source} has other weights than the model was made of",
                where=str(folder),
                hint="Give the same release of it; HARKEN_WEIGHTS names a folder of such parts.",
            )
        kind, _, lm = self.kind.partition(":")
        part = LMS.get(lm).open(folder) if kind == "lm" else open_encoder(str(folder))
        return {self.prefix + name: tensor for name, tensor in part.state_dict().items()}


def weights_hash(folder: Path) -> str:
    """SHA-256 of the names and contents of a folder's safetensors."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        whole.update(f"{path.name} {file_sha256(str(path))}\n".encode())
    return whole.hexdigest()


def changed(state: Mapping[str, Tensor], bases: Sequence[Base]) -> dict[str, Tensor]:
    """The tensors of `state` that are not those of `bases`: what a saved model must hold."""
    found = dict(state)
    for base in bases:
        known = base.tensors()
        for name in [name for name in found if name.startswith(base.prefix)]:
            before = known.get(own_name(name))
            if before is not None and _same(found[name], before):
                del found[name]
    return found


def completed(
    saved: Mapping[str, Tensor], own: Mapping[str, Tensor], bases: Sequence[Base]
) -> dict[str, Tensor]:
    """`saved` with the tensors of `bases` for the names of `own` that it lacks."""
    found = dict(saved)
    for base in bases:
        lacking = [name for name in own if name.startswith(base.prefix) and name not in found]
        known = base.tensors() if lacking else {}
        for name in lacking:
            if own_name(name) in known:
                found[name] = known[own_name(name)].to(own[name].dtype)
    return found


def _same(own: Tensor, base: Tensor) -> bool:
    return own.shape == base.shape and torch.equal(own.cpu(), base.to(own.dtype))
