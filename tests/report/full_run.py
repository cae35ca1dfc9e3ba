"""A pair of runs that hold everything a page can show: orders, cuts, single clips, checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harken.evaluate.results import tabulate
from harken.item import Item
from harken.runs import Run
from harken.shards.write import write_dataset
from scored_records import EVIL, make_items, record

OTHERS = ("none", "silence", "swap", "transcript", "clip-1", "fragment-1of2", "fragment-2of2")


def make_full(root: Path, count: int = 18) -> dict[str, Path]:
    """Run folders ``before`` and ``after``; names of tasks, checks and floors are hostile."""
    items = make_items(root, count, evil=True)
    write_dataset(items, root / "items", name="full", root=root)
    made = {}
    for when, skill in (("before", 0.4), ("after", 0.9)):
        records = _trials(items, skill)
        spec = {"kind": "evaluate", "model": when, "identity": "x", "seed": 0, "rotations": 2}
        spec["dataset"] = {"path": "../items", "digest": "d1"}
        with Run.open(root / when, spec) as run:
            run.append("records", records)
            run.write_json("results", {**tabulate(records), **_about()})
            run.finish({})
        made[when] = root / when
    return made


def _trials(items: list[Item], skill: float) -> list[dict[str, Any]]:
    draw = np.random.default_rng(int(100 * skill))
    records = []
    for item in items:
        own = {"heard": len(item.clips), "clips": len(item.clips)}
        for turn in range(len(item.clips)):
            for r in (0, 1):
                p = 0.9 if draw.random() < skill else 0.05
                records.append(record(item, "audio", p, r, clip_rotation=turn, **own))
        records += [
            record(item, name, 0.3 if draw.random() < 0.5 else 0.6, **own) for name in OTHERS
        ]
    records[3] |= {"outcome": "hidden", "value": None}
    return records


def _about() -> dict[str, Any]:
    cell = {"accuracy": 0.4, "low": 0.3, "high": 0.5}
    return {
        "blind": {"name": "linear" + EVIL, **cell, "floors": {"linear" + EVIL: cell}},
        "checks": [
            {"name": "selfcheck", "ok": True, "text": "8 of 8 the same" + EVIL},
            {"name": "contamination" + EVIL, "ok": False, "text": "2 items shared"},
            {"name": "release", "ok": None, "text": "no version"},
        ],
        "official": {
            "condition": "audio",
            "submitted": {
                "n": 18,
                "official": {"accuracy": 0.61},
                "strict": {"accuracy": 0.55},
                "parse_rate": 0.9,
            },
            "raw": None,
        },
    }
