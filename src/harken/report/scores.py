"""Benchmark scores as text for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harken.report.text import table

if TYPE_CHECKING:
    pass
from harken.report.text import warned


def percent(value: float | None) -> str:
    """0.5 -> ``50.00``; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.2f}"


def value_text(official: dict[str, Any]) -> str:
    """A share in percent, points as they are."""
    if official["unit"] == "share" or official["value"] is None:
        return percent(official["value"])
    return f"{official['value']:.3f}"


def _parts(parts: dict[str, Any], under: str = "") -> list[str]:
    """The script's own breakdown, one line per figure."""
    lines: list[str] = []
    for name, value in parts.items():
        if isinstance(value, dict):
            lines += _parts(value, f"{under}{name}: ")
        elif isinstance(value, float):
            lines.append(f"{under}{name} {value:.4f}")
        elif value is not None:
            lines.append(f"{under}{name} {value}")
    return lines


def score_text(found: dict[str, Any]) -> str:
    """The official number, the strict one, the counts behind both, and the breakdown."""
    official, strict = found["official"], found["strict"]
    version = found["version"] or f"unknown version, fingerprint {found['fingerprint']}"
    lines = [f"{found['benchmark']}: {found['n']} items ({version})"]
    if official["stops"]:
        lines.append(f"official  the script stops: {official['stops']}")
    else:
        lines.append(f"official  {value_text(official)} {official['metric']} "
                     f"over {official['n']} items ({official['rule']})")  # fmt: skip
    lines += [f"          fault: {fault}" for fault in official["faults"]]
    lines += [f"          {line}" for line in _parts(official["parts"])]
    span = f"{percent(strict['low'])} to {percent(strict['high'])}"
    lines.append(f"strict    {percent(strict['accuracy'])} over {strict['n']} items ({span})")
    if strict["failed"]:
        low, high = (percent(value) for value in strict["between"])
        lines.append(f"          {strict['failed']} not judged and left out: "
                     f"between {low} and {high} with them")  # fmt: skip
    if strict["faulty"]:
        lines.append(f"          {strict['faulty']} rows left out: no reply to them is right")
    counts = ", ".join(f"{name} {n}" for name, n in found["counts"].items())
    lines.append(f"parsed    {percent(found['parse_rate'])} % ({counts})")
    if judge := found.get("judge"):
        lines.append(f"judge     {judge['name']}: {judge['judged']} judged, "
                     f"{judge['failed']} failed, {judge['disagreed']} changed with the order; "
                     f"{judge['asked']} asked, {judge['cached']} from the cache")  # fmt: skip
    for name, values in found["by"].items():
        rows: list[tuple[object, ...]] = [
            (value, row["n"], percent(row["official"]), row["official_n"], percent(row["strict"]))
            for value, row in values.items()
        ]
        lines += ["", table(rows, (name, "n", "official %", "counted", "strict %"))]
    return "\n".join(lines + warned(found))


def several_text(found: dict[str, Any], paths: list[Path]) -> str:
    """One line per run, then mean and standard deviation."""
    rows: list[tuple[object, ...]] = [
        (path.name, value_text(one["official"]), percent(one["strict"]["accuracy"]))
        for path, one in zip(paths, found["each"], strict=True)
    ]
    points = found["each"][0]["official"]["unit"] != "share"
    for name in ("mean", "sd"):
        value = found["official"][name]
        official = f"{value:.3f}" if points and value is not None else percent(value)
        rows.append((name, official, percent(found["strict"][name])))
    lines = [table(rows, ("run", "official", "strict"))]
    if rubrics := found.get("rubrics"):
        trimmed = percent(rubrics.get("without_best_and_worst"))
        lines.append(f"rubrics {percent(rubrics['mean'])}, best and worst dropped {trimmed}")
    return "\n".join([*lines, *warned(found["each"][0])])


def floor_text(found: dict[str, Any]) -> str:
    """The floors as a table."""
    if not found["n"]:
        return "\n".join(["no closed-ended questions: there is no text-only floor", *warned(found)])

    def line(name: str, cell: dict[str, Any]) -> tuple[object, ...]:
        return name, percent(cell["accuracy"]), percent(cell["low"]), percent(cell["high"])

    rows: list[tuple[object, ...]] = [("chance", percent(found["chance"]), "", "")]
    rows += [line(f"always position {c['position'] + 1}", c) for c in found["constant"]
             if c["accuracy"]]  # fmt: skip
    rows.append(line("longest option", found["longest"]))
    for name, cell in found["fields"].items():
        rows.append(line(f"best position by {name}", cell))
        rows.append(line(f"best position by {name}, held out", cell["held_out"]))
    if found["linear"]:
        rows.append(line(f"linear, text only, {found['linear']['folds']} folds", found["linear"]))
    if found["text_model"] and found["text_model"]["accuracy"] is not None:
        rows.append(line(f"{found['text_model']['name']}, without audio", found["text_model"]))
    head = f"{found['benchmark']}: {found['n']} choice questions, without the audio"
    text = table(rows, ("floor", "right %", "low", "high"))
    cut = (found["text_model"] or {}).get("cut")
    more = [f"{cut:,} replies were cut (--max-tokens gives more room)"] if cut else []
    return "\n".join([head, text, *more, *warned(found)])
