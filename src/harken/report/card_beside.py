"""The same parts of an exam by other models: where this one is better, and where it is worse.

Shares of right answers are compared item by item, each model under its main condition: exact test
by recording, corrected over the parts by Holm's rule. Word error rates stand side by side only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import harken.report.words as words
from harken.report.card_results import SURE, ExamPart, share
from harken.report.markdown import escaped, table
from harken.stats.paired import holm, pair


def beside_section(
    parts: Sequence[ExamPart], beside: Mapping[str, Sequence[ExamPart]]
) -> list[str]:
    """The section of a model card; nothing without other models.

    Args:
        parts: of this model.
        beside: name of another model -> its parts, found by their names.
    """
    if not beside:
        return []
    others = {name: {part.name: part for part in own} for name, own in beside.items()}
    apart = {name: _apart(parts, own) for name, own in others.items()}
    rows = []
    for place, part in enumerate(parts):
        cells = [share(part.main)]
        for name, own in others.items():
            other = own.get(part.name)
            shown = next(iter(other.figures)) if other else ""
            told = f" under {escaped(shown)}" if shown not in ("", "audio") else ""
            cells.append(share(other.main) + told if other else "–")
            cells.append(_difference(apart[name][place]))
        rows.append([escaped(part.name) + (" ↓" if part.errors else ""), *cells])
    head = ["part", "this model"]
    for name in beside:
        head += [escaped(name), f"this model − {escaped(name)}"]
    return [
        "## Beside other models",
        table(head, rows),
        "The same items, paired; differences in points, with 95 % intervals and the exact p by "
        "recording, corrected over the parts (Holm); –: not asked, or not paired.",
        "\n".join(_verdict(name, parts, apart[name]) for name in beside),
    ]


def _apart(parts: Sequence[ExamPart], other: Mapping[str, ExamPart]) -> list[dict[str, Any]]:
    """This model's share minus the other's, for each part; with ``p_holm``."""
    found = []
    for part in parts:
        theirs = other[part.name].right if part.name in other and not part.errors else {}
        found.append(pair(part.right, theirs, part.groups).to_json())
    holm(found, "p")
    return found


def _difference(row: Mapping[str, Any]) -> str:
    if row["difference"] is None:
        return "–"
    text = words.points(row["difference"])
    if row["low"] is not None:
        text += f" ({words.gain_interval(row['low'], row['high'])})"
    return f"{text}, {words.p_clause(row['p_holm'])}"


def _verdict(name: str, parts: Sequence[ExamPart], apart: Sequence[Mapping[str, Any]]) -> str:
    """``- than cascade: better in esc10; no difference is shown in digits``, by name of part."""
    found: dict[str, list[str]] = {"better in": [], "worse in": [], "no difference is shown in": []}
    for part, row in zip(parts, apart, strict=True):
        if row["difference"] is None:
            continue
        sure = row["p_holm"] is not None and row["p_holm"] < SURE
        side = ("better in" if row["difference"] > 0 else "worse in") if sure else ""
        found[side or "no difference is shown in"].append(escaped(part.name))
    said = [f"{side} {', '.join(names)}" for side, names in found.items() if names]
    return f"- than {escaped(name)}: {'; '.join(said) or 'no part is paired'}."
