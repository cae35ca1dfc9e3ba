"""Saved native models.

Usually a folder holds what was trained, and names the class's own files::

    trained.safetensors  adapters, and tensors that differ from those of the base
    harken-model.json    written last: the base, the hashes of its files, settings of prompts

A model without a base (``copy_bases=true``) is a folder of transformers instead, which the class
opens, with the adapters in ``lora.safetensors`` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from harken import files
from harken.errors import ConfigError, ModelError
from harken.hashing import canonical, digest
from harken.listed import listed
from harken.models.base import MODEL_FILE
from harken.models.bases import Base, changed, other_base
from harken.models.engine.lora import base_state, lora_state
from harken.models.engine.lora_settings import LoraSettings
from harken.models.engine.time_tokens import enlarged, restore_times
from harken.models.learner import FORMAT, read_saved
from harken.models.native.base import NativeFamily
from harken.models.native.net import NativeNet
from harken.models.native.open import OpenedModel, file_hashes, open_family
from harken.models.native.settings import NativeSettings

TRAINED_FILE = "trained.safetensors"
LORA_FILE = "lora.safetensors"
"""LoRA weights of a saved model that has no base."""

KEPT = ("attention", "max_clip_s", "letters", "question_first", "mark_clips", "instruction")
"""Settings that a saved model keeps: it was trained on prompts that were written so."""

_KINDS = {f"torch.{name}": getattr(torch, name) for name in ("float32", "bfloat16", "float16")}


class NativeLearner(Protocol):
    """What is needed here of a `harken.models.native.model.NativeModel`; see there."""

    net: Any
    tokenizer: Any
    config: dict[str, Any]
    bases: tuple[Base, ...]
    family: NativeFamily
    opened: OpenedModel
    settings: NativeSettings

    def state(self) -> dict[str, Tensor]:
        """All tensors by name."""

    def add_adapters(self, asked: Mapping[str, LoraSettings], seed: int = 0) -> None:
        """Add adapters."""


def base_of(target: str, opened: OpenedModel, settings: NativeSettings) -> Base:
    """The base that `target` is, by all files that define the model."""
    whole = digest(canonical([*map(list, opened.files)]), 64)
    return Base.of("", "native", target, settings.revision, whole)


def write_model(model: NativeLearner, folder: Path, settings: NativeSettings) -> dict[str, Any]:
    """Write all files but `MODEL_FILE`; returns the content of that."""
    from safetensors.torch import save as to_bytes

    for name in (TRAINED_FILE, LORA_FILE):
        (folder / name).unlink(missing_ok=True)
    state, dtype = model.state(), str(model.family.like.dtype)
    lora = model.config.get("lora")
    content = {
        "lora": lora,
        "dtype": dtype,
        "model_type": str(getattr(model.family.model.config, "model_type", "")),
        "settings": {name: getattr(settings, name) for name in KEPT},
    }
    content |= {"times": model.config["times"]} if model.config.get("times") else {}
    if not model.bases:
        return {**content, "files": _write_class(model, folder)}

    kept = changed(state, model.bases, lambda _: base_tensors(model))
    data = to_bytes({name: t.cpu().contiguous() for name, t in sorted(kept.items())})
    files.write_whole(folder / TRAINED_FILE, data)
    other = {n: str(t.dtype) for n, t in sorted(state.items()) if str(t.dtype) != dtype}
    return {
        **content,
        "other_dtypes": other,
        "bases": [asdict(base) for base in model.bases],
        "base_files": dict(model.config["files"]),
        "files": files.checksums(folder, [TRAINED_FILE]),
    }


def base_tensors(model: NativeLearner) -> dict[str, Tensor]:
    """The tensors of the base in the dtype of the model, by their names in the net."""
    dtype = str(model.family.like.dtype).removeprefix("torch.")
    plain = replace(model.settings, device="cpu", dtype=dtype)
    return NativeNet(open_family(model.bases[0].find(), plain)).state_dict()


def _write_class(model: NativeLearner, folder: Path) -> dict[str, str]:
    """A folder of transformers with the class's own weights, and `LORA_FILE`; the hashes."""
    from safetensors.torch import save as to_bytes

    lora = {n: t.cpu().contiguous() for n, t in sorted(lora_state(model.state()).items())}
    write_class(model, folder, base_state(model.family.model.state_dict()) if lora else None)
    if lora:
        files.write_whole(folder / LORA_FILE, to_bytes(lora))
    return dict(file_hashes(folder, type(model.family)))


def write_class(model: NativeLearner, folder: Path, state: dict[str, Tensor] | None = None) -> None:
    """Write weights, extractor, tokenizer and chat template as a folder of transformers."""
    model.family.save(folder, state)
    model.opened.hf_tokenizer.save_pretrained(folder)
    files.write_whole(folder / "chat_template.jinja", model.opened.template)


def saved_content(folder: Path) -> dict[str, Any]:
    """The content of the `MODEL_FILE` of a saved native model; empty if the folder has none.

    Raises:
        ModelError: it is damaged, or of a newer format.
    """
    if not (folder / MODEL_FILE).is_file():
        return {}
    try:
        saved = read_saved(folder)
        kind, version = saved["kind"], saved["format"]
        if kind != "native" or version > FORMAT:
            raise ModelError(
                f"the model has kind {kind!r}, format {version}",
                where=str(folder),
                hint="Open it with the release that saved it.",
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, error) from error
    return saved


def saved_settings(folder: Path) -> NativeSettings:
    """The settings that a saved model is opened with where none are given."""
    try:
        given = saved_content(folder).get("settings") or {}
    except ModelError:
        given = {}  # told when the model is opened
    known = {entry.name for entry in fields(NativeSettings)}
    return NativeSettings(**{name: value for name, value in given.items() if name in known})


def base_folder(folder: Path, saved: Mapping[str, Any], settings: NativeSettings) -> Path | None:
    """The folder of the base that a saved model names; None where it has everything itself.

    Raises:
        ModelError: the base is not found.
    """
    bases = bases_of(folder, saved)
    return bases[0].find(local_files_only=settings.local_files_only) if bases else None


def bases_of(folder: Path, saved: Mapping[str, Any]) -> tuple[Base, ...]:
    """The bases that a saved model names."""
    try:
        return tuple(Base(**base) for base in saved.get("bases") or ())
    except TypeError as error:
        raise _unreadable(folder, error) from error


def restore(model: NativeLearner, folder: Path, saved: Mapping[str, Any]) -> str:
    """Give an opened base what a saved model holds.

    Returns:
        The identity it was saved with; empty if files, dtype or settings are others.

    Raises:
        ModelError: damaged files, or another base.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        identity, lora = str(saved["identity"]), saved["lora"] or {}
        if times := saved.get("times"):
            model.config["times"] = times
            restore_times(model.tokenizer, times)
        bases = bases_of(folder, saved)
        if bases:
            _check_base(model, bases[0], saved["base_files"])
        if bad := files.damaged(folder, saved["files"]) if bases else {}:
            raise ModelError(f"{', '.join(bad)} is not what was saved", where=str(folder))
        name = TRAINED_FILE if bases else LORA_FILE
        tensors = load_file(folder / name) if bases or lora else {}
        model.add_adapters({group: LoraSettings.of(own) for group, own in lora.items()})
        _copy(model, folder / name, tensors)
        if bases:
            _round(model, saved["dtype"], saved["other_dtypes"], tensors)
            model.config["lora"] = saved["lora"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError,
            SafetensorError) as error:  # fmt: skip
        raise _unreadable(folder, error) from error
    same = bool(bases) or dict(model.config["files"]) == saved["files"]
    kept = saved.get("settings") == {name: getattr(model.settings, name) for name in KEPT}
    return identity if same and kept and saved["dtype"] == str(model.family.like.dtype) else ""


def _check_base(model: NativeLearner, base: Base, expected: Mapping[str, str]) -> None:
    """Raise ModelError unless the opened files are those that the model was made of.

    Further files are ignored, but for weights and chat templates.
    """
    found = dict(model.config["files"])
    wrong = [name for name, sha256 in expected.items() if found.get(name) != sha256]
    wrong += [n for n in found if n.endswith((".safetensors", ".jinja")) and n not in expected]
    if wrong:
        raise other_base(base, base.find(), wrong)
    model.config["files"] = tuple((name, sha256) for name, sha256 in expected.items())


def _copy(model: NativeLearner, file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into the model; raises ModelError where they do not fit.

    A model with time tokens may have more embeddings than its base.
    """
    own = model.state()
    if model.config.get("times"):
        rows = [len(t) for n, t in tensors.items() if n in own and t.ndim == 2]
        sizes = [len(own[n]) for n, t in tensors.items() if n in own and t.ndim == 2]
        longer = [now for now, before in zip(rows, sizes, strict=True) if now > before]
        enlarged(model.net.lm, max(longer, default=0))
        own = model.state()
    needed = {name for name in own if "lora_" in name}
    wrong = sorted(needed - {*tensors}) + [
        name for name, t in tensors.items() if name not in own or own[name].shape != t.shape
    ]
    if wrong:
        raise ModelError(
            f"{file.name} does not fit the model: {listed(wrong, 3)}",
            where=str(file.parent),
            hint="Copy the folder again, or train again.",
        )
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def _round(
    model: NativeLearner, dtype: str, others: Mapping[str, str], trained: Mapping[str, Tensor]
) -> None:
    """Round the tensors of the base to the dtype they had when the model was saved."""
    with torch.no_grad():
        for name, tensor in model.state().items():
            kind = _KINDS.get(others.get(name, dtype))
            if name in trained or kind is None or not tensor.is_floating_point():
                continue
            if tensor.dtype != kind and torch.finfo(kind).bits < torch.finfo(tensor.dtype).bits:
                tensor.copy_(tensor.to(kind))


def _unreadable(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        f"the saved model cannot be opened: {type(error).__name__}: {error}",
        where=str(folder),
        hint="Copy the folder again, or train again.",
    )
