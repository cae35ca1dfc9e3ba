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
from harken.models.codec_lm.presets import CODEC_LMS, published_net
from harken.models.composed.systems.base import System, SystemPart
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.contrastive.presets import CONTRASTIVE
from harken.models.engine.net import GROUPS
from harken.models.pretrained import find_folder
from harken.recipes.compose import PromptFormat, compose_model
from harken.recipes.system_rows import (
    codec_lm_row,
    contrastive_row,
    system_row,
    trained_by,
)

SIZES = ("tiny", "published")


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
    system = require_composed(name)
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

    The parameters of the published size are counted on torch's meta device. Of models that are not
    composed, only this size is told: their small one is made by the command that trains them.

    Raises:
        ConfigError: no such system or size.
    """
    if size not in SIZES:
        raise ConfigError(f"size is {size!r} (accepted: {', '.join(SIZES)})")
    if trained_by(name) and name not in SYSTEMS:
        return _not_composed(name)
    system = SYSTEMS.get(name)
    found = {**system_row(system), "size": size}
    if size == "tiny":
        from harken.models.composed.systems.tiny import tiny_model

        net = tiny_model(system).net
        counts = {g: sum(p.numel() for p in getattr(net, g).parameters()) for g in GROUPS}
        return {**found, "parameters": {**counts, "all": sum(counts.values())}}
    from harken.models.composed.systems.published import published_counts

    places = {part.source: _place(part) for part in system.parts}
    return {**found, "parameters": published_counts(system), "places": places}


def _not_composed(name: str) -> dict[str, Any]:
    """`would_load` of a codec language model or a contrastive model."""
    if name in CODEC_LMS:
        net = published_net(CODEC_LMS[name])
        counts: dict[str, int] = {}
        if net is not None:
            lm, whole = (sum(p.numel() for p in one.parameters()) for one in (net.lm, net))
            counts = {"lm": lm, "codes": whole - lm, "all": whole}
        row = codec_lm_row(CODEC_LMS[name])
        return {**row, "size": "published", "parameters": counts, "places": {}}
    from harken.models.contrastive.presets import published_counts

    preset = CONTRASTIVE[name]
    places = {part.source: _place(part) for part in (preset.audio, preset.text)}
    row = contrastive_row(preset)
    return {**row, "size": "published", "parameters": published_counts(preset), "places": places}


def require_composed(name: str) -> System:
    """The system called `name`; raises ConfigError, which for one not composed says what to do."""
    if (command := trained_by(name)) and name not in SYSTEMS:
        kind = "a codec language model" if name in CODEC_LMS else "a contrastive model"
        raise ConfigError(
            f"{name} is {kind}, not composed of an encoder, a projector and a language model",
            hint=f"Train a small one: {command}",
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
