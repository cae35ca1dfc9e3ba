"""Results beyond accuracy: consistency, calibration, clips, cuts, checks, floors.

Each function gives the values of one section of the page; empty where the results lack them, as in
older runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import harken.report.charts as charts
import harken.report.words as words
from harken.report.headline import headline
from harken.report.plots import kind

Json = Mapping[str, Any]
Found = dict[str, Any]

_OWN_CHART = re.compile(r"clips?-[0-9+]+|fragment-[0-9]+of[0-9]+")
"""Conditions that have charts of their own: some clips alone, and cuts."""


def scores(results: Json) -> Found:
    """The headline table: columns with what they are, and a row for all tasks and for each task."""
    rows = [results["overall"], *results["tasks"]]
    return {
        "columns": [(one.name, one.about) for one in headline(results)],
        "rows": [(row["task"], headline(results, row)) for row in rows],
    }


def floors(results: Json) -> list[tuple[str, str, str]]:
    """(name, share, interval) of every floor that was measured, the best first."""
    found = ((results.get("blind") or {}).get("floors") or {}).items()
    ranked = sorted(found, key=lambda one: (-one[1]["accuracy"], one[0]))
    return [
        (name, words.percent(own["accuracy"]), words.interval(own.get("low"), own.get("high")))
        for name, own in ranked
    ]


def official(results: Json) -> list[str]:
    """The benchmark's own score of the replies, as submitted and raw, with faults.

    Each line says whose number it is: the official script reads a file as it is, and lmms-eval,
    whose numbers are reported for some benchmarks, reads letters instead.
    """
    scores_by_form = results.get("official") or {}
    lines = []
    for name, what in FORMS:
        own = scores_by_form.get(name) or {}
        found = own.get("official") or {}
        if not found:
            continue
        strict = (own.get("strict") or {}).get("accuracy")
        lines.append(
            f"Official score of the {what}: {_official(found)}; strict (unparsed is "
            f"wrong) {words.percent(strict)}; parsed {words.percent(own.get('parse_rate'))}."
            + "".join(f" {fault}." for fault in found.get("faults") or [])
        )
    if theirs := scores_by_form.get("lmms_eval"):
        lines.append(
            f"lmms-eval, which reads letters and guesses where there is none, would report "
            f"{words.percent(theirs['accuracy'])} of the replies as generated "
            f"({words.percent(theirs['guessed'])} guessed)."
        )
    return lines


FORMS = (
    ("submitted", "options chosen (of the file that --submit writes)"),
    ("raw", "replies as generated (of a file that holds them unchanged)"),
)
"""The two forms in which the official rule is given a run's replies."""


def _official(found: Json) -> str:
    """``61.0 %``, ``CIDEr 0.72``, or why there is no number."""
    if found.get("accuracy") is not None:
        return words.percent(found["accuracy"])
    value = found.get("value")
    if value is None:
        return str(found.get("stops") or "–")
    return f"{found.get('metric', '')} {value:.4g} {found.get('unit', '')}".strip()


def consistency(results: Json) -> Found:
    """Consistency over orders, picks by position, and votes; ``there`` is False without any."""
    cells = results["overall"]["cells"]
    rows = []
    for name, cell in cells.items():
        by_kind = cell.get("consistency") or {}
        own = {kind: by_kind.get(kind) or {"n": 0} for kind in ("options", "clips")}
        if any(one["n"] for one in own.values()):
            rows.append((name, own["options"], own["clips"]))
    places = [
        (name, what, _picks(cell.get(key)))
        for name, cell in cells.items()
        for key, what in (("position", "options"), ("clip_position", "clips"))
        if name in ("audio", "none") and (cell.get(key) or {}).get("p") is not None
    ]
    votes = [
        ({"both": "options and clips"}.get(name, name), own)
        for name, own in (results.get("self_consistency") or {}).items()
    ]
    return {"rows": rows, "places": places, "votes": votes, "there": bool(rows or votes)}


def _picks(own: Json | None) -> Found:
    """Shares of the picks and of the true answers by position, and the p of no bias."""
    own = own or {"chosen": [], "gold": [], "p": None}
    total = sum(own["chosen"]) or 1
    return {
        "n": sum(own["chosen"]),
        "p": own["p"],
        "places": [
            (at + 1, chosen / total, gold / total)
            for at, (chosen, gold) in enumerate(zip(own["chosen"], own["gold"], strict=True))
        ],
    }


def calibration(results: Json) -> Found:
    """Reliability and coverage charts of audio and none, with a row of numbers each."""
    cells = {
        name: cell["calibration"]
        for name, cell in results["overall"]["cells"].items()
        if cell.get("calibration") and name in ("audio", "none")
    }
    if not cells:
        return {}
    return {
        "rows": list(cells.items()),
        "legend": [(kind(name), name) for name in cells],
        "reliability": charts.reliability(cells),
        "coverage": charts.coverage(cells),
    }


def is_drawn(condition: str) -> bool:
    """Whether a condition is drawn as a line beside the audio."""
    return not _OWN_CHART.fullmatch(condition)


def clips(results: Json) -> Found:
    """Accuracy by number of clips, and with one clip alone; empty where all have a single clip."""
    rows = {
        name: own for name, own in (results.get("by_clips") or {}).items() if is_drawn(name) and own
    }
    numbers = {row["clips"] for own in rows.values() for row in own}
    alone = [row for row in results.get("per_clip") or [] if row["clips"] > 1]
    if len(numbers) < 2 and not alone:
        return {}
    return {
        "plot": charts.by_clips(rows) if len(numbers) > 1 else "",
        "legend": [(kind(name), name) for name in rows],
        "alone": alone,
    }


def fragments(results: Json) -> list[Found]:
    """A chart and the sentence behind it for each number of cuts."""
    chance = results["overall"]["chance"]
    return [
        {"of": own["of"], "plot": charts.fragments(own, chance), "text": _cuts(own)}
        for own in results.get("fragments") or []
    ]


def _cuts(own: Json) -> str:
    if not own["n"]:
        return "Not every cut was asked together with the whole audio, so no shares are given."
    return (
        f"On the {words.count(own['n'])} that all cuts and the whole audio answered, a cut alone "
        f"retains {words.percent(own['retained'])} of the score ({words.percent(own['mean'])} of "
        f"{words.percent(own['whole'])}). {words.percent(own['any'])} are right with some cut; "
        f"{words.percent(own['needs_whole'])} ({words.interval(*_edges(own))}) only with the whole."
    )


def _edges(own: Json) -> tuple[float | None, float | None]:
    return own.get("needs_whole_low"), own.get("needs_whole_high")


def checks(results: Json) -> list[tuple[str, str, str]]:
    """(status, name, text) of every check that was run."""
    statuses = {True: "ok", False: "failed", None: "note"}
    return [
        (statuses[one.get("ok")], str(one["name"]), str(one["text"]))
        for one in results.get("checks") or []
    ]
