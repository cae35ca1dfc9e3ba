"""A cleaned dataset as text for the terminal: the loss account, and what the filters tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.listed import listed
from harken.report.text import table


def clean_text(summary: dict[str, Any], out: Path) -> str:
    """What was read, kept and dropped, by filter and reason; then what the filters told."""
    lines = [
        f"{summary['read']:,} items read: {summary['kept']:,} kept in {out / 'kept'}, "
        f"{summary['dropped']:,} dropped in {out / 'dropped'}",
        table(
            [
                (step["step"], step["read"], step["kept"], sum(step["dropped"].values()))
                for step in summary["steps"]
            ],
            ("filter", "read", "kept", "dropped"),
        ),
    ]
    lines += [
        f"{step['step']}: {count:,} {reason}"
        for step in summary["steps"]
        for reason, count in step["dropped"].items()
    ]
    for step in summary["steps"]:
        lines += [f"note: {line}" for line in _told(step["told"])]
    return "\n".join(lines)


def _told(told: dict[str, Any]) -> list[str]:
    """What a filter told, in sentences; values that are not known here are left to --json."""
    lines = []
    if told.get("unreadable"):
        shown = listed([f"{why} {n}" for why, n in told["unreadable"].items()], 5)
        lines.append(f"clips that could not be decoded, and were not compared: {shown}")
    if told.get("not_compared"):
        lines.append(f"{told['not_compared']:,} pairs of texts with a band in common not compared")
    if "verdict" in told:
        lacks = f" ({'; '.join(told['lacks'])})" if told["lacks"] else ""
        found = f"{told['leaked']} of {told['bench']['items']} items of {told['bench']['source']}"
        lines.append(f"benchmark: {told['verdict']}{lacks}; {found} are repeated")
    for one in told.get("longest", ()):
        low, high = one["interval"]
        lines.append(
            f"{one['options']} options: the answer is the longest in {one['longest']:,} of "
            f"{one['items']:,} ({100 * one['share']:.1f} %, {100 * low:.1f} to {100 * high:.1f}), "
            f"chance {100 * one['chance']:.1f} %{': BIASED' if one['biased'] else ''}"
        )
    if "never_an_answer" in told:
        most = listed([f"{one['option']} {one['items']}" for one in told["most_frequent"]], 3)
        lines.append(
            f"{told['never_an_answer']:,} of {told['wrong_options']:,} wrong options are never an "
            f"answer{f': {most}' if most else ''}"
        )
        lines += [f"in {n:,} items the answer is {why}" for why, n in told["given_away"].items()]
    for one in told.get("after", told.get("positions", ())):
        counts = ", ".join(f"{n:,}" for n in one["counts"])
        lines.append(f"{one['options']} options: answers by place {counts} (p {one['p']:.3g})")
    return lines
