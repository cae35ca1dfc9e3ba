"""position: at which place the answer stands; mended by reordering the options."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harken.ask.option_order import fixed_order
from harken.clean.base import HygieneFilter, Judgement
from harken.clean.workspace import Workspace
from harken.item import Item
from harken.stats.measures import position_bias


@dataclass(frozen=True, slots=True)
class PositionSettings:
    """What becomes of an uneven answer key.

    Attributes:
        mend: reorder options so that within each split every place is the answer's equally often,
            as far as options may be reordered.
    """

    mend: bool = False


def judge(items: Sequence[Item], settings: PositionSettings, workspace: Workspace) -> Judgement:
    """Tell how often each place is the answer's, by number of options; reorder if asked to.

    ``p`` is that of the chi-square test against even places. The options that are reordered keep
    their order among the wrong ones. An item with another order has another id; its history names
    the former one.
    """
    found = Judgement()
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    fixed = 0
    for place, item in enumerate(items):
        if item.gold < 0 or len(item.choices) < 2:
            continue
        if fixed_order(item):
            fixed += 1
        else:
            groups[item.split, len(item.choices)].append(place)
    changed = 0
    for (split, count), places in groups.items() if settings.mend else ():
        drawn = sorted(places, key=lambda p: workspace.drawn(split, items[p].id))
        for rank, place in enumerate(drawn):
            item, target = items[place], rank % count
            if item.gold != target:
                found.verdicts[place] = _moved(item, target)
                changed += 1
    before = _counts(items)
    found.told = {"positions": before, "fixed_orders": fixed}
    if settings.mend:
        after = [found.verdicts.get(place, item) for place, item in enumerate(items)]
        found.told |= {
            "mended": changed,
            "after": _counts([i for i in after if isinstance(i, Item)]),
        }
    return found


def _moved(item: Item, target: int) -> Item:
    """The item with its answer at place `target`, its wrong options in their order."""
    wrong = [choice for choice in item.choices if choice != item.answer]
    choices = (*wrong[:target], item.answer, *wrong[target:])
    note = (
        f"options reordered, the answer from place {item.gold + 1} to {target + 1}; was {item.id}"
    )
    return item.with_history(FILTER.name, note, choices=choices)


def _counts(items: Sequence[Item]) -> list[dict[str, object]]:
    """For each number of options: how often each place is the answer's, and p."""
    counts: dict[int, list[int]] = {}
    for item in items:
        if item.gold >= 0 and len(item.choices) > 1:
            counts.setdefault(len(item.choices), [0] * len(item.choices))[item.gold] += 1
    return [
        {
            "options": size,
            "counts": own,
            "p": round(position_bias(own, [0] * size), 6),
        }
        for size, own in sorted(counts.items())
    ]


FILTER = HygieneFilter(
    "position",
    "tells at which place answers stand; position?mend=true reorders options with the seed",
    judge,
    PositionSettings,
    default=True,
)
