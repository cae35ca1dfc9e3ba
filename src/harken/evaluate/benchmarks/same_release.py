"""Whether a prediction file was made for the data that it is scored against.

Files in an official format repeat the release's rows, with the options and the gold that the model
was shown. Where these differ from the data, the replies answer other questions: a letter names
another option, and the score is of no use although every key is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from harken.evaluate.benchmarks.layout import ReleaseLayout
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import key_of, row_of
from harken.item import Item

_WORDS = {
    "order": "options in another order",
    "options": "other options",
    "gold": "another gold",
    "question": "another question",
}


def differences(
    benchmark: ReleaseLayout, items: Sequence[Item], predictions: Predictions
) -> dict[str, Any] | None:
    """How many rows of the file differ from the data, and in what; None if none does.

    A row is compared in what it holds: a file of ids and replies has nothing to compare.

    Returns:
        ``rows`` (that differ), ``compared``, the number of rows for each of ``order`` (the same
        options, in another order), ``options``, ``gold`` and ``question``, and an ``example``: its
        ``id``, ``differs`` (what in), and both values, ``here`` and ``data``.
    """
    counts: Counter[str] = Counter()
    example: dict[str, Any] | None = None
    compared = rows = 0
    for item in items:
        row = predictions.raw.get(key_of(item))
        if row is None:
            continue
        own = _held(benchmark, row)
        theirs = _held(benchmark, row_of(item))
        both = [name for name in own if name in theirs]
        compared += bool(both)
        found = {_kind(name, own[name], theirs[name]): name for name in both
                 if own[name] != theirs[name]}  # fmt: skip
        if not found:
            continue
        rows += 1
        counts.update(found.keys())
        if example is None:
            kind, name = next(iter(found.items()))
            example = {"id": key_of(item), "differs": kind, "here": own[name], "data": theirs[name]}
    if not rows:
        return None
    return {"rows": rows, "compared": compared, **{name: counts[name] for name in _WORDS},
            "example": example}  # fmt: skip


def warning(found: dict[str, Any]) -> str:
    """`differences` as a sentence."""
    kinds = ", ".join(f"{found[name]} {what}" for name, what in _WORDS.items() if found[name])
    example = found["example"]
    return (
        f"{found['rows']} of {found['compared']} rows were made for another version of the release "
        f"({kinds}): their replies may answer other questions; for example {example['id']}, "
        f"{example['differs']}: {example['here']!r}, the data has {example['data']!r}"
    )


def _kind(name: str, own: Any, theirs: Any) -> str:
    return "order" if name == "options" and sorted(own) == sorted(theirs) else name


def _held(benchmark: ReleaseLayout, row: Row) -> dict[str, Any]:
    """Options, gold and question, as far as the row has them and they are of the usual types."""
    strange = [
        name for name, types in benchmark.required.items()
        if name in row and not isinstance(row[name], types)
    ]  # fmt: skip
    if strange:
        return {}  # a CSV writes lists as text: nothing can be said
    found: dict[str, Any] = {}
    for name, read in (("options", benchmark.options), ("gold", benchmark.answer)):
        try:
            value = read(row)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            continue
        if value:
            found[name] = value
    if isinstance(row.get("question"), str) and row["question"].strip():
        found["question"] = row["question"].strip()
    return found
