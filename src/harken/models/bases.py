"""The pretrained parts of a model: a saved folder names them and holds what changed.

LoRA on a language model of gigabytes is a few megabytes; the rest is found again by its name (a
folder, or an id on the hub) and checked by its hash. A composed model has a base for each of its
pretrained parts, a native one has the whole class.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from harken.audio.probe import file_sha256
from harken.errors import ModelError
from harken.files import real_path
from harken.listed import listed
from harken.models.engine.lora import own_name
from harken.models.pretrained import WEIGHTS, find_folder

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Base:
    """A pretrained part.

    Attributes:
        prefix: of its tensors' names in the model.
        kind: ``encoder``, ``lm:`` and a name in `LMS`, or ``native``.
        source: the folder or hub id it was opened from.
        sha256: of its weights (`weights_hash`).
        revision: of a hub id: the commit.
    """

    prefix: str
    kind: str
    source: str
    sha256: str
    revision: str = ""

    @staticmethod
    def of(prefix: str, kind: str, source: str, revision: str = "", sha256: str = "") -> Base:
        """The part that `source` names; without `sha256` its weights are read for the hash."""
        folder = find_folder(source, revision=revision)
        known = str(real_path(folder)) if Path(source).is_dir() else source
        in_cache = folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name)
        commit = folder.name if in_cache and known == source else revision
        return Base(prefix, kind, known, sha256 or weights_hash(folder), commit)

    def plain_source(self) -> str:
        """Where transformers finds it without harken: its hub id, or the path of its folder."""
        owner, slash, name = self.source.partition("/")
        is_id = bool(owner and slash and name) and "/" not in name
        known = Path(self.source).is_dir() or not is_id
        return str(real_path(self.find())) if known else self.source

    def find(self, *, local_files_only: bool = False) -> Path:
        """Its folder, unchecked.

        Raises:
            ModelError: it is not found; the message says where it was looked for.
        """
        try:
            return self.look(local_files_only=local_files_only)
        except ModelError as error:
            raise _saved_without([error]) from None

    def look(self, *, local_files_only: bool = False) -> Path:
        """As `find`; the error is that of `find_folder`."""
        return find_folder(self.source, revision=self.revision, local_files_only=local_files_only)

    def checked(self) -> Path:
        """Its folder, whose weights are those that the model was made of.

        Raises:
            ModelError: it is not found, or has other weights.
        """
        folder = self.find()
        if weights_hash(folder) != self.sha256:
            raise other_base(self, folder)
        return folder


_MISSING = (
    f"Put the base where it was, or set {WEIGHTS} to the folder that has a folder of that name; "
    "with a network, an id on the hub (OWNER/NAME) is brought from there. A model saved with "
    "--copy-bases needs none."
)


def require_found(bases: Sequence[Base]) -> None:
    """Look for all bases before one of them is opened.

    Raises:
        ModelError: some are not found; all of them are told, and where was looked.
    """
    lacking = []
    for base in bases:
        try:
            base.look()
        except ModelError as error:
            lacking.append(error)
    if lacking:
        raise _saved_without(lacking)


def _saved_without(lacking: Sequence[ModelError]) -> ModelError:
    """The error for a model some of whose bases are not found, from those of the search."""
    which = "unchanged base" if len(lacking) == 1 else f"{len(lacking)} unchanged bases"
    return ModelError(
        f"the model was saved without its {which}: {'; '.join(e.found for e in lacking)}",
        where=lacking[0].where if len(lacking) == 1 else "",
        hint=_MISSING,
    )


def other_base(base: Base, folder: Path, names: Sequence[str] = ()) -> ModelError:
    """The error for a folder that is another one than the model was made of."""
    differ = f" ({listed(names, 4)})" if names else ""
    return ModelError(
        f"{base.source} has other weights than the model was made of{differ}",
        where=str(folder),
        hint=f"Give the same release of it; {WEIGHTS} names a folder of such parts.",
    )


def weights_hash(folder: Path) -> str:
    """SHA-256 of the names and contents of a folder's safetensors."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        whole.update(f"{path.name} {file_sha256(str(path))}\n".encode())
    return whole.hexdigest()


def changed(
    state: Mapping[str, Tensor],
    bases: Sequence[Base],
    tensors: Callable[[Base], Mapping[str, Tensor]],
) -> dict[str, Tensor]:
    """The tensors of `state` that are not those of `bases`: what a saved model must hold.

    Args:
        state: of the model, by name.
        bases: its pretrained parts.
        tensors: gives those of a base under their names in the model.
    """
    found = dict(state)
    for base in bases:
        known = tensors(base)
        for name in [name for name in found if name.startswith(base.prefix)]:
            before = known.get(own_name(name))
            if before is not None and _same(found[name], before):
                del found[name]
    return found


def completed(
    saved: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    bases: Sequence[Base],
    tensors: Callable[[Base], Mapping[str, Tensor]],
) -> dict[str, Tensor]:
    """`saved` with the tensors of `bases` for the names of `own` that it lacks."""
    found = dict(saved)
    for base in bases:
        lacking = [name for name in own if name.startswith(base.prefix) and name not in found]
        known = tensors(base) if lacking else {}
        for name in lacking:
            if own_name(name) in known:
                found[name] = known[own_name(name)].to(own[name].dtype)
    return found


def _same(own: Tensor, base: Tensor) -> bool:
    return own.shape == base.shape and torch.equal(own.cpu(), base.cpu().to(own.dtype))
