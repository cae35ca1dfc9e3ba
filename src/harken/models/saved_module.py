"""Saved models that are not asked questions (codecs, contrastive models): a folder of safetensors.

The folder has `MODEL_FILE` like that of every saved model, so that `harken check` verifies it, and
``model.safetensors``. Its ``kind`` says what opens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harken import files
from harken.errors import ModelError, RunError
from harken.hashing import SEAL, canonical, digest, seal_fits, sealed
from harken.listed import listed
from harken.models.base import MODEL_FILE
from harken.models.released import located
from harken.parsing import load_json

FORMAT = 1
WEIGHTS = "model.safetensors"


def state_hash(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> str:
    """Hash of a configuration and tensors: the identity of a model."""
    parts = [canonical(dict(config))]
    for name, tensor in sorted(state.items()):
        plain = tensor.detach().cpu().contiguous()
        raw = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        parts.append(f"{name} {plain.dtype} {tuple(plain.shape)} {digest(raw, 32)}")
    return digest("\n".join(parts))


def save_module(
    folder: Path, kind: str, config: Mapping[str, Any], state: Mapping[str, Tensor]
) -> str:
    """Write a saved model; returns its identity. The same model there already is left as it is.

    Args:
        folder: made if need be.
        kind: of the model.
        config: JSON values that define it.
        state: its tensors.

    Raises:
        RunError: the folder has another model.
    """
    from safetensors.torch import save

    identity = state_hash(config, state)
    if (folder / MODEL_FILE).is_file():
        try:
            known = load_json(folder / MODEL_FILE).get("identity")
        except (ValueError, AttributeError):
            known = None
        if known == identity:
            return identity
        raise RunError(
            "the folder has another model", where=str(folder), hint="Choose another --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    raw = save({name: t.detach().cpu().contiguous() for name, t in sorted(state.items())})
    files.write_whole(folder / WEIGHTS, raw)
    content = {
        "kind": kind,
        "format": FORMAT,
        **config,
        "files": files.checksums(folder, [WEIGHTS]),
        "identity": identity,
    }
    files.write_json(folder / MODEL_FILE, sealed(content))
    return identity


def find_saved(spec: str) -> tuple[Path, dict[str, Any]]:
    """The folder of a saved model and the content of its `MODEL_FILE`.

    Args:
        spec: a folder, or the name of one below ``$HARKEN_MODELS``.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    folder = Path(located(spec))
    try:
        found = load_json(folder / MODEL_FILE)
    except FileNotFoundError:
        raise ModelError(
            f"there is no saved model {spec!r}",
            where=str(folder / MODEL_FILE),
            hint="Name the folder that its training printed.",
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{MODEL_FILE} cannot be read: {error}", where=str(folder)) from error
    if not isinstance(found, dict) or not seal_fits(found):
        raise ModelError(
            f"{MODEL_FILE} is damaged: the content is not what was written",
            where=str(folder),
            hint="Copy the folder again, or train again.",
        )
    return folder, {key: value for key, value in found.items() if key != SEAL}


def require_kind(folder: Path, content: Mapping[str, Any], kind: str, what: str) -> None:
    """Raise ModelError unless the saved model is of this kind and a format that is known."""
    if content.get("kind") != kind:
        raise ModelError(
            f"a model of the kind {content.get('kind')!r} is no {what}",
            where=str(folder),
            hint=f"Name the folder of a {what}.",
        )
    if int(content.get("format", 0)) > FORMAT:
        raise ModelError(
            f"format {content.get('format')} is newer than this version of harken",
            where=str(folder),
            hint="Install a newer harken.",
        )


def load_into(net: nn.Module, folder: Path, content: Mapping[str, Any]) -> None:
    """Copy the saved tensors into `net`, of which those that were not saved stay as they are.

    Raises:
        ModelError: the file is missing or damaged, or a tensor has another name or shape.
    """
    from safetensors.torch import load

    if bad := files.damaged(folder, dict(content.get("files") or {WEIGHTS: ""})):
        raise ModelError(
            f"the model is damaged: {listed([f'{name} ({why})' for name, why in bad.items()])}",
            where=str(folder),
            hint="Copy the folder again, or train again.",
        )
    saved, own = load((folder / WEIGHTS).read_bytes()), net.state_dict()
    wrong = sorted(n for n, t in saved.items() if n not in own or own[n].shape != t.shape)
    if wrong:
        raise ModelError(
            f"{len(wrong)} tensors do not fit the model: {listed(wrong, 5)}", where=str(folder)
        )
    net.load_state_dict(saved, strict=False)
