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
    """All published models: a line each; their licences and commands; parts that do not open."""
    head = ("preset", "sound by", "lm or text", "by", "stated", "built", "tokens/s", "paper")
    cells = [
        (
            row["name"],
            _encoders(row),
            _short(row["lm"]) + (" + LoRA" if row["lora"] else ""),
            row["projector"].partition("?")[0],
            stated(row["stated"]),
            _built(row),
            _rate(row),
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
    commands = [
        ("the others", "harken compose --preset NAME --size tiny -o MODEL, then harken train align "
         "ITEMS --model MODEL"),
        *((row["name"], row["trains"]) for row in rows if row["kind"] != "composed"),
    ]  # fmt: skip
    return "\n\n".join(
        [
            table(cells, head),
            table(licences, ("preset", "published weights", "licence")),
            "Parts that --size published cannot open from the hub:\n" + table(lacking),
            "Built and trained by:\n" + table(commands),
        ]
    )


def systems_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of docs/systems.md: a line each."""
    head = (
        "preset", "kind", "parts", "tokens a second", "stated", "built here", "licence", "paper",
        "trained by",
    )  # fmt: skip
    lines = [
        (
            f"`{row['name']}`",
            row["family"],
            _parts(row),
            _rate(row),
            stated(row["stated"]),
            _built(row),
            row["licence"],
            _paper(row["paper"]),
            f"`{_command(row)}`",
        )
        for row in rows
    ]
    rule = ("---",) * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _parts(row: Mapping[str, Any]) -> str:
    """Parts in the order in which sound goes through them."""
    return f"{_encoders(row)}, {row['projector'].partition('?')[0]}, {_short(row['lm'])}" + (
        " with LoRA" if row["lora"] else ""
    )


def _encoders(row: Mapping[str, Any]) -> str:
    """What makes vectors or codes of sound; with its kind where the name does not tell it."""
    kinds = {part["source"]: part["kind"] for part in row["parts"]}
    found = []
    for source in row["encoders"]:
        name, kind = _short(source), kinds.get(source, "")
        told = kind in name.lower() or kind == "waveform"
        found.append(name if told else f"{kind} ({name})")
    return " + ".join(found)


def _command(row: Mapping[str, Any]) -> str:
    """The verb that trains it."""
    verbs = {"codec-lm": "train-codec-lm", "contrastive": "train-clap", "composed": "train align"}
    return verbs[row["kind"]]


def _paper(paper: str) -> str:
    return "its card" if paper.startswith("https:") else paper.removeprefix("arXiv ")


def _short(source: str) -> str:
    """A hub id without its owner."""
    return source.rpartition("/")[2]


def _built(row: Mapping[str, Any]) -> str:
    return amount(row["built"]) if row["built"] else "not public"


def _rate(row: Mapping[str, Any]) -> str:
    return "1 a clip" if row["tokens_s"] is None else f"{row['tokens_s']:g}"


def system_text(found: Mapping[str, Any]) -> str:
    """One system: what would be loaded, parameters, departures from the published model."""
    lines = [f"{found['name']}, {found['size']} size: {found['about']}", f"  {found['paper']}"]
    if found["size"] == "published":
        for part in found["parts"]:
            place = found["places"][part["source"]]
            where = f"in {place}" if place else part["why_not"] or "from the hub"
            lines.append(f"  loads {part['source']} ({part['licence']}): {where}")
        lines.append(f"  adapters: {found['lora'] or 'none'}")
    if found["kind"] != "composed":
        lines.append(f"  trained by: {found['trains']}")
    lines.append(f"  trained: {', '.join(found['trained'])}")
    names = {"codec-lm": "codes", "contrastive": "heads"}
    lines.append(f"  {names.get(found['kind'], 'projector')}: {found['projector']}")
    lines += [f"  {name}: {count:,}" for name, count in found["parameters"].items()]
    if not found["parameters"]:
        lines.append("  parameters: the published decoder is not public")
    lines += [
        f"  stated: {amount(one['count'])} ({one['what']}, {one['source']})"
        for one in found["stated"]
    ]
    lines += [f"  differs: {text}" for text in found["departures"]]
    return "\n".join(lines)
