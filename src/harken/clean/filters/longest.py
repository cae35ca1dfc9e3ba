"""longest: whether the answer is the longest option more often than chance; mended by drops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harken.clean.base import HygieneFilter, Judgement
from harken.clean.workspace import Workspace
from harken.item import Item
from harken.stats.measures import wilson


@dataclass(frozen=True, slots=True)
class LongestSettings:
    """What becomes of answers that are too often the longest option.

    Attributes:
        mend: drop as many items whose answer is the longest option, drawn with the seed, as there
            are too many in their split.
    """

    mend: bool = False


def judge(items: Sequence[Item], settings: LongestSettings, workspace: Workspace) -> Judgement:
    """Tell how often the answer is the longest option, of items that have a single longest one.

    By number of options n: the share with its 95 % Wilson interval, and whether 1 / n, the share
    at which length says nothing, is below it (``biased``). `mend` keeps k of the items whose answer
    is the longest, so that k : (other items) is 1 : (n - 1).
    """
    groups: dict[tuple[str, int], dict[bool, list[int]]] = defaultdict(
        lambda: {True: [], False: []}
    )
    for place, item in enumerate(items):
        longest = single_longest(item.choices)
        if item.gold >= 0 and longest is not None:
            groups[item.split, len(item.choices)][longest == item.gold].append(place)
    found = Judgement()
    for (split, count), own in groups.items() if settings.mend else ():
        most = len(own[False]) // (count - 1)
        drawn = sorted(own[True], key=lambda p: workspace.drawn(split, items[p].id))
        for place in drawn[most:]:
            found.drop(place, items[place], "answers that are the longest option, resampled")
    found.told = {"longest": _shares(groups)}
    return found


def single_longest(choices: Sequence[str]) -> int | None:
    """The place of the option with the most characters; None where two share it."""
    lengths = [len(choice.strip()) for choice in choices]
    if len(lengths) < 2 or lengths.count(max(lengths)) > 1:
        return None
    return lengths.index(max(lengths))


def _shares(
    groups: Mapping[tuple[str, int], Mapping[bool, Sequence[int]]],
) -> list[dict[str, object]]:
    counts: dict[int, list[int]] = {}
    for (_, size), own in groups.items():
        held = counts.setdefault(size, [0, 0])
        held[0] += len(own[True])
        held[1] += len(own[True]) + len(own[False])
    found: list[dict[str, object]] = []
    for size, (right, total) in sorted(counts.items()):
        low, high = wilson(right, total)
        found.append(
            {
                "options": size,
                "items": total,
                "longest": right,
                "share": round(right / total, 6),
                "interval": [round(low, 6), round(high, 6)],
                "chance": round(1 / size, 6),
                "biased": low > 1 / size,
            }
        )
    return found


FILTER = HygieneFilter(
    "longest",
    "tells how often the answer is the longest option; longest?mend=true drops what is too much",
    judge,
    LongestSettings,
    default=True,
)
