"""The shape of a condition, and the helper for those that change each item by itself.

A condition is what becomes of an item's clips before it is asked; no model knows it is under one.
One file a condition::

    def change(item: Item) -> Item | str: ...   # the item under the condition, or why it cannot be
    CONDITION = Condition("name", "what the model is given, as the report says it", each(change))

An item that a condition cannot be put on is neither changed nor left out in silence: the reason is
written down beside the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harken.errors import AudioError
from harken.item import Item

Apply = Callable[..., list[Item | str]]
"""``apply(items, seed, *parameters)`` -> in order, each item under the condition or why not."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What becomes of an item's clips.

    Attributes:
        name: as it is asked for; with parameters in capitals where `pattern` is given (``clip-K``).
        about: what the model is given, as reports say it: "another item's sound".
        apply: see `Apply`; `each` makes one of a function of a single item.
        pattern: a regular expression that whole names of this condition match; its groups are the
            `parameters`, as text. Empty: the condition has one name, `name`.
        says: parameters -> `about` for those parameters.
        expand: parameters -> the names that this one stands for (``fragment-2`` for two), or
            ConfigError for parameters that do not exist. None: it stands for itself.
        control: it leaves no sound of the item, so that a model that uses the audio must do better
            with it.
        listener: words stand in the place of the clips, and a listener writes them: the option of
            `harken eval` that names it, with an example.
    """

    name: str
    about: str
    apply: Apply
    pattern: str = ""
    says: Callable[..., str] | None = None
    expand: Callable[..., list[str]] | None = None
    control: bool = False
    listener: str = ""


def each(change: Callable[..., Item | str], *, without_clips: bool = False) -> Apply:
    """The `Apply` that changes one item after the other, by ``change(item, *parameters)``.

    Args:
        change: gives the item under the condition, or why it cannot be put under it. An AudioError
            (a clip whose length is needed and cannot be read) is such a reason.
        without_clips: whether items without clips can be put under it.
    """

    def apply(items: Sequence[Item], seed: int, *parameters: str) -> list[Item | str]:
        found: list[Item | str] = []
        for item in items:
            if not (item.clips or without_clips):
                found.append("the item has no clips")
                continue
            try:
                found.append(change(item, *parameters))
            except AudioError as error:
                found.append(f"audio: {error.reason}: {error.found}")
        return found

    return apply
