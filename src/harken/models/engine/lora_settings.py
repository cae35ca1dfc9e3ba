r"""What LoRA is asked for: rank, scale, dropout and layers, for each module group.

Written as ``GROUP:settings``; a number alone is the rank, and ``;`` separates groups::

    lm:16
    lm:r=16,alpha=32,dropout=0.05,targets=q_proj|v_proj
    audio_encoder:r=8,targets=layers\.[0-5]\..*\.fc[12];projector:8,rslora
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harken.errors import ConfigError
from harken.models.engine.net import GROUPS

EXAMPLE = "For example: lm:r=16,alpha=32,targets=q_proj|v_proj"

_NAMES = {"r": "rank", "rank": "rank", "alpha": "alpha", "dropout": "dropout",
          "targets": "targets", "dora": "dora", "rslora": "rslora"}  # fmt: skip
_BREAK = re.compile(rf",(?=(?:{'|'.join(_NAMES)})(?:[=,]|$))")
"""A comma before the next setting; other commas belong to a regular expression."""
_FLAGS = {"": True, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """The adapters of one module group.

    Attributes:
        rank: of the two factors.
        alpha: the scale is alpha / rank; None: twice the rank.
        dropout: share of a layer's inputs that its adapter does not get, in training.
        targets: regular expressions, each for the whole name of a layer or for the end of it after
            a dot; without any, the usual layers of the group (`harken.models.engine.lora`).
        dora: the length of each row of the weights is learned apart from its direction (Liu et al.
            2024, arXiv 2402.09353).
        rslora: the scale is alpha / sqrt(rank) (Kalajdzievski 2023, arXiv 2312.03732).
    """

    rank: int = 8
    alpha: float | None = None
    dropout: float = 0.0
    targets: tuple[str, ...] = ()
    dora: bool = False
    rslora: bool = False

    def __post_init__(self) -> None:
        """Raise ConfigError for values that make no sense, all of them at once."""
        found = [
            *([] if _number(self.rank, 1, whole=True) else [f"the rank is {self.rank!r}"]),
            *([] if _number(self.scale_alpha, 0) and self.scale_alpha else
              [f"alpha is {self.alpha!r}"]),
            *([] if _number(self.dropout, 0, 0.99) else [f"dropout is {self.dropout!r}"]),
            *[f"the target {one!r} is no regular expression" for one in self.targets
              if not _compiles(one)],
        ]  # fmt: skip
        if found:
            raise ConfigError(
                f"LoRA: {'; '.join(found)}",
                hint="Accepted: a rank from 1, an alpha above 0, a dropout of at most 0.99.",
            )

    @property
    def scale_alpha(self) -> float:
        """`alpha`, or twice the rank."""
        return 2 * self.rank if self.alpha is None else self.alpha

    def values(self) -> dict[str, Any]:
        """All settings as JSON values."""
        return {
            "rank": self.rank,
            "alpha": self.scale_alpha,
            "dropout": self.dropout,
            "targets": list(self.targets),
            "dora": self.dora,
            "rslora": self.rslora,
        }

    @staticmethod
    def of(values: Mapping[str, Any]) -> LoraSettings:
        """The settings of `values`, or of a part of these.

        Raises:
            ConfigError: an unknown name, or a value that makes no sense.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"the settings of LoRA are {values!r}", hint=EXAMPLE)
        named: dict[str, Any] = {}
        for name, value in values.items():
            if name not in _NAMES:
                near = difflib.get_close_matches(str(name), _NAMES, n=2)
                raise ConfigError(
                    f"LoRA has no setting {name!r}",
                    hint=f"Did you mean {' or '.join(near)}?" if near else
                    "Known: rank (or r), alpha, dropout, targets, dora, rslora",
                )  # fmt: skip
            named[_NAMES[name]] = value
        targets = named.get("targets", ())
        named["targets"] = tuple(_alternatives(targets) if isinstance(targets, str) else targets)
        return LoraSettings(**named)


def parse_lora(texts: Iterable[str]) -> dict[str, LoraSettings]:
    """Module group -> settings, as written at the top of this file; an empty text is none.

    Raises:
        ConfigError: no such group, a group twice, an unknown setting, a value that makes no sense.
    """
    found: dict[str, LoraSettings] = {}
    for text in (part.strip() for whole in texts for part in whole.split(";")):
        if not text or text == "0":
            continue
        group, colon, rest = text.partition(":")
        if not colon and text.isdecimal():
            group, rest = "lm", text
        _require_group(group.strip(), text, found)
        found[group.strip()] = _parsed(rest.strip(), text)
    return found


def lora_from(values: Any) -> str:
    """Settings read from YAML as one text for `parse_lora`.

    Args:
        values: a text, a number (the rank of ``lm``), a list of texts, or a mapping from group to a
            number, a text or a mapping of settings.

    Raises:
        ConfigError: values of another kind; otherwise as `parse_lora`.
    """
    if isinstance(values, list) and all(isinstance(one, str) for one in values):
        text = ";".join(values)
    elif isinstance(values, Mapping):
        text = ";".join(f"{group}:{_written(own)}" for group, own in values.items())
    elif isinstance(values, (str, int)) and not isinstance(values, bool):
        text = str(values)
    else:
        raise ConfigError(f"lora is {values!r}", hint=EXAMPLE)
    parse_lora([text])
    return text


def _written(own: Any) -> str:
    if not isinstance(own, Mapping):
        return str(own)
    parts = [
        f"{name}={'|'.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in own.items()
    ]
    return ",".join(parts)


def _require_group(group: str, text: str, known: Mapping[str, Any]) -> None:
    if group in known:
        raise ConfigError(
            f"LoRA of {group} is given twice", hint="Write all settings of a group together."
        )
    if group not in GROUPS:
        near = difflib.get_close_matches(group, GROUPS, n=1, cutoff=0.4)
        raise ConfigError(
            f"{text!r} names no module group ({', '.join(GROUPS)})",
            hint=f"Did you mean {near[0]}:…? {EXAMPLE}" if near else EXAMPLE,
        )


def _parsed(rest: str, text: str) -> LoraSettings:
    values: dict[str, Any] = {}
    for part in filter(None, _BREAK.split(rest)):
        name, equals, value = part.partition("=")
        if not equals and part.isdecimal():
            name, value = "rank", part
        if _NAMES.get(name, name) in values:
            raise ConfigError(f"{name} is given twice in {text!r}", hint=EXAMPLE)
        values[_NAMES.get(name, name)] = _typed(name, value, text)
    return LoraSettings.of(values)


def _typed(name: str, value: str, text: str) -> Any:
    """The value of a setting; that of an unknown one stays text, and its name is told later."""
    kinds: dict[str, Any] = {"rank": int, "alpha": float, "dropout": float}
    kind = _NAMES.get(name, "")
    try:
        if kind in ("dora", "rslora"):
            return _FLAGS[value.lower()]
        return kinds[kind](value) if kind in kinds else value
    except (KeyError, ValueError):
        raise ConfigError(f"{name} is {value!r} in {text!r}", hint=EXAMPLE) from None


def _alternatives(pattern: str) -> list[str]:
    """The parts of ``a|b(c|d)`` between the bars outside of brackets: ``a`` and ``b(c|d)``."""
    found, depth, escaped = [""], 0, False
    for letter in pattern:
        if letter == "|" and not depth and not escaped:
            found.append("")
            continue
        depth += 0 if escaped else (letter in "([") - (letter in ")]")
        escaped = letter == "\\" and not escaped
        found[-1] += letter
    return [part for part in found if part]


def _number(value: Any, least: float, most: float = math.inf, *, whole: bool = False) -> bool:
    kinds = int if whole else (int, float)
    return (
        isinstance(value, kinds)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= most
    )


def _compiles(pattern: Any) -> bool:
    try:
        return bool(re.compile(pattern))
    except (re.error, TypeError):
        return False
