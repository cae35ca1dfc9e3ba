"""What a plan of requests looks like in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def planned_text(found: dict[str, Any]) -> str:
    """What a plan would cost, and what it could show, for people."""
    from harken.report.text import table

    seconds = found["seconds"]
    length = "unknown length" if seconds is None else f"{seconds / 60:.1f} min of sound"
    lines = [
        f"{found['model']}: {found['requests']:,} requests, {found['words']:,} of them for words; "
        f"{found['clips']:,} distinct clips, {length}"
    ]
    rows: list[tuple[object, ...]] = [
        (name, n, found["excluded"].get(name, 0)) for name, n in found["by"].items()
    ]
    lines.append(table(rows, ("condition", "requests", "items not asked")))
    if "replies" in found:
        lines.append(f"{found['replies']:,} replies are there; the stage score marks them")
    else:
        lines.append("nothing was asked; the same command without --stage goes on from here")
    told = found.get("detectable")
    if told and told["difference"] is None:
        lines.append(f"{told['items']:,} items are too few to show any difference")
    elif told:
        lines.append(
            f"{told['items']:,} items can show a difference of {100 * told['difference']:.1f} "
            f"points between two conditions (power {told['power']:.0%}, p < {told['alpha']})"
        )
    return "\n".join(lines)
