"""A native model as folders of transformers and peft, which open without harken.

::

    model/      the class with its weights, if more than adapters was trained, or on request
    adapter/    adapters in peft's format, with tokenizer, feature extractor and chat template
    README.md   how they are opened
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from torch import nn

from harken import files
from harken.errors import ModelError
from harken.files import real_path
from harken.models.base import MODEL_FILE
from harken.models.bases import changed
from harken.models.engine.lora import base_state, lora_state
from harken.models.native.model import NativeModel
from harken.models.native.saved import base_tensors, write_class
from harken.models.peft_folder import CONFIG, write_peft

_SMALL = ("*.json", "*.jinja", "*.txt", "*.model")
_OWN = ("config.json", "generation_config.json", "chat_template.json", MODEL_FILE, CONFIG)


def export_native(model: NativeModel, folder: Path, *, copy_bases: bool = False) -> dict[str, Any]:
    """Write the folders at the top of this file.

    Args:
        model: opened; it is not changed.
        folder: where they are written.
        copy_bases: write the class with its weights in any case; else it is named where only
            adapters were trained.

    Returns:
        What was written: ``model`` and ``adapter`` (folders, empty if not written), ``base``.

    Raises:
        ModelError: the class has an adapter of its own, which peft cannot combine with another.
    """
    family = model.family
    if getattr(family, "adapter", None) is not None:
        raise ModelError(
            f"{family.name} has an adapter of its own, on for prompts with audio only, and no "
            "folder of peft can say so",
            hint="Use the saved model with harken (harken serve).",
        )
    whole = copy_bases or not model.adapters or not model.bases or bool(trained(model))
    folder.mkdir(parents=True, exist_ok=True)
    source = model.bases[0].plain_source() if model.bases else ""
    if whole:
        state = base_state(family.model.state_dict()) if model.adapters else None
        write_class(model, folder / "model", state)
        _copy_small(model, folder / "model")
        source = str(real_path(folder / "model"))
    if model.adapters:
        revision = "" if whole else model.bases[0].revision
        _require_inside(model)
        write_peft(family.model, folder / "adapter", base=source, revision=revision, task=None)
        model.opened.hf_tokenizer.save_pretrained(folder / "adapter")
        family.extractor.save_pretrained(folder / "adapter")
        files.write_whole(folder / "adapter" / "chat_template.jinja", model.opened.template)
        _copy_small(model, folder / "adapter")
    base = "" if whole else source
    files.write_whole(folder / "README.md", _readme(model, base))
    return {
        "model": str(folder / "model") if whole else "",
        "adapter": str(folder / "adapter") if model.adapters else "",
        "base": base,
    }


def trained(model: NativeModel) -> list[str]:
    """Names of the tensors outside of adapters that differ from those of the base."""
    own = {name: t for name, t in model.state().items() if "lora_" not in name}
    return [*changed(own, model.bases, lambda _: base_tensors(model))]


def _require_inside(model: NativeModel) -> None:
    """Raise ModelError if an adapter of the net is not one of the class's layers."""
    ours = len(lora_state(model.state()))
    theirs = len(lora_state(model.family.model.state_dict()))
    if ours != theirs:
        raise ModelError(f"{ours - theirs} adapter tensors are outside of {model.family.name}")


def _copy_small(model: NativeModel, folder: Path) -> None:
    """Copy further files of the base, such as a processor's, that are not written already."""
    if not model.bases:
        return
    for pattern in _SMALL:
        for path in sorted(model.bases[0].find().glob(pattern)):
            skip = path.name in _OWN or path.name.endswith(".index.json")
            if not skip and not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)


def _readme(model: NativeModel, base: str) -> str:
    """What was written, and the lines that open it."""
    import peft
    import transformers

    name = type(model.family.model).__name__
    place = repr(base) if base else '"model"'
    lines = [
        f"# {model.name.removeprefix('native:')}",
        "",
        f"`{name}` of transformers {transformers.__version__}"
        + (f", adapters of peft {peft.__version__}." if model.adapters else "."),
    ]
    if base:
        lines += ["", f"`adapter/` is for the unchanged weights of `{base}`."]
    if model.family.unused:
        lines += ["", "Parts that audio does not use (images) are not in `model/`."] * (not base)
    code = ["import transformers"]
    code += ["from peft import PeftModel"] * bool(model.adapters)
    code += ["", f"config = transformers.AutoConfig.from_pretrained({place})"]
    code += ['config = getattr(config, "thinker_config", config)'] * ("Thinker" in name)
    code += [
        f"model = transformers.{name}.from_pretrained({place}, config=config)"
        if hasattr(transformers, name)
        else f"model = {name}.from_pretrained({place}, config=config)  # {_module(model)}"
    ]
    files_at = '"adapter"' if model.adapters else '"model"'
    code += ['model = PeftModel.from_pretrained(model, "adapter")'] * bool(model.adapters)
    code += [f"tokenizer = transformers.AutoTokenizer.from_pretrained({files_at})"]
    return "\n".join([*lines, "", "```python", *code, "```", ""])


def _module(model: NativeModel) -> str:
    inner: nn.Module = model.family.model
    return type(inner).__module__
