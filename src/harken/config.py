"""Settings: a YAML file plus ``key=value`` overrides, validated strictly by a pydantic model.

Read by recipes and the command line only; everything below takes plain values. An unknown key is an
error that suggests the closest known keys, and all faults are reported at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harken.errors import ConfigError
from harken.parsing import parse_yaml, read_text

M = TypeVar("M")


def load_config(model: type[M], path: Path | None = None, overrides: Sequence[str] = ()) -> M:
    """Build `model` (a pydantic model) from a YAML file and overrides such as ``train.steps=40``.

    Raises:
        ConfigError: unreadable YAML, an unknown key, or values that do not fit; all of them listed.
    """
    return build(model, read_values(path, overrides), where=str(path or "the command line"))


def read_values(path: Path | None = None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The values of a YAML file and of overrides such as ``train.steps=40``, unchecked.

    Raises:
        ConfigError: unreadable YAML, or an override that is not ``key=value``.
    """
    values: dict[str, Any] = _read_yaml(path) if path is not None else {}
    for override in overrides:
        _override(values, override)
    return values


def build(
    model: type[M],
    values: dict[str, Any],
    *,
    where: str,
    refused: Mapping[str, str] | None = None,
) -> M:
    """Validate `values` against a pydantic model, turning its errors into one ConfigError.

    Args:
        model: of the values.
        values: by key, nested.
        where: they were read.
        refused: ``part.key`` of unknown settings -> why there is none.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(values)  # type: ignore[attr-defined, no-any-return]
    except ValidationError as error:
        faults = [_explain(model, fault, refused or {}) for fault in error.errors()]
        raise ConfigError(
            "; ".join(faults), where=where, hint=f"{len(faults)} setting(s) to fix"
        ) from None


def settings_of(
    parts: dict[str, Any],
    path: Path | None = None,
    overrides: Sequence[str] = (),
    apart: Sequence[str] = (),
) -> dict[str, Any]:
    """Dataclasses by name, some of their values changed by a YAML file and ``part.key=value``.

    Args:
        parts: the dataclasses, with the values that are not changed.
        path: of the YAML file.
        overrides: ``part.key=value``.
        apart: keys of the file that are read elsewhere (`read_values`).

    Raises:
        ConfigError: as `load_config`; an unknown part or key is named with the closest known ones.
    """
    from dataclasses import asdict, fields, is_dataclass
    from typing import get_type_hints

    from pydantic import ConfigDict, create_model

    shapes: dict[str, Any] = {}
    for name, part in parts.items():
        assert is_dataclass(part)
        hints = get_type_hints(type(part))
        own = {f.name: (_kind(hints[f.name], getattr(part, f.name)), getattr(part, f.name))
               for f in fields(part)}  # fmt: skip
        inner = create_model(name, __config__=ConfigDict(extra="forbid"), **own)  # type: ignore[call-overload]
        shapes[name] = (inner, inner())
    whole = create_model("settings", __config__=ConfigDict(extra="forbid"), **shapes)
    values = {k: v for k, v in read_values(path, overrides).items() if k not in apart}
    refused = {f"{name}.{key}": why for name, part in parts.items()
               for key, why in getattr(part, "refused", {}).items()}  # fmt: skip
    place = str(path or "the command line")
    found: Any = build(whole, values, where=place, refused=refused)
    made: dict[str, Any] = {}
    faults: list[tuple[str, ConfigError]] = []
    for name, part in parts.items():
        try:
            made[name] = type(part)(**{**asdict(part), **getattr(found, name).model_dump()})
        except ConfigError as error:
            faults.append((name, error))
    if len(faults) == 1:
        name, one = faults[0]
        raise ConfigError(one.found, where=f"the settings of {name}", hint=one.hint) from None
    if faults:
        text = "; ".join(f"{name}: {error.found}" for name, error in faults)
        raise ConfigError(text, where="the settings")
    return made


def _kind(hint: Any, value: Any) -> Any:
    """The type of a setting: that of its value; where None is allowed, that or None."""
    from types import NoneType
    from typing import get_args

    others = [kind for kind in get_args(hint) if kind is not NoneType]
    if len(others) == 1 and NoneType in get_args(hint):
        return _number(others[0]) | None
    return _number(type(value))


def _number(kind: type) -> Any:
    """The type of a setting: numbers take no ``true`` for 1, texts no word read as a bool."""
    from typing import Annotated

    from pydantic import BeforeValidator

    if kind is str:
        return Annotated[str, BeforeValidator(_word)]
    if kind not in (int, float):
        return kind
    return Annotated[kind, BeforeValidator(_not_bool)]


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(
            "a text is expected; YAML reads off, on, yes and no as truth values: quote it"
        )
    return value


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    return value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = parse_yaml(read_text(path, ConfigError))
    except ValueError as error:
        raise ConfigError(f"not valid YAML: {error}", where=str(path)) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("settings must be `key: value` lines", where=str(path))
    return values


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override!r} is not key=value", hint="For example: steps=40")
    *path, last = key.split(".")
    for name in path:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{name!r} in {key!r} holds a value, not settings")
    try:
        value = parse_yaml(text)
    except ValueError:
        raise ConfigError(
            f"the value in {override!r} is not valid YAML", hint="Quote it: key='\"text\"'"
        ) from None
    # YAML 1.1 reads off, on, yes and no as truth values; as words they are either.
    word = isinstance(value, bool) and text.strip().lower() not in ("true", "false")
    values[last] = text.strip() if word else value


def _explain(model: Any, fault: Any, refused: Mapping[str, str]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        if place in refused:
            return f"{place} is not possible: {refused[place]}"
        for part in fault["loc"][:-1]:
            model = model.model_fields[part].annotation
        near = difflib.get_close_matches(str(fault["loc"][-1]), model.model_fields, n=2)
        return f"unknown setting {place!r}" + (
            f" (did you mean {' or '.join(near)}?)" if near else ""
        )
    return f"{place}: {fault['msg'].lower()} (found {fault['input']!r})"
