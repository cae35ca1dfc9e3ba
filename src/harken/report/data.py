"""Corpora and curated sets as text for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.listed import listed
from harken.report.text import table


def scan_text(found: dict[str, Any], show_rejects: int) -> str:
    """A scan as text: counts first, then labels, then what cannot be used and why."""
    lines = [
        f"{found['name']}: layout {found['layout']}, {found['clips']} clips of "
        f"{found['recordings']} recordings, {found['hours']:.2f} h",
    ]
    for name in ("labels", "speakers", "splits", "folds", "licences", "kinds", "rates"):
        counts = found[name]
        if counts:
            most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            shown = listed([f"{label} {n}" for label, n in most], 12)
            lines.append(f"{name} ({len(most)}): {shown}")
    if found["transcripts"]:
        lines.append(f"transcripts: {found['transcripts']}")
    if found["captions"]:
        lines.append(f"captions: {found['captions']}")
    lines += [f"note: {text}" for text in found["notes"]]
    reasons = ", ".join(f"{why} {n}" for why, n in found["reasons"].items())
    lines.append(f"rejected: {found['rejected']}" + (f" ({reasons})" if reasons else ""))
    rejects = found["rejects"]
    lines += [f"  {r['path']}: {r['reason']}: {r['found']}" for r in rejects[:show_rejects]]
    if len(rejects) > show_rejects:
        lines.append(f"  … {len(rejects) - show_rejects} more; see them all with --json")
    return "\n".join(lines)


def _measured(by_task: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """A table of right answers and bits by task and condition, where more than one was asked."""
    names = list(dict.fromkeys(name for own in by_task.values() for name in own))
    if len(names) < 2:
        return []
    names.sort(key=lambda name: (name != "none", name == "audio", name))
    rows = [
        (task, *(_cell(own[name]) if name in own else "–" for name in names))
        for task, own in by_task.items()
    ]
    told = "right (and bits over none), of the voters that use the audio where there are any:"
    return ["", told, table(rows, ("task", *names))]


def _cell(own: dict[str, Any]) -> str:
    bits = "" if own["bits"] is None else f" ({own['bits']:+.2f})"
    return f"{100 * own['right']:.1f} %{bits}"


def curate_text(summary: dict[str, Any], out: Path) -> str:
    """The outcome of curation: counts by label, and why items were dropped."""
    counts = summary["counts"]
    total = sum(counts.values())
    lines = [f"{total} questions by the rule {summary['rule']}:"]
    lines += [
        f"  {label:10}{n:7}  {100 * n / total:5.1f} %  {out / label}" for label, n in counts.items()
    ]
    lines += [f"{label} {n}: {why}" for label in ("undecided", "dropped")
              for why, n in sorted(summary[label].items())]  # fmt: skip
    if not any(own["shown"] for own in summary["knows"].values()):
        lines.append(
            "No voter is shown to know any answer without audio, so nothing can be called strong: "
            "take a voter that can read (a language model: causal:FOLDER, or "
            "openai:MODEL@URL?max_clips=0), or add "
            "questions whose text gives the answer away (harken synth --family leaky)."
        )
    rows: list[tuple[object, ...]] = [
        (task, *(own[label] for label in counts)) for task, own in summary["by_task"].items()
    ]
    lines += ["", table(rows, ("task", *counts))]
    if summary["bits"]:
        bits = summary["bits"]
        lines.append(
            f"bits: median {bits['p50']:+.2f}, middle half {bits['p25']:+.2f} to {bits['p75']:+.2f}"
        )
    lines += _measured(summary["measured"])
    return "\n".join(lines)
