"""The words of benchmarks: Release, Official, Mark; and how an Item leads back to its raw row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harken.evaluate.benchmarks.rows import Row
from harken.item import Item


@dataclass(frozen=True, slots=True)
class Release:
    """A benchmark as it was found on disk.

    Attributes:
        items: in the order of the release.
        fingerprint: of keys, questions, options, answers and audio names: the same content has the
            same fingerprint whatever the file is called.
        version: the known version with this fingerprint, else empty.
        notes: what is unusual, for people and reports.
    """

    benchmark: str
    items: tuple[Item, ...]
    fingerprint: str
    version: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Official:
    """What a benchmark's own script says of a set of replies.

    Attributes:
        metric: what `value` is, for example ``"accuracy"``.
        value: the headline number, shares in 0..1; None where the script gives none.
        n: its denominator: how many items the script counts.
        marks: key -> the item's mark; None (or absent) if it is outside the denominator.
        faults: known faults of the script that took effect on these replies, each with its count.
        parts: the script's own breakdown.
        failed: keys whose judge did not judge, or judged differently in the other order; the script
            may have counted them all the same.
        stops: why the script would stop with an error instead of giving numbers; empty if it runs.
    """

    metric: str
    value: float | None
    n: int
    marks: Mapping[str, float | None]
    faults: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)
    stops: str = ""
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mark:
    """The strict mark of one item.

    Attributes:
        value: 0..1; missing, empty, unparsable and abstained are 0; None: ``failed``, which stands
            in no denominator.
        state: ``parsed``, ``missing``, ``empty``, ``not-text``, ``abstained``, ``unparsable`` or
            ``failed`` (a judge that did not judge, or none was named).
        rule: which rule of the reader decided.
    """

    value: float | None
    state: str
    rule: str = ""


def row_of(item: Item) -> Row:
    """The raw row an item was made from."""
    row: Row = item.plan["row"]
    return row


def key_of(item: Item) -> str:
    """The benchmark's own name of an item."""
    return str(item.plan["key"])


def options_of(item: Item) -> list[str]:
    """The official options, repeated ones included (`Item.choices` holds each text once)."""
    found: list[str] = item.plan.get("options", list(item.choices))
    return found


def share(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return sum(values) / len(values) if values else None


def micro(marks: Mapping[str, float | None]) -> tuple[float | None, int]:
    """Mean over the marks that count, and how many do."""
    counted = [mark for mark in marks.values() if mark is not None]
    return share(counted), len(counted)
