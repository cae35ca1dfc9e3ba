"""Rows of the table of published models: composed ones, codec language models, contrastive ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harken.models.codec_lm.presets import CODEC_LMS, CodecLMPreset
from harken.models.composed.systems.base import System, SystemPart
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.contrastive.presets import CONTRASTIVE, ContrastivePreset


def listed_systems() -> list[dict[str, Any]]:
    """A row of JSON values for every published model, without building one.

    Every row has ``name``, ``about``, ``kind`` (``composed``, ``codec-lm``, ``contrastive``),
    ``family``, ``encoders`` (what makes vectors or codes of sound), ``lm`` (what reads or is
    compared with them), ``projector`` (how they get there), ``lora``, ``trained``, ``tokens_s``
    (None: one vector a clip), ``built`` (None: its parts are not public), ``stated``, ``weights``,
    ``licence``, ``parts``, ``paper``, ``trains`` (the command that trains it) and ``departures``.
    """
    composed = [system_row(system) for system in SYSTEMS.members()]
    codec_lms = [codec_lm_row(one) for one in CODEC_LMS.values()]
    return [*composed, *codec_lms, *(contrastive_row(one) for one in CONTRASTIVE.values())]


def system_row(system: System) -> dict[str, Any]:
    """What is known of a composed system."""
    return {
        "name": system.name,
        "about": system.about,
        "kind": "composed",
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
        "parts": [_part(part) for part in system.parts],
        "paper": system.paper,
        "trains": f"harken compose --preset {system.name} -o MODEL, then "
        "harken train align ITEMS --model MODEL",
        "departures": list(system.departures),
    }


def codec_lm_row(preset: CodecLMPreset) -> dict[str, Any]:
    """What is known of a codec language model; its codes stand where others have a projector."""
    stated = {"what": "lm", "count": preset.stated, "source": preset.stated_by}
    return {
        "name": preset.name,
        "about": preset.about,
        "kind": "codec-lm",
        "family": "codec LM",
        "encoders": [preset.codec],
        "lm": preset.lm,
        "projector": f"{preset.pattern}?codebooks={preset.codebooks}&size={preset.size}",
        "lora": "",
        "trained": ["lm", "codes"],
        "tokens_s": preset.positions_s,
        "built": preset.built or None,
        "stated": [stated] if preset.stated else [],
        "weights": preset.weights,
        "licence": preset.licence,
        "parts": [],
        "paper": preset.paper,
        "trains": trained_by(preset.name),
        "departures": list(preset.departures),
    }


def contrastive_row(preset: ContrastivePreset) -> dict[str, Any]:
    """What is known of a contrastive model; a clip is one vector."""
    return {
        "name": preset.name,
        "about": preset.about,
        "kind": "contrastive",
        "family": "contrastive",
        "encoders": [preset.audio.source],
        "lm": preset.text.source,
        "projector": f"heads?dim={preset.dim}",
        "lora": "",
        "trained": ["heads"],
        "tokens_s": None,
        "built": preset.built,
        "stated": [
            {"what": one.what, "count": one.count, "source": one.source} for one in preset.sizes
        ],
        "weights": preset.weights,
        "licence": preset.licence,
        "parts": [_part(preset.audio), _part(preset.text)],
        "paper": preset.paper,
        "trains": trained_by(preset.name),
        "departures": list(preset.departures),
    }


def trained_by(name: str) -> str:
    """The command that trains the published model `name`, which is not composed; else empty."""
    if name in CODEC_LMS:
        return f"harken train-codec-lm CODEC RECORDINGS --preset {name} -o FOLDER"
    if name in CONTRASTIVE:
        return f"harken train-clap RECORDINGS --preset {name} -o FOLDER"
    return ""


def _part(part: SystemPart) -> Mapping[str, Any]:
    return {
        "source": part.source,
        "kind": part.kind,
        "licence": part.licence,
        "opens": not part.refused,
        "why_not": part.refused,
    }
