"""systems: published audio-language models by name, listed, built tiny, or of their own parts.

Run:  harken compose --list
      harken compose --preset salmonn --size tiny -o model
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, ModelError, RunError
from harken.models.base import MODEL_FILE
from harken.models.codec_lm.presets import CODEC_LMS
from harken.models.composed.systems.base import System, SystemPart
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.engine.net import GROUPS
from harken.models.pretrained import find_folder
from harken.recipes.compose import PromptFormat, compose_model

SIZES = ("tiny", "published")


def listed_systems() -> list[dict[str, Any]]:
    """A row of JSON values for every system, without building one."""
    return [row_of(system) for system in SYSTEMS.members()]


def row_of(system: System) -> dict[str, Any]:
    """What is known of a system, as JSON values."""
    return {
        "name": system.name,
        "about": system.about,
        "family": system.family,
        "encoders": [part.source for part in system.encoders],
        "lm": system.lm.source,
        "projector": system.projector,
        "lora": system.lora,
        "trained": list(system.trained),
        "tokens_s": system.tokens_s,
        "built": system.built,
        "stated": [
            {"what": one.what, "count": one.count, "source": one.source} for one in system.sizes
        ],
        "weights": system.weights,
        "licence": system.licence,
        "parts": [
            {
                "source": part.source,
                "licence": part.licence,
                "opens": not part.refused,
                "why_not": part.refused,
            }
            for part in system.parts
        ],
        "paper": system.paper,
        "departures": list(system.departures),
    }


def compose_system(
    name: str,
    out: Path,
    *,
    size: str = "tiny",
    encoder: str = "",
    lm: str = "",
    prompts: PromptFormat | None = None,
    copy_bases: bool = False,
    model_name: str = "",
    seed: int = 0,
) -> dict[str, Any]:
    """Build a system and save it in `out`; returns its parameter counts by group.

    Args:
        name: of a system.
        out: folder of the new model.
        size: ``tiny`` (random small parts) or ``published`` (its parts, from the hub or below
            ``$HARKEN_WEIGHTS``).
        encoder: in the published size, used instead of its encoders; `lm` likewise.
        lm: see `encoder`.
        prompts: of the published size; how they are written.
        copy_bases: see `harken.models.composed.model.compose_pretrained`.
        model_name: the folder's name if empty.
        seed: of fresh weights.

    Raises:
        ConfigError: no such system or size, or parts for the tiny size.
        ModelError: a published part cannot be opened.
        RunError: the folder has a model already.
    """
    system = _system(name)
    if size not in SIZES:
        raise ConfigError(f"size is {size!r} (accepted: {', '.join(SIZES)})")
    if size == "published":
        _require_parts(system, [*system.encoders] * (not encoder) + [system.lm] * (not lm))
        return compose_model(
            encoder or system.encoder_spec,
            lm or system.lm.source,
            out,
            projector=system.projector,
            lora=[system.lora] if system.lora else [],
            prompts=prompts or PromptFormat(),
            copy_bases=copy_bases,
            name=model_name,
            seed=seed,
        )
    if encoder or lm:
        raise ConfigError(
            "the tiny size is made of random parts, and a part was given",
            hint="Use --size published to put parts of your own into the wiring of a system.",
        )
    if (out / MODEL_FILE).exists():
        raise RunError(
            "the folder has a model already", where=str(out), hint="Choose another --out."
        )
    from harken.models.composed.systems.tiny import tiny_model

    model = tiny_model(system, seed=seed)
    if model_name:
        model.name = model.config["name"] = model_name
    model.save(out)
    counts = {
        group: sum(p.numel() for p in getattr(model.net, group).parameters()) for group in GROUPS
    }
    return {"model": str(out), "identity": model.identity(), "parameters": counts}


def would_load(name: str, size: str) -> dict[str, Any]:
    """What `compose_system` would build, without loading anything: row, parts, parameters.

    The parameters of the published size are counted on torch's meta device.

    Raises:
        ConfigError: no such system or size.
    """
    system = _system(name)
    if size not in SIZES:
        raise ConfigError(f"size is {size!r} (accepted: {', '.join(SIZES)})")
    found = {**row_of(system), "size": size}
    if size == "tiny":
        from harken.models.composed.systems.tiny import tiny_model

        net = tiny_model(system).net
        counts = {g: sum(p.numel() for p in getattr(net, g).parameters()) for g in GROUPS}
        return {**found, "parameters": {**counts, "all": sum(counts.values())}}
    from harken.models.composed.systems.published import published_counts

    places = {part.source: _place(part) for part in system.parts}
    return {**found, "parameters": published_counts(system), "places": places}


def _system(name: str) -> System:
    """The system called `name`; raises ConfigError, which for a codec language model says where."""
    if name in CODEC_LMS and name not in SYSTEMS:
        raise ConfigError(
            f"{name} is a codec language model, not composed of an encoder and a projector",
            hint=f"Train a small one: harken train-codec-lm CODEC RECORDINGS --preset {name}",
        )
    return SYSTEMS.get(name)


def _place(part: SystemPart) -> str:
    """The folder of a published part on this computer; empty: it is not here."""
    try:
        return str(find_folder(part.source, local_files_only=True))
    except ModelError:
        return ""


def _require_parts(system: System, parts: Sequence[SystemPart]) -> None:
    """Raise ModelError for published parts that cannot be opened, and are not here converted."""
    lacking = [
        f"{part.source} ({part.refused})" for part in parts if part.refused and not _place(part)
    ]
    if lacking:
        raise ModelError(
            f"published parts of {system.name} cannot be opened: {'; '.join(lacking)}",
            hint="Give others with --encoder or --lm, build --size tiny, or put a folder that can "
            "be opened below HARKEN_WEIGHTS, under the last part of the name.",
        )
