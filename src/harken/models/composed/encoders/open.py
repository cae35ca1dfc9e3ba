"""Audio encoders as users name them: folders, hub ids and registered names, with settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from harken.errors import ConfigError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.concat import ConcatEncoder
from harken.models.composed.encoders.directional import DirectionalEncoder
from harken.models.composed.encoders.registry import ENCODERS, encoder_class
from harken.models.composed.transformers_parts import model_type_of
from harken.models.pretrained import WEIGHTS, find_folder
from harken.models.target import split_settings

_OUTER = {name: kind for name, kind in DirectionalEncoder.options.items() if name != "of"}
"""Settings of a directional encoder besides the encoder inside."""


def split_encoders(spec: str) -> list[str]:
    """The encoders that `spec` names, separated by ``+``; a folder may have one in its name."""
    return [spec] if Path(spec).is_dir() else [part.strip() for part in spec.split("+")]


def is_name(source: str) -> bool:
    """Whether `source` is a registered name, and not a folder or a hub id.

    Raises:
        ConfigError: it is neither a name nor looks like a path; the nearest names are told.
    """
    if Path(source).is_dir() or "/" in source or os.sep in source:
        return False
    if source not in ENCODERS and (Path(os.environ.get(WEIGHTS, "")) / source).is_dir():
        return False
    return bool(ENCODERS.get(source))


def inner_encoder(spec: str) -> str:
    """The encoder inside ``directional?of=FOLDER&…``, with what is not a setting of its own.

    ``""`` for all other encoders.

    Raises:
        ConfigError: it names none.
    """
    name, _, query = spec.partition("?")
    if name != DirectionalEncoder.name or Path(spec).is_dir():
        return ""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    named = [unquote(value) for key, _, value in pairs if key == "of"]
    if len(named) != 1 or not named[0] or len(split_encoders(named[0])) > 1:
        raise ConfigError(
            f"the encoder {name!r} needs one encoder inside",
            hint=f'Name it: "{name}?of=FOLDER"; & and + in its name are written %26 and %2B.',
        )
    if named[0].partition("?")[0] == name:
        raise ConfigError(f"the encoder {name!r} cannot be inside of itself")
    rest = [f"{key}={value}" for key, _, value in pairs if key not in DirectionalEncoder.options]
    return f"{named[0]}?{'&'.join(rest)}" if rest else named[0]


def is_fresh(spec: str) -> bool:
    """Whether any of the encoders that `spec` names is built from its name, without weights."""
    parts = (inner_encoder(part) or part for part in split_encoders(spec))
    return any(is_name(part.partition("?")[0]) for part in parts)


def open_encoder(spec: str, settings: Mapping[str, Any] | None = None) -> AudioEncoder:
    """The encoder that `spec` names.

    Args:
        spec: a folder of pretrained weights, an id on the hub, or a name in `ENCODERS`, with
            settings if there are any (``whisper-base?own_length=true&layers=all``); several are
            separated by ``+`` and become one, their frames side by side.
        settings: more of them, for a single encoder.

    Raises:
        ModelError: a folder without a known model.
        ConfigError: no encoder has this name, it needs a configuration, or has no such setting.
    """
    specs = split_encoders(spec)
    if len(specs) > 1:
        return ConcatEncoder.of([open_encoder(part) for part in specs], settings)
    if inner := inner_encoder(spec):
        name, _, query = spec.partition("?")
        own = "&".join(p for p in query.split("&") if p.partition("=")[0] in _OUTER)
        _, given = split_settings(f"the encoder {name}", f"{name}?{own}", _OUTER)
        return DirectionalEncoder(open_encoder(inner), {**given, **(settings or {})})
    source = spec.partition("?")[0]
    if not is_name(source):
        folder = find_folder(source)
        chosen = encoder_class(model_type_of(folder))
        _, given = split_settings(f"the encoder {chosen.name}", spec, chosen.options)
        return chosen.open(folder, {**given, **(settings or {})})
    chosen = ENCODERS.get(source)
    name, given = split_settings(f"the encoder {chosen.name}", spec, chosen.options)
    given |= settings or {}
    try:
        return chosen.build({"kind": name, **given})
    except KeyError as error:
        raise ConfigError(
            f"the encoder {name!r} cannot be built from its name alone: {error} is missing",
            hint="Give the folder of a pretrained encoder.",
        ) from None
