"""The content of the page, section by section, as values for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

import harken.report.findings as findings
import harken.report.headline as headlines
import harken.report.plots as plots
import harken.report.words as words
from harken.errors import RunError
from harken.item import Contribution
from harken.labels import run_labels, tails
from harken.report.cards import MAX_SOUND_BYTES, SoundBudget
from harken.report.gather import Found, LoadedRun, curves
from harken.report.reference import gain_over, reference
from harken.report.side_by_side import left_out, side_by_side
from harken.report.sound import BANDS, COLUMNS
from harken.stats.paired import by_item, compare, correctness, gold_bits

Json = dict[str, Any]
Contributions = Mapping[str, tuple[str, Contribution]]
MOST_DOTS = 400


def compared(old: LoadedRun | None, new: LoadedRun, condition: str = "audio") -> list[Json]:
    """Before and after: all tasks first; raises RunError if the runs share no item."""
    if old is None:
        return []
    rows = compare(old.records, new.records, condition)
    if not rows[0]["paired"]["items"]:
        raise RunError(
            "the two runs share no item",
            where=f"{old.folder} and {new.folder}",
            hint="Evaluate both models on the same dataset.",
        )
    return rows


def flips(
    paired: Json, old: LoadedRun | None, new: LoadedRun, condition: str = "audio"
) -> dict[str, str]:
    """Item -> gained, lost, kept, missed; items that were not answered in both runs are absent."""
    if old is None:
        return {}
    after = by_item(correctness(new.records, condition))
    before = by_item(correctness(old.records, condition))
    flips = {i: "kept" if after[i] >= 0.5 else "missed" for i in after if i in before}
    flips.update(dict.fromkeys(paired["better"], "gained"))
    flips.update(dict.fromkeys(paired["worse"], "lost"))
    return flips


def sections(drawn: Json) -> list[tuple[str, str]]:
    """Anchor and name of each section that the page has."""
    every = [
        ("tasks", "Scores", True),
        ("conditions", "Conditions", True),
        ("runs", "Runs", bool(drawn["runs"])),
        ("change", "Before and after", bool(drawn["change"])),
        ("orders", "Orders", drawn["consistency"]["there"]),
        ("calibration", "Calibration", bool(drawn["calibration"])),
        ("clips", "Clips", bool(drawn["clips"])),
        ("fragments", "Cuts", bool(drawn["fragments"])),
        ("contribution", "Contribution", bool(drawn["bits"] or drawn["shares"])),
        ("training", "Training", bool(drawn["training"])),
        ("outcomes", "Outcomes", True),
        ("checks", "Checks", bool(drawn["checks"])),
        ("browse", "Listen", True),
    ]
    return [(anchor, name) for anchor, name, there in every if there]


def headline(
    new: LoadedRun, old: LoadedRun | None, changes: Sequence[Json], condition: str = "audio"
) -> Json:
    """Which runs they are, the verdict, the sentence on before and after, and the key figures."""
    whole = new.results["overall"]
    name = reference(new.results)
    gain = gain_over(whole, name)

    def right(condition: str) -> str:
        return words.percent((whole["cells"].get(condition) or {"accuracy": None})["accuracy"])

    figures = [("right with its audio", right("audio"), "")]
    if gain:
        figures.append((f"right under {name}, the hardest control", right(name), ""))
    if name != "none":
        figures.append(("right without any audio", right("none"), ""))
    figures.append(("chance", words.percent(whole["chance"]), ""))
    if gain:
        figures.append((f"gain of audio over {name}", words.points(gain["difference"]), "points"))
        bits = words.signed(gain["bits"]["mean"])
        figures.append((f"contribution of the audio over {name}", bits, "bits"))
    if changes:
        change = changes[0]["paired"]["difference"]
        figures.append(("change since before", words.points(change), "points"))
    figures.append(("items asked", f"{whole['items']:,}", ""))
    shown = [one for one in (old, new) if one is not None]
    labels = run_labels([one.folder for one in shown], [one.spec for one in shown])
    return {
        "after": labels[-1] if old else new.model,
        "before": labels[0] if old else "",
        "left_out": left_out(shown, condition) if old else [],
        "verdict": words.verdict(new.results),
        "change": words.change(changes[0], condition) if changes else "",
        "paired_condition": condition,
        "figures": [{"name": n, "value": v, "unit": u} for n, v, u in figures],
    }


def tables(new: LoadedRun, changes: Sequence[Json]) -> Json:
    """Task by task, before and after, outcome counts, floors."""
    whole, conditions = new.results["overall"], new.results["conditions"]
    scores = findings.scores(new.results)
    asked = headlines.main_condition(new.results)
    table = []
    for row, (task, columns) in zip([whole, *new.results["tasks"]], scores["rows"], strict=True):
        place = (row["cells"].get(asked) or {"position": {"p": None}})["position"]["p"]
        table.append({"task": task, "columns": columns, "position": place})
    rotations, excluded = new.results["rotations"], new.results.get("excluded") or {}
    asked_note = (
        f"Each item was asked with up to {rotations} orders of its options. "
        if rotations > 1
        else ""
    )
    if new.results.get("hidden"):
        asked_note += (
            f"{new.results['hidden']:,} answers are to questions whose true answer is withheld. "
        )
    asked_note += "".join(f"Not asked: {line}. " for line in words.not_asked(excluded))
    asked_note += "".join(f"{line}. " for line in words.restricted(new.results))
    asked_note += words.sampling(new.results)
    cells = [(name, whole["cells"][name]) for name in conditions]
    used = {o for _, cell in cells for o in cell["outcomes"]}
    return {
        "columns": scores["columns"],
        "reference": reference(new.results),
        "table": table,
        "changes": changes,
        "cells": cells,
        "outcomes": [o for o in words.OUTCOMES if o in used],
        "floors": {"chance": whole["chance"], **whole["floors"]},
        "text_only_floors": findings.floors(new.results),
        "official": findings.official(new.results),
        "macro": {"audio": None, **new.results["macro"]},
        "asked_note": asked_note,
        "keys": [(name, plots.kind(name), words.meaning(name)) for name in conditions],
    }


def drawings(
    runs: Sequence[LoadedRun],
    changes: Sequence[Json],
    measured: Contributions,
    train: Sequence[Path],
    condition: str,
) -> Json:
    """Every plot of the page; an empty string or None where there is nothing to draw."""
    new = runs[-1]
    conditions = new.results["conditions"]
    # One clip alone and cuts have their own charts; they would crowd these.
    few = [name for name in conditions if findings.is_drawn(name)] or conditions
    shares, note = _shares(measured)
    lines = [(name, curves(folder)) for name, folder in zip(tails(train), train, strict=True)]
    return {
        "overall": plots.condition_bars(new.results["overall"], conditions, "all tasks"),
        "tasks": [
            (row["task"], row["items"], plots.condition_bars(row, few, row["task"]))
            for row in new.results["tasks"]
        ],
        "runs": side_by_side(runs, condition),
        "change": plots.before_after(changes) if changes else "",
        "bits": _bits(new, measured),
        "shares": shares,
        "shares_note": note,
        "training": [
            (folder, [plots.curve(line, name) for name, line in found])
            for folder, found in lines
            if found
        ],
        "consistency": findings.consistency(new.results),
        "calibration": findings.calibration(new.results),
        "clips": findings.clips(new.results),
        "fragments": findings.fragments(new.results),
        "checks": findings.checks(new.results),
    }


def _bits(new: LoadedRun, measured: Contributions) -> Json | None:
    """The histogram of contribution: from curation if there is one, else from this run."""
    groups: dict[str, list[float]] = {}
    for _, own in measured.values():
        if own.bits is not None:
            groups.setdefault(own.label, []).append(own.bits)
    title = "Bits of contribution, by label"
    formula = "log2 p(true answer | audio) − log2 p(true answer | {})"
    note = f"{formula.format('none')}, pooled over the voters that labelled the items."
    if not groups:
        name = reference(new.results) or "none"
        audio, other = (by_item(gold_bits(new.records, c)) for c in ("audio", name))
        groups = {"all": [audio[i] - other[i] for i in audio if i in other]}
        title = f"Bits of contribution over {name}, item by item"
        note = f"{formula.format(name)} for {new.model}: right of the line, the audio helps."
    if not any(groups.values()):
        return None
    groups = {name: groups[name] for name in sorted(groups, reverse=True)}
    return {
        "title": title,
        "note": note,
        "legend": [(name, len(values)) for name, values in groups.items()],
        "plot": plots.histogram(groups, "bits"),
    }


def _shares(measured: Contributions) -> tuple[Markup | str, str]:
    rows: dict[str, list[float]] = {}
    for task, own in (measured[item] for item in sorted(measured)):
        for at, share in enumerate(own.shapley, 1):
            rows.setdefault(f"{task}, clip {at}", []).append(share)
    if not rows:
        return "", ""
    thin = any(len(values) > MOST_DOTS for values in rows.values())
    named = [(name, values[:MOST_DOTS]) for name, values in sorted(rows.items())]
    note = f" (at most {MOST_DOTS} a row)" if thin else ""
    return plots.strips(named), note


def browser(cards: Sequence[Json], sounds: SoundBudget, asked: int, trouble: str) -> Json:
    """The items to filter and play, the rule they were chosen by, and the filters' choices."""
    outcomes = dict.fromkeys(name for one in cards for name in one["outcomes"])
    labels = sorted({one["label"] for one in cards if one["label"]})
    flipped = [one for one in cards if one["change"]]
    rule = (
        f"{len(cards):,} of {asked:,} items are in this page: "
        + ("items that flipped first, then " if flipped else "")
        + "tasks and outcomes in turn, each in an order drawn from the item ids by seed 0, "
        f"until it is full ({sounds.used / 1e6:.1f} of {MAX_SOUND_BYTES / 1e6:.0f} MB of audio)."
    )
    if trouble:
        rule += f" Audio is missing where the items could not be read: {trouble}."
    data = {
        "items": cards,
        "sounds": sounds.stored,
        "columns": COLUMNS,
        "bands": BANDS,
        "symbols": words.SYMBOLS,
    }
    return {
        "cards": cards,
        "rule": rule,
        "no_items": trouble or "the run has none",
        "choices": {
            "tasks": sorted({one["task"] for one in cards}),
            "conditions": list(outcomes),
            "flips": list(words.FLIPS.items()),
            "labels": labels,
        },
        "flipped": sorted(flipped, key=lambda one: one["flip"]),
        "symbols": words.SYMBOLS,
        "data": data,
    }


def sources(runs: Sequence[LoadedRun], found: Found) -> list[tuple[str, str]]:
    """The sources of the page's numbers and audio."""
    new = runs[-1]
    labels = run_labels([one.folder for one in runs], [one.spec for one in runs])
    names = ["run"] if len(runs) == 1 else [f"run {at}" for at in range(1, len(runs) + 1)]
    lines = [
        (name, f"{label}; identity {run.spec.get('identity', 'not given')}")
        for name, label, run in zip(names, labels, runs, strict=True)
    ]
    dataset = new.spec.get("dataset") or {}
    if dataset:
        name = Path(dataset.get("path") or "").name
        lines.append(("dataset", f"{name}, content {dataset.get('digest')}"))
    benchmark = new.results.get("benchmark")
    if benchmark:
        facts = (
            f"{name} {benchmark[name]}"
            for name in ("version", "fingerprint", "items")
            if benchmark.get(name)
        )
        lines.append(("benchmark", f"{benchmark.get('name')}: {', '.join(facts)}"))
    spec = new.spec
    orders = f"rotations {spec.get('rotations')}, of the clips {spec.get('clip_rotations', 1)}"
    lines.append(("asked with", f"seed {spec.get('seed')}, {orders}"))
    if new.results.get("versions"):
        found_versions = new.results["versions"].items()
        lines.append(("versions", ", ".join(f"{name} {own}" for name, own in found_versions)))
    licences = sorted({item.licence for item in found.items.values() if item.licence})
    if licences:
        lines.append(("licences of the audio here", "; ".join(licences)))
    return lines
