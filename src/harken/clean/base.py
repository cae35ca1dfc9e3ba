"""The shape of a hygiene filter, and what filters share: which copy stays, and how many there are.

One file a filter::

    def judge(items: Sequence[Item], settings: Settings, workspace: Workspace) -> Judgement: ...
    FILTER = HygieneFilter("name", "what it drops, in a sentence", judge, Settings)

A filter sees all items that the filters before it kept, and judges them by their place. `each`
makes `judge` of a function of one item. What a filter decides depends on the items and on its
settings, and not on their order: of several copies that one stays which is first in `precedence`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harken.clean.workspace import Workspace
from harken.errors import ConfigError
from harken.hashing import canonical
from harken.item import Drop, Item

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Judgement:
    """What a filter decides.

    Attributes:
        verdicts: place of an item -> its `Drop`, or the item changed. All others stay as they are.
        told: JSON-able values for the summary: counts, rates, what could not be looked at.
    """

    verdicts: dict[int, Item | Drop] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def drop(self, place: int, item: Item, reason: str, note: str = "") -> None:
        """Drop the item at `place`."""
        self.verdicts[place] = Drop(item, reason, note)


@dataclass(frozen=True, slots=True)
class NoSettings:
    """The settings of a filter that has none."""


@dataclass(frozen=True, slots=True)
class HygieneFilter:
    """A filter of whole datasets.

    Attributes:
        name: as it is asked for; the step in the history of what it drops or changes.
        about: what it drops, changes or tells, in a sentence.
        judge: ``judge(items, settings, workspace) -> Judgement``, a pure function.
        settings: a dataclass of texts, numbers and truth values in which every setting has a
            default; what makes no sense is refused in its ``__post_init__``, before any work.
        inputs: ``inputs(settings) -> {name: hash}`` of the files that it reads beside the items, so
            that a folder that was made with other files is not taken for the same.
        default: whether it is among those that are applied if none is named.
    """

    name: str
    about: str
    judge: Callable[[Sequence[Item], Any, Workspace], Judgement]
    settings: type = NoSettings
    inputs: Callable[[Any], Mapping[str, str]] | None = None
    default: bool = False


def each(
    test: Callable[[Item, Any], tuple[str, str] | None],
) -> Callable[[Sequence[Item], Any, Workspace], Judgement]:
    """The `judge` that asks `test` of every item: None, or the reason to drop it and a note."""

    def judge(items: Sequence[Item], settings: Any, workspace: Workspace) -> Judgement:
        found = Judgement()
        for place, item in enumerate(items):
            why = test(item, settings)
            if why is not None:
                found.drop(place, item, *why)
        return found

    return judge


_RANKS = {"test": 0, "train": 2, "": 3}


def precedence(items: Sequence[Item]) -> list[int]:
    """Places of the items in the order in which they are kept: test, other splits, train; by id.

    So of two copies in two splits the one of the test split stays. Items with one id are told
    apart by what the id does not hold.
    """

    def key(place: int) -> tuple[int, str, str, int]:
        item = items[place]
        rest = canonical(
            [item.licence, item.recordings, item.speakers, item.tags, item.rationales, item.split]
        )
        return _RANKS.get(item.split, 1), item.id, rest, place

    return sorted(range(len(items)), key=key)


def copies(
    items: Sequence[Item],
    keys: Callable[[int], Iterable[K]],
    claims: Callable[[int], Iterable[K]] | None = None,
) -> dict[int, tuple[int, K]]:
    """Place of each copy -> place of the item that it is a copy of, and the key they share.

    In `precedence`, an item with a key that one that stays has claimed is a copy of it; every other
    item stays, and claims its own. So a copy always names an item that stays.

    Args:
        items: all of them.
        keys: place -> the keys that are looked up, in order.
        claims: place -> the keys that it claims if it stays; default: those that are looked up.
    """
    held: dict[K, int] = {}
    found: dict[int, tuple[int, K]] = {}
    for place in precedence(items):
        own = list(keys(place))
        shared = next((key for key in own if key in held), None)
        if shared is not None:
            found[place] = held[shared], shared
            continue
        for key in own if claims is None else claims(place):
            held.setdefault(key, place)
    return found


def of(item: Item) -> str:
    """The note of a copy: the item that it duplicates."""
    return f"of {item.id}" + (f" in the split {item.split}" if item.split else "")


def names_of(text: str) -> list[str]:
    """The parts of a setting that lists several: ``a|b``."""
    return [part.strip() for part in text.split("|") if part.strip()]


def need(given: object, name: str, setting: str, example: str) -> None:
    """Raise ConfigError if a setting without which a filter does nothing is empty."""
    if not given:
        raise ConfigError(
            f"the filter {name} needs its setting {setting!r}",
            hint=f"Write it behind the name: {name}?{setting}={example}",
        )
