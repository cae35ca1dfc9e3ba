"""Conditions by name, and items put under them.

==================  ================================================================
``audio``           the item as it is
``none``            no audio part at all: the prompt has no trace of clips
``silence``         every clip replaced by zeros of the same length
``silence-30``      every clip replaced by 30 s of zeros (AudioMCQ, arXiv 2509.21060)
``swap``            another item's clips, as many of them, by a seeded derangement
``clip-2``          all but clip 2 silenced (any number from 1)
``clips-1+3``       all but clips 1 and 3 silenced (what Shapley shares are made of)
``fragment-2of4``   of every clip only its second quarter (arXiv 2604.24401)
``transcript``      in place of every clip, what a named recogniser understood of it
``caption``         in place of every clip, what a named captioner wrote of it
==================  ================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harken.ask.conditions.base import Condition
from harken.errors import ConfigError
from harken.item import Item
from harken.registry import Registry, nearest

_HERE = "harken.ask.conditions"

CONDITIONS: Registry[Condition] = Registry(
    "condition",
    {
        "audio": f"{_HERE}.audio:CONDITION",
        "none": f"{_HERE}.none:CONDITION",
        "silence": f"{_HERE}.silence:CONDITION",
        "silence-30": f"{_HERE}.silence_30:CONDITION",
        "swap": f"{_HERE}.swap:CONDITION",
        "clip-K": f"{_HERE}.clip:CONDITION",
        "fragment-KofN": f"{_HERE}.fragment:CONDITION",
        "transcript": f"{_HERE}.transcript:CONDITION",
        "caption": f"{_HERE}.caption:CONDITION",
    },
    shape="harken.ask.conditions.base:Condition",
)

Pair = tuple[Item, Item | None]
"""(original, the item under the condition, or None where it cannot be put under it)."""


def find(name: str) -> tuple[Condition, tuple[str, ...]] | None:
    """The condition that `name` is a name of, and the parameters in it; None if there is none."""
    if name in CONDITIONS:
        condition = CONDITIONS.get(name)
        return None if condition.pattern else (condition, ())
    for condition in CONDITIONS.members():
        match = re.fullmatch(condition.pattern, name) if condition.pattern else None
        if match:
            return condition, match.groups("")
    return None


def condition_of(name: str) -> tuple[Condition, tuple[str, ...]]:
    """The condition that `name` is a name of, and the parameters in it.

    Raises:
        ConfigError: there is none; the nearest names are told.
    """
    found = find(name)
    if found is None:
        hint = nearest(name, CONDITIONS)
        if "," in name:
            hint = "Name each by itself: --condition " + " --condition ".join(name.split(","))
        raise ConfigError(f"no condition is called {name!r}", hint=hint)
    return found


def named(names: Sequence[str]) -> list[str]:
    """Condition names as asked for, in full: ``fragment-4`` becomes its four parts; none twice.

    Raises:
        ConfigError: a name that is no condition.
    """
    found: list[str] = []
    for name in names:
        condition, parameters = condition_of(name)
        found += condition.expand(*parameters) if condition.expand else [name]
    return list(dict.fromkeys(found))


def conditioned(
    items: Sequence[Item], name: str, seed: int = 0, reasons: dict[str, str] | None = None
) -> list[Pair]:
    """Put `items` under the condition called `name`, in order, each paired with its original.

    Args:
        items: the originals.
        name: see the table above.
        seed: decides who swaps with whom; most conditions ignore it.
        reasons: if given, receives item id -> why it could not be put under the condition.

    Raises:
        ConfigError: no condition has this name.
    """
    condition, parameters = condition_of(name)
    if condition.expand and (stands_for := condition.expand(*parameters)) != [name]:
        raise ConfigError(f"{name!r} stands for several conditions: {', '.join(stands_for)}")
    reasons = {} if reasons is None else reasons
    pairs: list[Pair] = []
    for item, changed in zip(items, condition.apply(items, seed, *parameters), strict=True):
        if isinstance(changed, str):
            reasons[item.id] = changed
        pairs.append((item, None if isinstance(changed, str) else changed))
    return pairs


def listener_of(name: str) -> str:
    """How the listener that a condition needs is named, with an example; empty if it needs none.

    Raises:
        ConfigError: no condition has this name.
    """
    return condition_of(name)[0].listener


def meaning(name: str) -> str:
    """What a model is given under a condition; empty if no condition of that name is installed."""
    found = find(name)
    if found is None:
        return ""
    condition, parameters = found
    return condition.says(*parameters) if condition.says else condition.about


def is_control(name: str) -> bool:
    """Whether a condition leaves no sound of the item; False for one that is not installed."""
    found = find(name)
    return found is not None and found[0].control
