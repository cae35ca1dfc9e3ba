"""Hand-made evaluations: run folders written without any model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.evaluate.results import tabulate
from harken.item import Contribution, Item
from harken.runs import Run
from harken.shards.write import write_dataset

RATE = RATE_HZ
CONDITIONS = ("audio", "none", "silence", "swap")
EVIL = "<script>alert(1)</script></script><img src=x onerror=alert(2)>\"'&"


def chirp(path: Path, seed: int, seconds: float = 1.5) -> Clip:
    """A wav file with a tone sweep and a few clicks; no two seeds sound alike."""
    draw = np.random.default_rng([seed, 11])
    t = np.arange(int(seconds * RATE)) / RATE
    low, high = np.sort(draw.uniform(200, 5000, 2))
    tone = np.sin(2 * np.pi * (low * t + (high - low) * t**2 / (2 * seconds)))
    wave = 0.4 * tone * np.hanning(len(t)) + 0.01 * draw.standard_normal(len(t))
    wave[draw.integers(0, len(t), 4)] += 0.6
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, wave.astype(np.float32), RATE)
    return Clip(path=str(path), duration_s=seconds)


TASKS = ("identify", "which-clip", "presence")
SOUNDS = ("dog bark", "church bells", "rain", "siren", "crow", "footsteps")


def make_items(folder: Path, count: int, evil: bool = False) -> list[Item]:
    """`count` items over three tasks; with `evil`, hostile strings wherever a string can be."""
    bad = EVIL if evil else ""
    name = "a<script>alert(3)<script>b.wav" if evil else "sound.wav"
    items = []
    for at in range(count):
        task = TASKS[at % 3]
        draw = np.random.default_rng([at, 3])
        clips = [
            chirp(folder / "sounds" / f"{at}-{k}-{name}", 10 * at + k)
            for k in range(1 + (at % 3 == 1))
        ]
        words = [SOUNDS[i] for i in draw.permutation(len(SOUNDS))[:4]]
        choices = {
            "identify": [w + bad for w in words],
            "which-clip": ["clip 1", "clip 2" + bad],
            "presence": ["yes" + bad, "no"],
        }[task]
        question = {
            "identify": "What is heard in the recording?",
            "which-clip": f"In which clip can you hear a {words[0]}?",
            "presence": f"Is there a {words[0]} in this recording, number {at}?",
        }[task]
        strong = bool(draw.random() < 0.7)
        shares = tuple(np.round(draw.normal(0.9, 0.5, 2), 2)) if len(clips) == 2 else ()
        items.append(
            Item(
                question=question + bad,
                answer=choices[int(draw.integers(len(choices)))],
                choices=tuple(choices),
                clips=tuple(clips),
                task=task + (bad if evil and at < 6 else ""),
                tags=("multi",) if len(clips) == 2 else ("single",),
                rationales=(f"A sweep of {at} tones leads here.{bad}",),
                recordings=(f"rec-{at}{bad}",),
                licence="CC BY 4.0" + bad,
                split="test",
                contribution=Contribution(
                    "strong" if strong else "weak",
                    "bits",
                    bits=float(np.round(draw.normal(1.5 if strong else 0.1, 0.5), 3)),
                    text_only_right=1,
                    text_only_asked=5,
                    shapley=tuple(float(s) for s in shares),
                    interaction=0.25 if shares else None,
                ),
            )
        )
    return items


def record(
    item: Item, condition: str, p_gold: float, rotation: int = 0, **changes: Any
) -> dict[str, Any]:
    """One record whose answer is the likeliest option."""
    size = len(item.choices)
    order = [(i + rotation) % size for i in range(size)]
    chances = np.full(size, (1 - p_gold) / (size - 1))
    chances[order.index(item.gold)] = p_gold
    pick = item.choices[order[int(np.argmax(chances))]]
    return {
        "key": f"{item.id}-{condition}-{rotation}",
        "item": item.id,
        "task": item.task,
        "tags": list(item.tags),
        "condition": condition,
        "rotation": rotation,
        "clips": len(item.clips) if condition != "none" else 0,
        "question": item.question,
        "prompt": item.question,
        "answer": item.answer,
        "choices": [item.choices[i] for i in order],
        "order": order,
        "reply": pick,
        "stop": "end",
        "error": None,
        "logprobs": [round(float(np.log(c)), 6) for c in chances],
        "outcome": "correct" if pick == item.answer else "wrong",
        "value": float(pick == item.answer),
        "parsed": pick,
        "rule": "logprob",
        "gold": item.gold,
        "gold_shown": order.index(item.gold),
        "group": item.recordings[0] if item.recordings else item.id,
        "split": item.split,
        "how": "logprob",
        **changes,
    }


Chance = Callable[[Item, str, np.random.Generator], float]


def listens(item: Item, condition: str, draw: np.random.Generator) -> float:
    """Mostly right with audio, at chance without."""
    likely = draw.random() < (0.82 if condition == "audio" else 1 / len(item.choices))
    return float(draw.uniform(0.55, 0.95) if likely else draw.uniform(0.02, 0.3))


def text_only(item: Item, condition: str, draw: np.random.Generator) -> float:
    """At chance under every condition."""
    return listens(item, "none", draw)


def make_records(items: Sequence[Item], chance: Chance, seed: int = 0) -> list[dict[str, Any]]:
    """All items under all conditions, with an abstention, an unparsable and a failed reply."""
    records = []
    for condition in CONDITIONS:
        draw = np.random.default_rng([seed, len(condition)])
        records += [record(item, condition, chance(item, condition, draw)) for item in items]
    for at, outcome in ((2, "abstained"), (4, "unparsable"), (5, "failed")):
        if at < len(records):
            records[at] |= {
                "outcome": outcome,
                "parsed": None,
                "rule": outcome,
                "reply": "I cannot say.",
            }
    if len(records) > 5:
        records[5] |= {"reply": "", "error": "out of memory", "logprobs": None, "value": None}
    return records


def make_run(
    folder: Path,
    items: Sequence[Item],
    records: Sequence[dict[str, Any]],
    dataset: Path | None,
    model: str,
) -> Path:
    """A finished evaluation's folder."""
    spec: dict[str, Any] = {
        "kind": "evaluate",
        "model": model,
        "identity": "abc123",
        "seed": 0,
        "rotations": 1,
    }
    if dataset is not None:
        spec["dataset"] = {"path": f"../{dataset.name}", "digest": "d1"}
    with Run.open(folder, spec) as run:
        run.append("records", records)
        run.write_json("results", tabulate(records))
        run.finish({})
    return folder


def make_world(root: Path, count: int = 24, evil: bool = False) -> dict[str, Path]:
    """A dataset, an evaluation before and one after, and a training run, below `root`."""
    items = make_items(root, count, evil)
    name = "model" + (EVIL if evil else "")
    write_dataset(items, root / "items", name="hand", root=root)
    found = {"dataset": root / "items"}
    for when, chance in (("before", text_only), ("after", listens)):
        records = make_records(items, chance, seed=len(when))
        if evil:
            records[0] |= {"reply": EVIL, "error": None}
        found[when] = make_run(root / when, items, records, root / "items", f"{name} {when}")
    with Run.open(root / "train", {"kind": "train"}) as run:
        steps = range(1, 201)
        run.append(
            "metrics",
            [
                {
                    "step": s,
                    "loss": 2.5 * np.exp(-s / 60) + 0.1 * np.sin(s),
                    "reward": 1 - np.exp(-s / 80),
                }
                for s in steps
            ],
        )
        run.finish({})
    found["train"] = root / "train"
    return found


def page_data(html: str) -> dict[str, Any]:
    """The JSON that a page carries for its script."""
    start = html.index('id="data">') + len('id="data">')
    found: dict[str, Any] = json.loads(html[start : html.index("</script>", start)])
    return found
