"""Published models as text: a table of all, and what would be loaded for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.report.text import table


def amount(count: float) -> str:
    """A number of parameters in three digits: 12,345 -> ``12.3 K``."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g}"


def stated(sizes: Sequence[Mapping[str, Any]]) -> str:
    """What paper or card state: ``2.2 B`` of all, or ``33 M (projector+lora)``."""
    found = [
        amount(one["count"]) + ("" if one["what"] == "all" else f" ({one['what']})")
        for one in sizes
    ]
    return ", ".join(found) or "not stated"


def system_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """All systems: a line each, and one more for those whose parts cannot be opened."""
    head = ("preset", "encoder", "lm", "projector", "stated", "built", "tokens/s", "paper")
    cells = [
        (
            row["name"],
            " + ".join(source.rpartition("/")[2] for source in row["encoders"]),
            row["lm"].rpartition("/")[2] + (" + LoRA" if row["lora"] else ""),
            row["projector"].partition("?")[0],
            stated(row["stated"]),
            amount(row["built"]),
            f"{row['tokens_s']:g}",
            row["paper"].removeprefix("https://huggingface.co/"),
        )
        for row in rows
    ]
    licences = [(row["name"], row["weights"] or "-", row["licence"]) for row in rows]
    lacking = [
        (row["name"], part["source"], part["why_not"])
        for row in rows
        for part in row["parts"]
        if not part["opens"]
    ]
    return "\n\n".join(
        [
            table(cells, head),
            table(licences, ("preset", "published weights", "licence")),
            "Parts that --size published cannot open from the hub:\n" + table(lacking),
            "harken compose --preset NAME --size tiny -o FOLDER builds any of them from random "
            "parts.",
        ]
    )


def system_text(found: Mapping[str, Any]) -> str:
    """One system: what would be loaded, parameters, departures from the published model."""
    lines = [f"{found['name']}, {found['size']} size: {found['about']}", f"  {found['paper']}"]
    if found["size"] == "published":
        for part in found["parts"]:
            place = found["places"][part["source"]]
            where = f"in {place}" if place else part["why_not"] or "from the hub"
            lines.append(f"  loads {part['source']} ({part['licence']}): {where}")
        lines.append(f"  adapters: {found['lora'] or 'none'}")
    lines.append(f"  trained: {', '.join(found['trained'])}")
    lines.append(f"  projector: {found['projector']}")
    lines += [f"  {name}: {count:,}" for name, count in found["parameters"].items()]
    lines += [
        f"  stated: {amount(one['count'])} ({one['what']}, {one['source']})"
        for one in found["stated"]
    ]
    lines += [f"  differs: {text}" for text in found["departures"]]
    return "\n".join(lines)
