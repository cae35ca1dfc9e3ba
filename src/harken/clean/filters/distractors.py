"""distractors: wrong options that nobody would take: never an answer, of another type or length."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from harken.clean.base import HygieneFilter, Judgement
from harken.clean.texts import in_words
from harken.clean.workspace import Workspace
from harken.errors import ConfigError
from harken.item import Item

SHOWN = 10
"""Options that are listed, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class DistractorSettings:
    """What becomes of items that options give away.

    Attributes:
        drop: drop items whose answer is the only option that is ever an answer, or the only one of
            its type or length.
        times: an option whose characters are this many times the median of the other options, or
            this small a part of it, is of another length.
    """

    drop: bool = False
    times: float = 3.0

    def __post_init__(self) -> None:
        """Refuse lengths of which none, or all, would differ."""
        if not 1 < self.times < inf:
            raise ConfigError(f"times is {self.times} (accepted: above 1)", where="distractors")


def judge(items: Sequence[Item], settings: DistractorSettings, workspace: Workspace) -> Judgement:
    """Tell which wrong options are implausible, and how many items their options give away.

    An option is never an answer if it is in at least two items and the answer of none. Types are
    numbers, yes and no, and other words.
    """
    closed = [
        (place, item)
        for place, item in enumerate(items)
        if item.gold >= 0 and len(item.choices) > 1
    ]
    offered = Counter(in_words(choice) for _, item in closed for choice in item.choices)
    answers = Counter(in_words(item.answer) for _, item in closed)
    never = {text: n for text, n in offered.items() if n > 1 and not answers[text]}
    wrong = sum(len(item.choices) - 1 for _, item in closed)
    told: Counter[str] = Counter()
    found = Judgement()
    for place, item in closed:
        why = _given_away(item, never, settings.times)
        told.update([why] if why else [])
        if why and settings.drop:
            found.drop(place, item, f"an answer that is {why}", item.answer)
    most = sorted(never.items(), key=lambda pair: (-pair[1], pair[0]))
    found.told = {
        "wrong_options": wrong,
        "never_an_answer": sum(never.values()),
        "most_frequent": [{"option": text, "items": n} for text, n in most[:SHOWN]],
        "given_away": dict(sorted(told.items())),
    }
    return found


def _given_away(item: Item, never: dict[str, int], times: float) -> str:
    """How the answer stands out among the options; empty if it does not."""
    others = [choice for choice in item.choices if choice != item.answer]
    if all(in_words(choice) in never for choice in others):
        return "the only option that is ever an answer"
    if len(others) < 2:
        return ""
    if len({kind(choice) for choice in others}) == 1 and kind(item.answer) != kind(others[0]):
        return "the only option of its type"
    middle = median(len(choice) for choice in others)
    if not (middle / times < len(item.answer) < middle * times):
        return "of another length than the options"
    return ""


def kind(text: str) -> str:
    """``number``, ``yes or no``, or ``words``."""
    plain = in_words(text)
    if re.fullmatch(
        r"-?\d[\d.,:]*(?: (?:s|ms|hz|khz|db|bpm|seconds?|minutes?|percent|times?))?", plain
    ):
        return "number"
    return "yes or no" if plain in ("yes", "no", "true", "false") else "words"


FILTER = HygieneFilter(
    "distractors",
    "tells wrong options that are never an answer, or of another type or length",
    judge,
    DistractorSettings,
    default=True,
)
