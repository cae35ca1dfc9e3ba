"""Prediction files, read and written in each benchmark's own format.

Official scripts treat a row that is absent, a row without the prediction field, a null and an empty
text differently, so `Predictions` distinguishes all four.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.evaluate.benchmarks.formats import adapted
from harken.evaluate.benchmarks.rows import Row, faulty, read_rows

COMMON = (
    "prediction", "model_output", "model_prediction", "answer_prediction", "response", "output",
    "pred",
)  # fmt: skip
"""Field names that are read wherever a benchmark's own name is absent."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Replies by row key.

    Attributes:
        texts: key -> value of the prediction field (text; None or another value is kept).
        rows: keys of all rows of the file in its order, those without the field included.
        column: the field that was read.
        raw: the file's rows by key (rubric replies, judge scores and the like).
        notes: remarks for the user.
    """

    texts: Mapping[str, Any]
    rows: tuple[str, ...]
    column: str = "prediction"
    raw: Mapping[str, Row] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(texts: Mapping[str, Any] | Predictions, rows: Iterable[str] = ()) -> Predictions:
        """From a mapping key -> reply; `rows` names further rows that lack the field."""
        if isinstance(texts, Predictions):
            return texts
        return Predictions(texts, tuple(dict.fromkeys([*texts, *rows])))

    def get(self, key: str) -> Any:
        """The reply; None where there is none."""
        return self.texts.get(key)

    def text(self, key: str) -> str:
        """The reply as text; empty where there is none or it is no text."""
        value = self.texts.get(key)
        return value if isinstance(value, str) else ""


def reply_rows(path: Path, key: str) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of a file of predictions, those of other programs understood, and notes.

    Raises:
        DataError: see `harken.evaluate.benchmarks.rows.read_rows`.
    """
    return adapted(read_rows(path, key), key)


def read_predictions(
    path: Path,
    key: str,
    own: Sequence[str],
    keyed: Callable[[Row, int], Row] = lambda row, number: row,
) -> Predictions:
    """Read a file of predictions.

    Args:
        path: JSON list or object, JSON lines, CSV, TSV, Parquet; or what `reply_rows` understands.
        key: the field that names a row.
        own: the benchmark's names of the prediction field, the official one first.
        keyed: gives a row its key where the file has none.

    Raises:
        DataError: no row has a prediction field (the gold is never taken in its place), rows have
            no key, or two rows of one key and different replies; all faults at once.
    """
    rows, notes = reply_rows(path, key)
    return predictions_of([keyed(row, n) for n, row in enumerate(rows)], path, key, own, notes)


def predictions_of(
    rows: Sequence[Row], path: Path, key: str, own: Sequence[str], notes: tuple[str, ...] = ()
) -> Predictions:
    """`read_predictions` of rows that are already read."""
    if not rows:
        raise DataError(
            "the file holds no predictions", where=str(path), hint="Name the file of the replies."
        )
    names = list(dict.fromkeys([*own, *COMMON]))
    found = next((name for name in names if any(name in row for row in rows)), None)
    if found is None:
        there = sorted({str(name) for row in rows for name in row})
        raise DataError(
            f"no row has a prediction: looked for {', '.join(names)}",
            where=str(path),
            hint=f"Fields found: {', '.join(there) or 'none'}. Add {names[0]!r} to each row "
            "(a YAML of your own may name another: prediction: COLUMN).",
        )
    faults: list[str] = []
    first: dict[str, int] = {}
    raw: dict[str, Row] = {}
    again = 0
    for number, row in enumerate(rows, 1):
        if row.get(key) is None:
            faults.append(f"row {number} has no {key!r}")
            continue
        name = str(row[key])
        if name in first and row == raw[name]:
            again += 1
        elif name in first:
            faults.append(f"row {number} has the {key} of row {first[name]}: {name}")
        first.setdefault(name, number)
        raw.setdefault(name, row)
    if faults:
        raise faulty(faults, path, "Give each row one key of its own.")
    texts = {name: row[found] for name, row in raw.items() if found in row}
    if again:
        notes += (f"{again} rows that repeat another row were read once",)
    if found != own[0]:
        notes += (f"predictions were read from {found!r}; the official field is {own[0]!r}",)
    return Predictions(texts, tuple(raw), found, raw, notes)


def aligned(predictions: Predictions, renamed: Mapping[str, str], why: str) -> Predictions:
    """The same replies under the keys that `renamed` gives to theirs; `why` is told."""
    if not renamed:
        return predictions

    def name(key: str) -> str:
        return renamed.get(key, key)

    return replace(
        predictions,
        texts={name(key): value for key, value in predictions.texts.items()},
        rows=tuple(name(key) for key in predictions.rows),
        raw={name(key): row for key, row in predictions.raw.items()},
        notes=(*predictions.notes, f"{len(renamed)} rows {why}"),
    )


def without(predictions: Predictions, keys: Collection[str], why: str) -> Predictions:
    """Leave out the rows of `keys`; `why` is told, with how many there were."""
    gone = set(keys) & set(predictions.rows)
    if not gone:
        return predictions
    return replace(
        predictions,
        texts={key: value for key, value in predictions.texts.items() if key not in gone},
        rows=tuple(key for key in predictions.rows if key not in gone),
        raw={key: row for key, row in predictions.raw.items() if key not in gone},
        notes=(*predictions.notes, f"{len(gone)} replies left out: {why}"),
    )


def unknown(predictions: Predictions, keys: Iterable[str]) -> list[str]:
    """A fault for each prediction whose key is not in the data."""
    known = set(keys)
    return [f"a prediction for {name!r}, which is not in the data"
            for name in predictions.rows if name not in known]  # fmt: skip
