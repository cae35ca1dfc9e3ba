"""Opening a class of transformers from a folder or the hub: safetensors only, no remote code.

A hub id is downloaded into the hub's own cache first, and opened from there as a folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.files import real_path, sha256_of
from harken.listed import listed
from harken.models.base import MODEL_FILE
from harken.models.device import require_device
from harken.models.engine.tokenizer import ANSWER, AUDIO, BOS, CLOSE, EOS, OPEN, PAD, TextTokenizer
from harken.models.native.base import NativeFamily
from harken.models.native.families import FAMILIES
from harken.models.native.settings import NativeSettings
from harken.models.pretrained import check_folder, find_folder, open_files, open_weights
from harken.parsing import load_json

_SMALL = ("*.json", "*.jinja", "*.txt", "*.model")
_FAULTS = (OSError, ValueError, KeyError, RuntimeError, AttributeError, ImportError)
_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """An opened model: family, tokenizers, chat template, (name, SHA-256) of its files."""

    family: NativeFamily
    hf_tokenizer: Any
    tokenizer: TextTokenizer
    template: str
    files: tuple[tuple[str, str], ...]


def open_model(target: str, settings: NativeSettings) -> OpenedModel:
    """Open the folder or hub id `target`.

    Raises:
        ConfigError: a device that cannot be used.
        ModelError: no such model, no family for its class, no safetensors, no tokenizer, no
            preprocessor, or weights that do not fit.
    """
    if settings.device != "auto":
        require_device(settings.device)
    folder = find_folder(
        target, revision=settings.revision, local_files_only=settings.local_files_only
    )
    family = open_family(folder, settings)
    hf_tokenizer = _tokenizer(folder)
    family.after_open(folder, hf_tokenizer)
    tokenizer = _text_tokenizer(family, hf_tokenizer, folder)
    template = _template(folder, hf_tokenizer) or family.template
    if not template:
        raise ModelError(
            "the folder has no chat template",
            where=target,
            hint="Add chat_template.jinja from the model's page.",
        )
    return OpenedModel(family, hf_tokenizer, tokenizer, template, file_hashes(folder, type(family)))


def open_family(folder: Path, settings: NativeSettings) -> NativeFamily:
    """The class of a folder with its weights, before `NativeFamily.after_open`.

    Raises:
        ModelError: no family for its class, no safetensors, or weights that do not fit.
    """
    kind = str(_json(folder, "config.json").get("model_type", ""))
    if kind not in FAMILIES:
        raise ModelError(
            f"there is no native family for model_type {kind!r}",
            where=str(folder / "config.json"),
            hint="Known: " + ", ".join(FAMILIES) + ". Else serve it and use openai:.",
        )
    check_folder(folder)
    if not [*folder.glob("*.safetensors")]:
        raise ModelError(
            "the folder has no safetensors",
            where=str(folder),
            hint="Open it with transformers, and save it with save_pretrained.",
        )
    family_class: type[NativeFamily] = FAMILIES.get(kind)
    return family_class(_weights(family_class, folder, settings), _extractor(family_class, folder))


def file_hashes(folder: Path, family_class: type[NativeFamily]) -> tuple[tuple[str, str], ...]:
    """Name and SHA-256 of every file that defines the model, sorted."""
    patterns = ("*.safetensors", *_SMALL, *family_class.extra_files)
    found = {
        path for pattern in patterns for path in folder.glob(pattern) if path.name != MODEL_FILE
    }
    return tuple((path.relative_to(folder).as_posix(), _sha256(path)) for path in sorted(found))


def _weights(family_class: type[NativeFamily], folder: Path, settings: NativeSettings) -> Any:
    import torch
    import transformers
    from safetensors import SafetensorError

    options: dict[str, Any] = {}
    if settings.attention:
        options["attn_implementation"] = settings.attention
    if settings.device == "auto":
        options["device_map"] = "auto"
    dtype: Any = settings.dtype or ("float32" if settings.device == "cpu" else "auto")
    try:
        whole = open_files(transformers.AutoConfig, folder, local_files_only=True)
        model, report = open_weights(
            family_class.model_class(),
            folder,
            config=family_class.config(whole),
            local_files_only=True,
            dtype=dtype,
            output_loading_info=True,
            adapter_kwargs={"subfolder": "-"},  # adapters are read by the family, peft or not
            **options,
        )
        missing = [
            name for name in report["missing_keys"] if not name.startswith(family_class.unused)
        ]
        if missing:  # transformers initialises them randomly and continues
            raise ModelError(
                f"{len(missing)} tensors are missing: {listed(sorted(missing), 5)}",
                where=str(folder),
                hint="Copy the folder again.",
            )
        if settings.device != "auto":
            model.to(settings.device)
    except (*_FAULTS, SafetensorError) as error:
        out_of_memory = isinstance(error, torch.OutOfMemoryError)
        raise ModelError(
            f"the model cannot be opened as {family_class.model_name}: {_first(error)}",
            where=str(folder),
            hint="Use a smaller dtype or another device." if out_of_memory else "",
        ) from error
    return model.eval()


def _extractor(family_class: type[NativeFamily], folder: Path) -> Any:
    try:
        return family_class.load_extractor(folder)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(
            f"the {family_class.extractor_name} cannot be opened: {_first(error)}",
            where=str(folder),
            hint="Copy preprocessor_config.json (or processor_config.json) from the model's page.",
        ) from error


def _tokenizer(folder: Path) -> Any:
    import transformers

    try:
        hf_tokenizer = open_files(transformers.AutoTokenizer, folder, local_files_only=True)
    except Exception as error:  # the libraries raise bare exceptions
        raise ModelError(
            f"the tokenizer cannot be opened: {_first(error)}",
            where=str(folder),
            hint="Copy tokenizer.json and tokenizer_config.json from the model's page.",
        ) from error
    if getattr(hf_tokenizer, "backend_tokenizer", None) is None:
        raise ModelError(
            "the folder has a slow tokenizer only",
            where=str(folder),
            hint="Add the tokenizer.json of the model to the folder.",
        )
    return hf_tokenizer


def _text_tokenizer(family: NativeFamily, hf_tokenizer: Any, folder: Path) -> TextTokenizer:
    known = hf_tokenizer.get_vocab()
    whole: Any = family.model.config
    number = getattr(whole, "audio_token_id", None) or getattr(whole, "audio_token_index", None)
    if number is not None:  # the model's own configuration has priority
        family.placeholder = str(hf_tokenizer.convert_ids_to_tokens(number))
    if family.placeholder not in known:
        raise ModelError(
            f"the tokenizer has no {family.placeholder!r}",
            where=str(folder),
            hint="Use the tokenizer that belongs to this model.",
        )
    end = known.get(family.turn_end, hf_tokenizer.eos_token_id)
    if end is None:
        raise ModelError("the tokenizer has no end of text", where=str(folder))
    added = hf_tokenizer.added_tokens_decoder.items()
    special = {str(token.content): int(number) for number, token in added if token.special}
    further = _json(folder, "generation_config.json").get("eos_token_id", [])
    ends = frozenset([int(end), *(further if isinstance(further, list) else [further])])
    pad = hf_tokenizer.pad_token_id if hf_tokenizer.pad_token_id is not None else end
    special |= {PAD: int(pad), EOS: int(end), AUDIO: int(known[family.placeholder])}
    # `ChatTokenizer` does not use these.
    special |= {BOS: int(end), OPEN: int(end), CLOSE: int(end), ANSWER: int(end)}
    return TextTokenizer(hf_tokenizer.backend_tokenizer, special, ends)


def _template(folder: Path, hf_tokenizer: Any) -> str:
    """The processor's chat template, else the tokenizer's; empty if there is neither."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    processor = _json(folder, "chat_template.json").get("chat_template")
    found = processor or hf_tokenizer.chat_template
    if isinstance(found, dict):
        found = found.get("default", "")
    return str(found or "")


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = load_json(folder / name)
    except FileNotFoundError:
        if name == "config.json":
            raise ModelError(
                "the folder holds no model (there is no config.json)",
                where=str(folder),
                hint="Give the folder of a model on this disk.",
            ) from None
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{name} cannot be read: {error}", where=str(folder)) from error
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    """SHA-256 of a file; the hub's cache names large files by it, so 15 GB need not be read."""
    name = real_path(path).name
    return name if path.is_symlink() and _BLOB.fullmatch(name) else sha256_of(path)


def _first(error: BaseException) -> str:
    return (
        f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300] if str(error) else ''}"
    )
