"""Settings after a model's name, as a URL query: ``FOLDER?device=cuda&dtype=bfloat16``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from harken.errors import ConfigError

S = TypeVar("S")

_BOOL = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_target(
    kind: str,
    target: str,
    settings: type[S],
    options: Mapping[str, Any],
    start: S | None = None,
) -> tuple[str, S]:
    """Name and settings of a target.

    Args:
        kind: of model, for messages.
        target: ``NAME?setting=value&setting=value``.
        settings: a dataclass in which every setting has a default.
        options: typed values; they override those of `target`.
        start: values of what neither names, if not the defaults.

    Raises:
        ConfigError: no name, an unknown setting, or a value of the wrong type.
    """
    kinds = {entry.name: type(entry.default) for entry in fields(settings)}  # type: ignore[arg-type]
    _known(kind, options, kinds)
    name, typed = split_settings(kind, target, kinds)
    given = {**typed, **options}
    return name, settings(**given) if start is None else replace(start, **given)  # type: ignore[type-var]


def read_wrapper(
    kind: str, target: str, settings: type[S], options: Mapping[str, Any]
) -> tuple[str, S]:
    """A model within another, with its own settings, and the settings of the outer one.

    Of ``MODEL?a=1&b=2`` those that `settings` has are the outer one's, and the others MODEL's.

    Raises:
        ConfigError: no name, or a value of the wrong type.
    """
    name, _, query = target.partition("?")
    known = {entry.name for entry in fields(settings)}  # type: ignore[arg-type]
    own: list[str] = []
    others: list[str] = []
    for pair in filter(None, query.split("&")):
        (own if pair.partition("=")[0] in known else others).append(pair)
    outer = f"{name}?{'&'.join(own)}" if own else name
    inner, read = read_target(kind, outer, settings, options)
    return (f"{inner}?{'&'.join(others)}" if others else inner), read


def split_settings(kind: str, target: str, kinds: Mapping[str, type]) -> tuple[str, dict[str, Any]]:
    """Name and settings of ``NAME?setting=value&setting=value``.

    Args:
        kind: of thing that is named, for messages.
        target: as above.
        kinds: the settings it has, and the type of each.

    Raises:
        ConfigError: no name, an unknown setting, or a value of the wrong type.
    """
    name, _, query = target.partition("?")
    if not name:
        raise ConfigError(f"{kind} names no model", hint=f"Write {kind}:FOLDER")
    try:
        written = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise ConfigError(
            f"{query!r} is not a setting",
            where=f"{kind}:{name}",
            hint="Write ?name=value&name=value",
        ) from None
    _known(kind, written, kinds)
    return name, {key: _typed(kind, key, kinds[key], text) for key, text in written.items()}


def with_settings(spec: str, **settings: str) -> str:
    """`spec` with settings appended; empty ones are left out."""
    written = urlencode({name: value for name, value in settings.items() if value})
    return spec + ("&" if "?" in spec else "?") + written if written else spec


def _known(kind: str, names: Iterable[str], kinds: Mapping[str, type]) -> None:
    for setting in names:
        if setting not in kinds:
            near = difflib.get_close_matches(setting, kinds, n=2, cutoff=0.6)
            known = f"Did you mean {' or '.join(near)}?" if near else "Known: " + ", ".join(kinds)
            raise ConfigError(f"{kind} has no setting {setting!r}", hint=known)


def _typed(kind: str, name: str, wanted: type, text: str) -> Any:
    try:
        return _BOOL[text.lower()] if wanted is bool else wanted(text)
    except (KeyError, ValueError):
        raise ConfigError(
            f"{name}={text!r} is not a valid {wanted.__name__}", where=f"{kind}:"
        ) from None
