"""tag: items by their tags, by lists of patterns: what they train, their kind, who marked them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from harken.clean.base import HygieneFilter, each, names_of, need
from harken.item import Item


@dataclass(frozen=True, slots=True)
class TagSettings:
    """Which items stay.

    Attributes:
        keep: patterns separated by bars, as ``skill:temporal|skill:counting``: a tag or the task of
            an item must fit one. Empty: all that `drop` does not name.
        drop: patterns, none of which a tag or the task may fit.
    """

    keep: str = ""
    drop: str = ""

    def __post_init__(self) -> None:
        """Refuse settings that name no tag."""
        need(self.keep or self.drop, "tag", "keep", "skill:temporal")


def test(item: Item, settings: TagSettings) -> tuple[str, str] | None:
    """Why the item is dropped: a tag that is dropped, or none that is kept."""
    own = [item.task, *item.tags]
    for pattern in names_of(settings.drop):
        found = [name for name in own if fnmatchcase(name, pattern)]
        if found:
            return f"a tag that is dropped: {pattern}", found[0]
    kept = names_of(settings.keep)
    if kept and not any(fnmatchcase(name, pattern) for name in own for pattern in kept):
        return "no tag that is kept", item.task
    return None


FILTER = HygieneFilter(
    "tag",
    "drops items by tags and task (tag?keep=skill:temporal, tag?drop=music|leaky)",
    each(test),
    TagSettings,
)
