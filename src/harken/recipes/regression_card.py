"""The regression card: what a training gained and what it forgot, by skill.

The same held-out items are asked before the first step and after the last. Skills
(`harken.train.hearing_items.skill_of`) follow from clips, tags and choices, so any set has a card.
Of every skill, as far as its items allow:

* ``right``: share of right answers of closed-ended items (the most probable choice);
* ``word errors``: words of open-ended answers that are wrong, missing or added, per true word;
* ``loss``: -log p (nats) per answer token.

Changes are paired item by item; intervals resample recordings, p is the exact sign-flip test by
recording (`harken.stats.paired`), corrected over the skills by Holm's rule. A skill is forgotten
where test and interval both say that a measure got worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harken.ask.record import ask_and_score
from harken.ask.word_errors import edits, normalise
from harken.errors import RunError
from harken.item import Item, items_digest
from harken.models.base import Sampling
from harken.models.learner import Learner
from harken.runs import Run, read_run
from harken.shards.jsonl import write_jsonl
from harken.stats.bootstrap import Resampling, numbered
from harken.stats.measures import clusters
from harken.stats.paired import gap, holm
from harken.train.hearing_gap import hear
from harken.train.hearing_items import SKILLS, skill_of

Json = dict[str, Any]

ALPHA = 0.05
MAX_TOKENS = 64
"""Room for an open-ended answer."""

RECORDS, TEXT_ONLY, LOSSES, ASKED = "records", "text-only", "losses", "asked"
"""Records of a measurement: answers to items with clips, and without; losses; the items."""

ITEMS = "items.jsonl"
"""The items themselves, with paths relative to the file, for reports."""

MEASURES = {"right": 1, "word errors": -1, "loss": -1}
"""Measure -> 1 if more is better, -1 if less is."""


def measure_skills(learner: Learner, items: Sequence[Item], folder: Path, seed: int) -> None:
    """Ask a model the held-out items and write what it makes of them; a finished one is kept.

    Raises:
        RunError: the folder has a measurement of another model or of other items.
    """
    spec = {
        "kind": "held-out",
        "model": learner.name,
        "identity": learner.identity(),
        "items": items_digest(items),
        "seed": seed,
    }
    with Run.open(folder, spec) as run:
        if run.done:
            return
        heard = [item for item in items if item.clips]
        read = [item for item in items if not item.clips]
        sampling = Sampling(MAX_TOKENS)
        for own, name, condition in ((heard, RECORDS, "audio"), (read, TEXT_ONLY, "none")):
            if own:
                ask_and_score(
                    learner,
                    own,
                    run=run,
                    conditions=(condition,),
                    name=name,
                    sampling=sampling,
                    replies="none",
                    seed=seed,
                    max_failed=1.0,
                )
        for name in (LOSSES, ASKED):
            run.truncate(name, 0)  # a kill may have left some
        run.append(LOSSES, [*_losses(learner, heard, "audio"), *_losses(learner, read, "none")])
        groups = numbered(clusters([item.recordings for item in items])).tolist()
        run.append(ASKED, map(_asked, items, groups))
        write_jsonl(items, run.path(ITEMS))
        run.finish({"items": len(items)})
        learner.clear_cache()


def _asked(item: Item, group: int) -> Json:
    """What the card needs to know of an item; `group` is the cluster of its recordings."""
    closed = bool(item.choices)
    answer = "" if closed else item.answer
    return {"item": item.id, "skill": skill_of(item), "group": group, "answer": answer}


def _losses(learner: Learner, items: Sequence[Item], condition: str) -> list[Json]:
    found = hear(learner, items, condition).losses
    return [
        {"item": items[i].id, "tokens": len(own), "nats": round(float(own.sum()), 6)}
        for i, own in found.items()
    ]


@dataclass(frozen=True, slots=True)
class _Side:
    """One measurement: item id -> right or not, (word errors, words), (nats, tokens)."""

    right: Mapping[str, tuple[float, float]]
    words: Mapping[str, tuple[float, float]]
    loss: Mapping[str, tuple[float, float]]

    def of(self, measure: str) -> Mapping[str, tuple[float, float]]:
        """Item id -> (sum, size) of a measure: its value is the sum of sums by the sum of sizes."""
        return {"right": self.right, "word errors": self.words, "loss": self.loss}[measure]


def _read(folder: Path) -> tuple[_Side, list[Json]]:
    run = read_run(folder)
    if not run.done:
        raise RunError(
            "the measurement is not complete", where=str(folder), hint="Run harken train again."
        )
    items = run.records(ASKED)
    answers = {item["item"]: str(item["answer"]) for item in items}
    right: dict[str, tuple[float, float]] = {}
    words: dict[str, tuple[float, float]] = {}
    for record in [*run.stream(RECORDS), *run.stream(TEXT_ONLY)]:
        name = record["item"]
        if record["outcome"] == "failed":
            continue
        if record["options"]:
            right[name] = (float(record["outcome"] == "correct"), 1.0)
        elif gold := normalise(answers[name]).split():
            errors = sum(edits(gold, normalise(record["reply"]).split()))
            words[name] = (float(errors), float(len(gold)))
    loss = {r["item"]: (float(r["nats"]), float(r["tokens"])) for r in run.stream(LOSSES)}
    return _Side(right, words, loss), items


def card(before: Path, after: Path, seed: int = 0) -> Json:
    """The card of two finished measurements of the same items.

    Returns:
        ``items``, ``skills`` (``skill``, ``items`` and ``measures``: ``measure``, ``items``,
        ``before``, ``after``, ``difference`` with ``low``, ``high``, ``p``, ``p_holm``, and
        ``change``, one of better, worse, not shown, too few), ``forgotten`` and ``gained``
        (skills by name), ``not_measured`` (skills without items).

    Raises:
        RunError: one is not complete, or they are of other items.
    """
    (old, items), (new, same) = _read(before), _read(after)
    if items != same:
        raise RunError(
            "the measurements are of other items",
            where=f"{before} and {after}",
            hint="Train again into another folder.",
        )
    ids = [item["item"] for item in items]
    resampling = Resampling([item["group"] for item in items], seed)
    skills: list[Json] = []
    for name in SKILLS:
        own = [i for i, item in enumerate(items) if item["skill"] == name]
        if own:
            sides = (old, new)
            measures = [_measure(resampling, ids, own, sides, one) for one in MEASURES]
            there = [one for one in measures if one["items"]]
            skills.append({"skill": name, "items": len(own), "measures": there})
    resampling.run()
    for measure in MEASURES:
        rows = [m for s in skills for m in s["measures"] if m["measure"] == measure]
        holm(rows, "p")
        for row in rows:
            row["change"] = _change(row)
    found = {
        "items": len(items),
        "skills": skills,
        "forgotten": _changed(skills, "worse"),
        "gained": _changed(skills, "better"),
        "not_measured": [name for name in SKILLS if name not in {s["skill"] for s in skills}],
    }
    return _rounded(found)  # type: ignore[no-any-return]


def _measure(
    resampling: Resampling,
    ids: Sequence[str],
    own: Sequence[int],
    sides: tuple[_Side, _Side],
    measure: str,
) -> Json:
    """One measure of one skill before and after; the interval is filled in by `resampling`."""
    a, b = (side.of(measure) for side in sides)
    both = [i for i in own if ids[i] in a and ids[i] in b]
    names = [ids[i] for i in both]
    first, second = (_ratio([side[name] for name in names]) for side in (a, b))
    found: Json = {"measure": measure, "items": len(both), "before": first, "after": second}
    if not both:
        return found
    # A value of an item counts as often as the item has tokens or words, as in the means.
    sizes = np.array([a[name][1] for name in names]).astype(np.int64)
    change = np.array([b[n][0] / b[n][1] - a[n][0] / a[n][1] for n in names])
    tested = gap(resampling, change, np.array(both, np.int64))
    found |= {"p": tested["p"], "difference": float((change * sizes).sum() / sizes.sum())}
    resampling.want(change.repeat(sizes), found, units=np.array(both, np.int64).repeat(sizes))
    return found


def _ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    return sum(x for x, _ in pairs) / sum(n for _, n in pairs) if pairs else None


def _change(row: Json) -> str:
    """What a measure did: better or worse only where test and interval agree."""
    if row["low"] is None:
        return "too few"
    sign = MEASURES[row["measure"]]
    low, high = sorted((sign * row["low"], sign * row["high"]))
    if row["p_holm"] < ALPHA and low > 0:
        return "better"
    return "worse" if row["p_holm"] < ALPHA and high < 0 else "not shown"


def _changed(skills: Sequence[Json], change: str) -> list[str]:
    """The skills of which a measure changed so."""
    return [s["skill"] for s in skills if any(m["change"] == change for m in s["measures"])]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(own) for key, own in value.items()}
    if isinstance(value, list):
        return [_rounded(own) for own in value]
    return round(value, 6) + 0.0 if isinstance(value, float) else value
