"""Leaks as text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harken.report.text import table

if TYPE_CHECKING:
    pass


def leaks_text(found: dict[str, Any]) -> str:
    """Counts and matches, as tables."""
    train, bench = found["train"], found["bench"]
    lines = [
        f"{bench['source']}: {bench['items']} items, {bench['clips']} clips",
        f"{train['source']}: {train['items']} items, {train['clips']} clips",
        "",
        table(
            [(kind, *counts.values()) for kind, counts in found["kinds"].items()],
            ("match", "test items", "training items", "pairs"),
        ),
        "",
        _verdict(found),
    ]
    if found["matches"]:
        rows = [
            (m["kind"], f"{m['strength']:.2f}", m["bench"], m["train"], m["found"])
            for m in found["matches"][:SHOWN]
        ]
        lines += ["", table(rows, ("match", "strength", "test item", "training item", "found"))]
        if len(found["matches"]) > SHOWN:
            more = len(found["matches"]) - SHOWN
            lines.append(f"and {more} more: --json lists three an item, --matches FILE all")
    return "\n".join([*lines, *(f"note: {line}" for line in found["warnings"])])


def _verdict(found: dict[str, Any]) -> str:
    """What was found, out of what was compared; where that is too little, no count of leaks."""
    ways = ", ".join(f"{n:,} by {way}" for way, n in found["compared"].items())
    lacks = "; ".join(found["lacks"])
    if found["verdict"] == "not checked":
        return (
            f"Not checked: {lacks}. Test items compared: {ways}. That nothing was found says "
            "nothing. Say where the clips are (--audio, --train-audio), or leave out what cannot "
            "be compared: --check text --check source"
        )
    line = (
        f"{len(found['leaked'])} of {found['bench']['items']} test items leaked "
        f"({100 * found['share']:.2f} %), of those compared: {ways}; name and near are hints and "
        "do not count"
    )
    return f"{line}; {lacks}" if lacks else line


SHOWN = 40
