"""Opening a class of transformers from a folder or the hub: safetensors only, no code from outside.

A hub id is fetched into the hub's own cache first, and from there on it is a folder.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.files import sha256_of
from harken.models.base import MODEL_FILE
from harken.models.engine.tokenizer import ANSWER, AUDIO, BOS, CLOSE, EOS, OPEN, PAD, TextTokenizer
from harken.models.native.base import NativeFamily
from harken.models.native.families import FAMILIES
from harken.models.native.settings import NativeSettings

_WANTED = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
_NOT_WANTED = [
    "consolidated*",  # the same weights once more, in other formats
    "original/*",
    "vision-lora/*",
]
_SMALL = ("*.json", "*.jinja", "*.txt", "*.model")
_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """An opened model: family, tokenizer, its coder, chat template, hashes of its files."""

    family: NativeFamily
    hf_tokenizer: Any
    tokenizer: TextTokenizer
    template: str
    files: tuple[tuple[str, str], ...]


def open_model(target: str, settings: NativeSettings) -> OpenedModel:
    """Open the folder or hub id `target`.

    Raises:
        ModelError: no such model, a class nobody has written a family for, no safetensors, no
            tokenizer, no preprocessor, or weights that do not fit.
    """
    folder = _folder(target, settings)
    kind = str(_json(folder, "config.json").get("model_type", ""))
    if kind not in FAMILIES:
        raise ModelError(
            f"no native family is written for model_type {kind!r}",
            where=str(folder / "config.json"),
            hint="Known: " + ", ".join(FAMILIES) + ". Else serve it and use openai:.",
        )
    if not [*folder.glob("*.safetensors")]:
        raise ModelError(
            "the folder holds no safetensors",
            where=target,
            hint="Open it with transformers once, and save it with save_pretrained.",
        )
    made: type[NativeFamily] = FAMILIES.get(kind)
    hf_tokenizer = _tokenizer(folder)
    family = made(_weights(made, folder, settings), _extractor(made, folder))
    family.settle(folder, hf_tokenizer)
    tokenizer = _coder(family, hf_tokenizer, folder)
    template = _template(folder, hf_tokenizer) or family.template
    if not template:
        raise ModelError(
            "the folder brings no chat template",
            where=target,
            hint="Add chat_template.jinja from the model's page.",
        )
    return OpenedModel(family, hf_tokenizer, tokenizer, template, file_hashes(folder, made))


def file_hashes(folder: Path, made: type[NativeFamily]) -> tuple[tuple[str, str], ...]:
    """Name and SHA-256 of every file that decides the model, sorted."""
    forms = ("*.safetensors", *_SMALL, *made.extra_files)
    found = {path for form in forms for path in folder.glob(form) if path.name != MODEL_FILE}
    return tuple((path.relative_to(folder).as_posix(), _sha256(path)) for path in sorted(found))


def _folder(target: str, settings: NativeSettings) -> Path:
    if Path(target).is_dir():
        return Path(target)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", target):
        raise ModelError(
            f"there is no folder {target!r}, and it is no id of the hub",
            hint="Write native:FOLDER or native:Qwen/Qwen2-Audio-7B-Instruct",
        )
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            target,
            revision=settings.revision or None,
            allow_patterns=_WANTED,
            ignore_patterns=_NOT_WANTED,
            local_files_only=settings.local_files_only,
        )
    except Exception as error:  # of the hub, of HTTP, of the disk
        raise ModelError(
            f"{target} cannot be fetched: {_first(error)}",
            hint="Check the id and the net, or give the folder of a copy on this disk.",
        ) from error
    return Path(found)


def _weights(made: type[NativeFamily], folder: Path, settings: NativeSettings) -> Any:
    import torch
    import transformers

    options: dict[str, Any] = {}
    if settings.attention:
        options["attn_implementation"] = settings.attention
    if settings.device == "auto":
        options["device_map"] = "auto"
    dtype: Any = settings.dtype or ("float32" if settings.device == "cpu" else "auto")
    try:
        whole = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model, report = made.built().from_pretrained(
            folder,
            config=made.config(whole),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=dtype,
            output_loading_info=True,
            adapter_kwargs={"subfolder": "-"},  # adapters are read by the family, peft or not
            **options,
        )
        lost = [name for name in report["missing_keys"] if not name.startswith(made.unused)]
        if lost:  # transformers fills them with random numbers, and goes on
            raise ModelError(
                f"{len(lost)} tensors are missing: {', '.join(sorted(lost)[:5])}",
                where=str(folder),
                hint="Copy the folder again.",
            )
        if settings.device != "auto":
            model.to(settings.device)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, ImportError) as error:
        full = isinstance(error, torch.OutOfMemoryError)
        raise ModelError(
            f"the model cannot be opened as {made.opens}: {_first(error)}",
            where=str(folder),
            hint="Use a smaller dtype or another device." if full else "",
        ) from error
    return model.eval()


def _extractor(made: type[NativeFamily], folder: Path) -> Any:
    try:
        return made.load_extractor(folder)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(
            f"the feature extractor ({made.extracts}) cannot be opened: {_first(error)}",
            where=str(folder),
            hint="Copy preprocessor_config.json (or processor_config.json) from the model's page.",
        ) from error


def _tokenizer(folder: Path) -> Any:
    import transformers

    try:
        hf_tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the libraries raise bare exceptions
        raise ModelError(
            f"the tokenizer cannot be opened: {_first(error)}",
            where=str(folder),
            hint="Copy tokenizer.json and tokenizer_config.json from the model's page.",
        ) from error
    if getattr(hf_tokenizer, "backend_tokenizer", None) is None:
        raise ModelError(
            "the tokenizer is a slow one",
            where=str(folder),
            hint="Add the tokenizer.json of the model to the folder.",
        )
    return hf_tokenizer


def _coder(family: NativeFamily, hf_tokenizer: Any, folder: Path) -> TextTokenizer:
    known = hf_tokenizer.get_vocab()
    whole: Any = family.model.config
    number = getattr(whole, "audio_token_id", None) or getattr(whole, "audio_token_index", None)
    if number is not None:  # what the model itself looks for
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
    marks = {str(token.content): int(number) for number, token in added if token.special}
    usual = _json(folder, "generation_config.json").get("eos_token_id", [])
    ends = frozenset([int(end), *(usual if isinstance(usual, list) else [usual])])
    pad = hf_tokenizer.pad_token_id if hf_tokenizer.pad_token_id is not None else end
    marks |= {PAD: int(pad), EOS: int(end), AUDIO: int(known[family.placeholder])}
    marks |= {BOS: int(end), OPEN: int(end), CLOSE: int(end), ANSWER: int(end)}  # of other writers
    return TextTokenizer(hf_tokenizer.backend_tokenizer, marks, ends)


def _template(folder: Path, hf_tokenizer: Any) -> str:
    """The processor's chat template, else the tokenizer's; empty if there is neither."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    old = _json(folder, "chat_template.json").get("chat_template")
    found = old or hf_tokenizer.chat_template
    if isinstance(found, dict):
        found = found.get("default", "")
    return str(found or "")


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if name == "config.json":
            raise ModelError(
                "the folder holds no model (there is no config.json)",
                where=str(folder),
                hint="Give the folder of a model that is on this disk.",
            ) from None
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{name} cannot be read: {error}", where=str(folder)) from error
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    """Of a file; the hub's cache names large files by it, and 15 GB need not be read again."""
    real = path.resolve().name
    return real if path.is_symlink() and _BLOB.fullmatch(real) else sha256_of(path)


def _first(error: BaseException) -> str:
    return (
        f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300] if str(error) else ''}"
    )
