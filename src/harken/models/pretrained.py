"""The one way in for files of transformers: no code of a folder is run, no pickle is read.

Every ``from_pretrained``, ``from_config`` and ``pipeline`` of this package is here. transformers
asks on stdin whether to run the code of a folder when it is not told, so it is always told: never.
Weights are safetensors; a pickle (``pytorch_model.bin``) can run code while it is read, and is
refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.listed import listed
from harken.parsing import load_json

WEIGHTS = "HARKEN_WEIGHTS"
"""Environment variable: a folder with folders of pretrained models, each under its own name."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WANTED = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
_UNWANTED = ["consolidated*", "original/*", "vision-lora/*"]
"""The same weights in other formats, and those of images."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.msgpack", "*.h5")
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")


def find_folder(source: str | Path, *, revision: str = "", local_files_only: bool = False) -> Path:
    """The folder of a pretrained model.

    Args:
        source: a folder; or the name of one below ``$HARKEN_WEIGHTS``, be it the last part of a
            path that is not there or of a hub id; or an id on the hub, whose files are brought
            into the hub's own cache.
        revision: branch, tag or commit on the hub; empty: the main branch.
        local_files_only: look for a hub id in the cache only.

    Raises:
        ModelError: it is nowhere; the message says where it was looked for.
    """
    text, folder = str(source), Path(source)
    shelf = os.environ.get(WEIGHTS)
    names = (folder.name, folder.name.lower()) if shelf else ()
    places = [folder, *(Path(shelf or "") / name for name in dict.fromkeys(names))]
    for place in places:
        if place.is_dir():
            return place
    looked = ", ".join(map(str, places)) + ("" if shelf else f", {WEIGHTS} (not set)")
    if _HUB_ID.fullmatch(text):
        found = _from_hub(text, revision, local_files_only)
        if isinstance(found, Path):
            return found
        looked += f", {found}"
    raise ModelError(
        f"there is no model {text!r}; looked for it in {looked}",
        hint="Check the name and the network, give the folder of a local copy, or set "
        f"{WEIGHTS} to the folder it is in.",
    )


def _from_hub(name: str, revision: str, local_files_only: bool) -> Path | str:
    """The folder in the hub's cache, brought there if need be; else where was looked, and why not.

    Without a network, what the cache has of that revision is used.
    """
    try:
        from huggingface_hub import constants, snapshot_download
    except ImportError:
        return "the hub (huggingface_hub is not installed: pip install 'harken[models]')"
    cache = f"the hub's cache {constants.HF_HUB_CACHE}"
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision or None,
                allow_patterns=_WANTED,
                ignore_patterns=_UNWANTED,
                local_files_only=local_files_only,
            )
        )
    except Exception as error:  # of the hub, of HTTP, of the disk
        if local_files_only:
            return f"{cache} (the hub itself was not asked)"
        return f"{cache}, the hub ({_hub_fault(error)})"


_NO_NETWORK = ("ConnectError", "ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError")


def _hub_fault(error: Exception) -> str:
    """Why the hub gave nothing, in a line; that there was no network is said in these words."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__ or at.__context__
    names = [type(one).__name__ for one in chain]
    if "OfflineModeIsEnabled" in names or "offline mode" in reason.lower():
        return "it was not asked: HF_HUB_OFFLINE is set"
    if any(name in _NO_NETWORK for name in names) or any(name in reason for name in _NO_NETWORK):
        return f"there was no network to reach it: {reason}"
    return reason


def open_weights(loader: Any, folder: Path, **options: Any) -> Any:
    """``loader.from_pretrained(folder)`` for a class of models.

    Args:
        loader: a model class of transformers, or one of its ``AutoModel`` classes.
        folder: see `find_folder`, which brings what is on the hub: what is in a folder can be
            checked before transformers reads it.
        options: of ``from_pretrained``.

    Returns:
        The model; with the option ``output_loading_info`` also what transformers says of it.

    Raises:
        ModelError: the folder has pickles only, its configuration names code, or most weights are
            missing (transformers draws them at random and continues).
        Exception: whatever transformers raises for files that are missing or do not fit.
    """
    check_folder(folder)
    # No value of a caller can change these two.
    fixed: dict[str, Any] = {"trust_remote_code": False, "use_safetensors": True}
    if options.get("output_loading_info"):
        return loader.from_pretrained(folder, **{**options, **fixed})
    fixed["output_loading_info"] = True
    model, report = loader.from_pretrained(folder, **{**options, **fixed})
    missing, there = sorted(report["missing_keys"]), len(model.state_dict())
    if 2 * len(missing) > there:
        raise ModelError(
            f"{len(missing)} of {there} tensors are missing: {listed(missing, 3)}",
            where=str(folder),
            hint="Copy the folder again, or name a model of this kind.",
        )
    return model


def open_files(loader: Any, folder: Path, **options: Any) -> Any:
    """``loader.from_pretrained(folder)`` for what has no weights.

    `loader` is a class of configurations, tokenizers, feature extractors or processors.

    Raises:
        ModelError: the folder's configuration names code.
        Exception: whatever transformers raises for files that are missing or do not fit.
    """
    refuse_kernels(folder)
    fixed: dict[str, Any] = {"trust_remote_code": False}
    return loader.from_pretrained(folder, **{**options, **fixed})


def build_model(loader: Any, config: Any) -> Any:
    """``loader.from_config(config)``: a model with fresh weights."""
    return loader.from_config(config, trust_remote_code=False)


def open_pipeline(task: str, model: Any, **parts: Any) -> Any:
    """A pipeline of a model and parts that are open already, so that it loads nothing itself."""
    from transformers import pipeline

    return pipeline(task, model=model, trust_remote_code=False, **parts)


def check_folder(folder: Path) -> None:
    """Raise ModelError for a folder whose weights are no safetensors, or which names kernels."""
    refuse_kernels(folder)
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"the weights are no safetensors ({listed(pickles, 3)}); "
            "reading a pickle can run code, so it is not read",
            where=str(folder),
            hint="If you trust the files, open them with transformers elsewhere and save them with "
            "save_pretrained, which writes safetensors.",
        )


def refuse_kernels(folder: Path) -> None:
    """Raise ModelError if ``config.json`` names a kernel on the hub: transformers would run it."""
    try:
        values = load_json(folder / "config.json")
    except (OSError, ValueError):
        return  # the loader reports it
    for name, value in _entries(values):
        if name in _KERNELS and isinstance(value, str) and "/" in value:
            raise ModelError(
                f"{name} names code on the hub ({value}), which is not run",
                where=str(folder / "config.json"),
                hint=f"Remove {name} from the configuration.",
            )


def _entries(values: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value, at any depth."""
    waiting = [values]
    while waiting:
        now = waiting.pop()
        if isinstance(now, dict):
            yield from now.items()
            waiting += now.values()
        elif isinstance(now, list):
            waiting += now
