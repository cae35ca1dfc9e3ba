"""Released models: trained models that harken opens by name, where their folder is there.

A release is a saved model's folder with a model card, at most `LIMIT_BYTES` large
(`harken.recipes.release` writes it). It is looked for as ``$HARKEN_MODELS/NAME`` first, then in the
package. Its pretrained parts are not in it: they are named, and found as those of every saved model
are (`harken.models.bases`). Any saved model below ``$HARKEN_MODELS`` can be used by its name so.

torch is not imported here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import HarkenWarning, ModelError
from harken.hashing import seal_fits
from harken.models.base import MODEL_FILE
from harken.models.pretrained import find_folder
from harken.parsing import load_json, parse_yaml
from harken.registry import Registry

MODELS_FOLDER = "HARKEN_MODELS"
"""Environment variable: a folder with folders of saved models, each under its own name."""

PACKAGED = Path(__file__).resolve().parent.parent / "released"
"""The releases that come with harken."""

LIMIT_BYTES = 20_000_000
"""Largest release."""

CARD = "README.md"
"""The model card of a release: markdown below a YAML head, as on the hub."""


class ShadowedName(HarkenWarning):
    """A folder here has the name of a released model."""


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """A trained model by name.

    Attributes:
        name: of the model, and of its folder.
        about: what it is, in a sentence.
        folder: where it is, for releases that an installed distribution brings; None: below
            ``$HARKEN_MODELS`` or in the package.
    """

    name: str
    about: str
    folder: Path | None = None


_KNOWN = (
    ReleasedModel(
        "harken-small",
        "whisper-base and SmolLM2-135M-Instruct, joined by a trained projector, with LoRA adapters",
    ),
    ReleasedModel(
        "harken-tiny-trained",
        "the model of the preset harken-tiny, trained on the generated corpus",
    ),
)

RELEASES: Registry[ReleasedModel] = Registry(
    "released model",
    {one.name: one for one in _KNOWN},
    group="released",
    shape="harken.models.released:ReleasedModel",
)


def own_folder() -> Path | None:
    """The folder that ``$HARKEN_MODELS`` names; None where it names none."""
    named = os.environ.get(MODELS_FOLDER)
    return Path(named) if named else None


def places(name: str) -> list[Path]:
    """Where the release `name` is looked for, in this order."""
    own, found = own_folder(), [PACKAGED / name]
    if own is not None:
        found.insert(0, own / name)
    brought = RELEASES.get(name).folder if name in RELEASES else None
    return found if brought is None else [*found, brought]


def is_release(name: str) -> bool:
    """Whether `name` is that of a release: one that harken knows, or one whose folder is there."""
    if not name or "/" in name or "\\" in name or ":" in name or name in (".", ".."):
        return False
    return name in RELEASES or any((place / MODEL_FILE).is_file() for place in places(name))


def find_release(name: str) -> Path:
    """The folder of a release.

    Raises:
        ModelError: it is in none of its places; the message says where was looked.
    """
    looked = places(name)
    for place in looked:
        if (place / MODEL_FILE).is_file():
            return place
    raise ModelError(
        f"{name} is not in this installation; looked for {MODEL_FILE} in "
        + ", ".join(map(str, looked)),
        hint=f"Put its folder ({name}) into a folder and set {MODELS_FOLDER} to that, or install a "
        "version of harken that has it. What is there: harken models",
    )


def released_name(spec: str) -> str:
    """The release that `spec` names, with or without settings behind it; empty if none.

    A saved model's folder of that name in the current folder comes first.
    """
    name = spec.partition("?")[0]
    if (Path(name) / MODEL_FILE).is_file() or not is_release(name):
        return ""
    return name


def located(spec: str) -> str:
    """`spec`, with the folder in place of the name of a release.

    Raises:
        ModelError: the release is not in this installation.
    """
    name = released_name(spec)
    if not name:
        return spec
    if Path(name).is_dir():
        warnings.warn(
            f"the released model {name} is used; the folder {name} here holds no saved model",
            ShadowedName,
            stacklevel=2,
        )
    return str(find_release(name)) + spec[len(name) :]


def release_names() -> Iterator[str]:
    """The names of all releases: those that harken knows, then those that are only folders."""
    known = dict.fromkeys(RELEASES)
    for root in (own_folder(), PACKAGED):
        if root is not None and root.is_dir():
            known |= {
                path.name: None for path in sorted(root.iterdir()) if (path / MODEL_FILE).is_file()
            }
    yield from known


def describe(name: str) -> dict[str, Any]:
    """What is known of a release, as JSON values.

    Returns:
        ``name``, ``about``, ``folder`` (empty: it is not in this installation), ``bytes``,
        ``licence`` (of its card; empty if that names none), ``card`` (its path, empty without
        one), ``parts`` (module group -> what it is), ``bases`` (each with ``source``, ``folder``
        and, where it was not found, ``missing``), ``fault`` (why it cannot be opened, else empty).
    """
    about = RELEASES.about(name) if name in RELEASES else ""
    found: dict[str, Any] = {"name": name, "about": about, "folder": "", "bytes": 0, "licence": "",
                             "card": "", "parts": {}, "bases": [], "fault": ""}  # fmt: skip
    try:
        folder = find_release(name)
    except ModelError:
        return found
    found["folder"] = str(folder)
    found["bytes"] = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    head = card_head(folder / CARD)
    found["about"] = about or str(head.get("summary") or "")
    found["licence"] = str(head.get("license") or "")
    found["card"] = str(folder / CARD) if (folder / CARD).is_file() else ""
    try:
        saved = load_json(folder / MODEL_FILE)
        if not isinstance(saved, dict) or not seal_fits(saved):
            raise ValueError("the content is not what was written")
        found["parts"] = _parts(saved)
        found["bases"] = [_base(base) for base in saved.get("bases") or ()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found["fault"] = f"{MODEL_FILE} cannot be read: {error}"
    return found


def card_head(card: Path) -> dict[str, Any]:
    """The YAML head of a model card; empty where there is none, or none that is YAML."""
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    if not text.startswith("---\n"):
        return {}
    head, end, _ = text[4:].partition("\n---")
    try:
        values = parse_yaml(head) if end else {}
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _parts(saved: dict[str, Any]) -> dict[str, str]:
    """Module group -> what the model has there, from its configuration."""
    if saved.get("kind") != "composed":
        return {"model": f"{saved.get('kind', '')} {saved.get('model_type', '')}".strip()}
    encoder, projector, lm = saved["encoder"], saved["projector"], saved["lm"]
    own = encoder.get("config") or {}
    found = {
        "audio_encoder": str(own.get("model_type") or encoder.get("kind") or "several"),
        "projector": str(projector.get("kind", "mlp")),
        "lm": str((lm.get("config") or {}).get("model_type") or lm.get("kind", "")),
    }
    for group, lora in (saved.get("lora") or {}).items():
        found[group] += f" + LoRA of rank {lora.get('rank', '?')}"
    return found


def _base(saved: dict[str, Any]) -> dict[str, Any]:
    """Where a named pretrained part is on this computer; the network is not asked."""
    source, revision = str(saved["source"]), str(saved.get("revision") or "")
    told: dict[str, Any] = {"source": source, "prefix": str(saved["prefix"])}
    try:
        folder = find_folder(source, revision=revision, local_files_only=True)
    except ModelError as error:
        return {**told, "folder": "", "missing": error.found}
    return {**told, "folder": str(folder), "missing": ""}
