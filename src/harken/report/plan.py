"""A plan of requests as text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def planned_text(found: dict[str, Any]) -> str:
    """What a plan costs, and what it could show."""
    from harken.report.text import table

    seconds = found["seconds"]
    length = "unknown length" if seconds is None else f"{seconds / 60:.1f} min of audio"
    lines = [
        f"{found['model']}: {found['requests']:,} requests, {found['words']:,} of them for text; "
        f"{found['clips']:,} distinct clips, {length}"
    ]
    rows: list[tuple[object, ...]] = [
        (name, n, found["excluded"].get(name, 0)) for name, n in found["by"].items()
    ]
    lines.append(table(rows, ("condition", "requests", "items not asked")))
    if "replies" in found:
        lines.append(f"{found['replies']:,} replies are there; the score stage comes next")
    else:
        lines.append("nothing was run; the same command without --stage continues from here")
    power = found.get("detectable")
    if power and power["difference"] is None:
        lines.append(f"{power['items']:,} items are too few to show any difference")
    elif power:
        lines.append(
            f"{power['items']:,} items can show a difference of {100 * power['difference']:.1f} "
            f"points between two conditions (power {power['power']:.0%}, p < {power['alpha']})"
        )
    return "\n".join(lines)
