"""The headline of every table: the score beside all baselines that it must beat.

One row, in every table: score with interval, chance, the text-only floor, the controls, the gain of
the audio with its p and bits, and the rates of missing answers. The terminal and the page both show
it. Gain, p and bits are over one control in all rows (`harken.report.reference`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import harken.report.words as words
from harken.report.reference import gain_over, reference

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of the headline.

    Attributes:
        name: the column's heading.
        text: the figure as shown; a dash where there is none.
        value: the figure to sort by, or None.
        small: what is shown below it in small print.
        about: what it is, in a sentence.
    """

    name: str
    text: str
    value: float | int | None = None
    small: str = ""
    about: str = ""


def headline(results: Json, row: Json | None = None) -> list[Column]:
    """The columns of one row, always the same ones in the same order.

    Args:
        results: as in ``results.json``; ``blind`` in it, if any, is the text-only floor (name,
            accuracy, low, high), known for all tasks together only.
        row: the task; default all tasks.
    """
    whole = results["overall"]
    row = whole if row is None else row
    asked = main_condition(results)
    cell = row["cells"].get(asked) or {}
    floor = (results.get("blind") or {}) if row is whole else {}
    name = reference(results)
    gain = gain_over(row, name)
    bits = (gain.get("bits") or {}).get("mean")
    rates = cell.get("rates") or {}
    failed = (cell.get("outcomes") or {}).get("failed")
    return [
        Column("items", f"{row['items']:,}", row["items"], about="questions asked"),
        Column(
            "score",
            words.percent(cell.get("accuracy")),
            cell.get("accuracy"),
            about=f"right answers of those answered, condition {asked}",
        ),
        Column(
            "95 % interval",
            words.interval(*widest(cell)),
            about="Wilson's, or bootstrap by recording where that is wider",
        ),
        Column("chance", words.percent(row["chance"]), row["chance"], about="uniform guessing"),
        Column(
            "text-only floor",
            words.percent(floor.get("accuracy")),
            floor.get("accuracy"),
            str(floor.get("name") or ""),
            "the best baseline without audio: constant, longest, majority, text model",
        ),
        *(_control(row, control) for control in ("none", "silence", "swap", "transcript")),
        Column(
            "audio gain",
            words.points(gain.get("difference")),
            gain.get("difference"),
            f"over {name}" if name else "",
            "points over the control without the item's audio that is hardest to beat",
        ),
        Column("p", words.p_value(gain.get("p")), gain.get("p"),
               about="exact sign-flip test of that gain, by recording"),
        Column("bits", words.signed(bits), bits,
               about="how much likelier the audio makes the true answer than that control"),
        Column("unparsable", words.percent(rates.get("unparsable")), rates.get("unparsable"),
               about="share of the answers that name no option"),
        Column("abstained", words.percent(rates.get("abstained")), rates.get("abstained"),
               about="share of the answers that decline"),
        Column("failed", "–" if failed is None else f"{failed:,}", failed,
               about="questions without any reply, in no percentage"),
    ]  # fmt: skip


def main_condition(results: Json) -> str:
    """The condition that the score is of: audio, or the first that was asked instead of it."""
    names = list(results["conditions"])
    return "audio" if "audio" in names or not names else str(names[0])


def widest(cell: Json) -> tuple[float | None, float | None]:
    """The wider of a cell's two intervals; older runs have Wilson's only."""
    pairs: Sequence[tuple[Any, Any]] = [
        (cell.get("low"), cell.get("high")),
        (cell.get("cluster_low"), cell.get("cluster_high")),
    ]
    known = [(low, high) for low, high in pairs if low is not None and high is not None]
    return max(known, key=lambda pair: pair[1] - pair[0], default=(None, None))


def _control(row: Json, name: str) -> Column:
    accuracy = (row["cells"].get(name) or {}).get("accuracy")
    return Column(name, words.percent(accuracy), accuracy, about=words.meaning(name))
