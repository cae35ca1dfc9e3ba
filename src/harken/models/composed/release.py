"""Writing a release of a composed model (`harken.models.released`).

Trained tensors are stored in half precision and opened in float32. Pretrained parts are named by
their ids on the hub, and a few values of each of their tensors are kept
(`harken.models.composed.base_samples`), by which another copy of the same weights is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harken import files
from harken.errors import ConfigError, ModelError, RunError
from harken.hashing import digest, sealed
from harken.listed import listed
from harken.models.base import MODEL_FILE
from harken.models.bases import Base
from harken.models.composed import base_samples
from harken.models.composed.base_tensors import base_tensors
from harken.models.composed.model import WEIGHTS_FILE, ComposedModel
from harken.models.composed.presets import PRESETS
from harken.models.engine.tokenizer import FILE as TOKENIZER_FILE
from harken.models.learner import read_saved
from harken.models.released import CARD, LIMIT_BYTES, card_head, located

NEEDED = ("license", "summary")
"""What the YAML head of a model card must say."""


def release_model(
    model: str, name: str, out: Path, card: Path, sources: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Write the release ``out/name`` of a composed model.

    Args:
        model: folder of the saved model.
        name: of the release.
        out: folder of releases.
        card: its model card, markdown with a YAML head.
        sources: module group, or the prefix of a part, -> the part's id on the hub.

    Returns:
        ``folder``, ``bytes``, ``identity`` (of the release: its tensors are rounded), ``rounding``
        (the largest relative change of a tensor).

    Raises:
        ConfigError: a part is named by a folder of this computer, or the card lacks something.
        ModelError: no composed model, values beyond half precision, or more than `LIMIT_BYTES`.
        RunError: the folder has files already.
    """
    folder = out / name
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError("the folder is not empty", where=str(folder), hint="Choose another --out.")
    source = Path(located(model))
    saved = _composed(source)
    bases = _named(saved.get("bases") or (), sources or {})
    _check_card(card)
    from safetensors.torch import load, save

    tensors = load((source / WEIGHTS_FILE).read_bytes())
    halved = {key: _half(key, tensor) for key, tensor in sorted(tensors.items())}
    folder.mkdir(parents=True, exist_ok=True)
    data = save(halved)
    files.write_whole(folder / WEIGHTS_FILE, data)
    files.write_whole(folder / TOKENIZER_FILE, (source / TOKENIZER_FILE).read_bytes())
    files.write_whole(folder / CARD, card.read_bytes())
    for picture in _pictures(card):
        files.write_whole(folder / picture, (card.parent / picture).read_bytes())
    written = [TOKENIZER_FILE, WEIGHTS_FILE]
    if bases:
        samples = {key: value for base in bases for key, value in _samples(base).items()}
        files.write_whole(folder / base_samples.FILE, save(samples))
        written.append(base_samples.FILE)
    content = {
        **saved,
        "name": saved["name"] if saved["name"] in PRESETS else name,
        "dtype": "torch.float32",
        "weights": digest(data, 64),
        "files": files.checksums(folder, written),
        **({"bases": [asdict(base) for base in bases]} if bases else {}),
    }
    files.write_json(folder / MODEL_FILE, sealed(content))
    content["identity"] = ComposedModel.load(folder).identity()
    files.write_json(folder / MODEL_FILE, sealed(content))
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > LIMIT_BYTES:
        (folder / MODEL_FILE).unlink()
        raise ModelError(
            f"the release would have {size:,} bytes, and at most {LIMIT_BYTES:,} are allowed",
            where=str(folder),
            hint="Train adapters of a lower rank, or fewer tensors.",
        )
    rounding = max((_apart(tensors[key], half) for key, half in halved.items()), default=0.0)
    return {
        "folder": str(folder),
        "bytes": size,
        "identity": content["identity"],
        "rounding": rounding,
    }


def _composed(folder: Path) -> dict[str, Any]:
    try:
        saved = read_saved(folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"this is no saved model: {error}", where=str(folder), hint="Name its folder."
        ) from None
    if saved.get("kind") != ComposedModel.saved_kind:
        raise ModelError(
            f"a model of kind {saved.get('kind')!r} cannot be released",
            where=str(folder),
            hint="Only composed models can; of a native class, share the saved folder itself.",
        )
    return saved


def _named(bases: Any, sources: Mapping[str, str]) -> list[Base]:
    """The parts under their names on the hub, each checked against its hash.

    Raises:
        ConfigError: one has no such name; a name is for no part.
        ModelError: one is not found under its name, or has other weights there.
    """
    found, used = [], set[str]()
    for base in [Base(**raw) for raw in bases]:
        part = base.prefix.rstrip(".")
        keys = (base.prefix, part, part.partition(".")[0])
        key = next((key for key in keys if key in sources), "")
        used.add(key)
        public = sources.get(key, base.source)
        owner, slash, rest = public.partition("/")
        if not (owner and slash and rest) or "/" in rest or Path(public).is_dir():
            raise ConfigError(
                f"the part {part} is named {public!r}, which is no id on the hub",
                hint=f"Give it: --base {part}=OWNER/NAME",
            )
        revision = base.revision if public == base.source else ""
        found.append(replace(base, source=public, revision=revision))
        found[-1].checked()
    if strange := sorted({*sources} - used):
        raise ConfigError(
            f"the model has no pretrained part {strange[0]!r}",
            hint="Its parts: " + (", ".join(base.prefix.rstrip(".") for base in found) or "none"),
        )
    return found


_PICTURE = re.compile(r"!\[[^\]]*\]\(([^()\s/\\]+)\)")


def _pictures(card: Path) -> list[str]:
    """The files beside a card that it shows."""
    return sorted({*_PICTURE.findall(card.read_text("utf-8"))})


def _check_card(card: Path) -> None:
    """Raise ConfigError unless a card is there, its pictures, and what the list of models shows."""
    if not card.is_file():
        raise ConfigError(f"there is no model card {card}", hint="Write one; --card names it.")
    if missing := [name for name in _pictures(card) if not (card.parent / name).is_file()]:
        raise ConfigError(
            f"the model card shows {listed(missing, 5)}, which is not there",
            where=str(card),
            hint="Put it beside the card, where harken card wrote it.",
        )
    head = card_head(card)
    if lacking := [key for key in NEEDED if not isinstance(head.get(key), str) or not head[key]]:
        raise ConfigError(
            f"the head of the model card lacks {' and '.join(lacking)}",
            where=str(card),
            hint="It begins with a line ---, lines such as license: apache-2.0 and summary: …, and "
            "a line --- again.",
        )


def _samples(base: Base) -> dict[str, Tensor]:
    return base_samples.sample(base_tensors(base))


def _half(name: str, tensor: Tensor) -> Tensor:
    """The tensor in float16; what is no float is left as it is."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    if not bool(torch.isfinite(half).all()):
        raise ModelError(f"{name} has values that half precision does not hold")
    return half.contiguous()


def _apart(tensor: Tensor, half: Tensor) -> float:
    """The change by rounding, relative to the tensor's size."""
    if not tensor.is_floating_point() or not tensor.numel():
        return 0.0
    size = float(tensor.float().norm())
    return float((half.float() - tensor.float()).norm()) / size if size else 0.0
