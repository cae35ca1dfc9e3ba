"""Types of benchmarks: Release, Official, ItemScore; and an item's raw row, key and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harken.evaluate.benchmarks.rows import Row
from harken.item import Item

FAULTY_ROW = "faulty-row"
"""Tag of an item that stands for a row to which no reply is right: the official rule scores it."""


@dataclass(frozen=True, slots=True)
class Release:
    """A benchmark as read from disk.

    Attributes:
        items: in the order of the release.
        fingerprint: of keys, questions, options, answers and audio names: the same content has the
            same fingerprint whatever the file is called.
        version: the known version with this fingerprint, else empty.
        notes: what is unusual, for users and reports.
        odd: rows that only the official script scores, tagged `FAULTY_ROW`: they have no choices
            (the options are in the plan), are never asked, and are in no strict denominator.
        left_out: keys of rows that nobody can score.
        faults: what is wrong with which rows, a line each.
    """

    benchmark: str
    items: tuple[Item, ...]
    fingerprint: str
    version: str
    notes: tuple[str, ...]
    odd: tuple[Item, ...] = ()
    left_out: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Official:
    """The result of a benchmark's own script for a set of replies.

    Attributes:
        metric: what `value` is, for example ``"accuracy"``.
        value: the headline number, shares in 0..1; None where the script gives none.
        n: its denominator: how many items the script counts.
        scores: key -> the item's score; None (or absent) if it is outside the denominator.
        faults: known faults of the script that took effect on these replies, each with its count.
        parts: the script's own breakdown.
        failed: keys whose judge did not judge, or judged differently in the other order; the script
            may have counted them all the same.
        stops: why the script would stop with an error instead of giving numbers; empty if it runs.
    """

    metric: str
    value: float | None
    n: int
    scores: Mapping[str, float | None]
    faults: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)
    stops: str = ""
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ItemScore:
    """The strict score of one item.

    Attributes:
        value: 0..1; missing, empty, unparsable and abstained are 0; None: ``failed`` and
            ``faulty-row``, which are in no denominator.
        state: ``parsed``, ``missing``, ``empty``, ``not-text``, ``abstained``, ``unparsable``,
            ``failed`` (a judge that did not judge, or none was given) or ``faulty-row`` (no reply
            to it could be right).
        rule: which rule of the parser decided.
    """

    value: float | None
    state: str
    rule: str = ""


def row_of(item: Item) -> Row:
    """The raw row an item was made from."""
    row: Row = item.plan["row"]
    return row


def key_of(item: Item) -> str:
    """The benchmark's own key of an item."""
    return str(item.plan["key"])


def options_of(item: Item) -> list[str]:
    """The official options, repeated ones included (`Item.choices` holds each text once)."""
    found: list[str] = item.plan.get("options", list(item.choices))
    return found


def share(values: Sequence[float]) -> float | None:
    """The mean; None without values."""
    return sum(values) / len(values) if values else None


def micro(scores: Mapping[str, float | None]) -> tuple[float | None, int]:
    """Mean over the scores that count, and how many do."""
    counted = [one for one in scores.values() if one is not None]
    return share(counted), len(counted)
