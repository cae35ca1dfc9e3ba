"""A needle in an hour: one sound among silence, or among others, at lengths up to an hour.

    python needle.py CORPUS -o OUT [--model windows:harken-tiny-trained?window_s=2] [--minutes 1 60]

In every scene one sound of the corpus's test recordings is heard once, at a drawn time. In `quiet`
there is nothing else; in `among` another sound begins every six seconds on average, none of which
is an option. The question names four sounds of which one is heard. OUT/needle.jsonl has a line an
answer, and a killed run goes on after it; OUT/needle.json has, for each length, how many are right
with a Wilson interval, and the peak memory of the process after it (lengths are asked in order).
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip, Part, ScenePlan
from harken.corpora.base import Recording
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.files import write_json
from harken.item import Item
from harken.models.base import style_of
from harken.models.load import load_model
from harken.progress import track
from harken.recipes.few_names import few_names
from harken.stats.measures import wilson

MODEL = "windows:harken-tiny-trained?window_s=2"
MINUTES = (0.05, 0.5, 1.0, 5.0, 20.0, 60.0)
COUNTS = {0.05: 40, 0.5: 40, 1.0: 40, 5.0: 30, 20.0: 16, 60.0: 8}
EVERY_S = 6.0
QUESTION = "What is heard in this clip?"


def scene(
    own: Mapping[str, Sequence[Recording]], minutes: float, kind: str, index: int
) -> tuple[Item, float]:
    """One item and when its needle begins; a pure function of the arguments."""
    rng = np.random.default_rng([index, round(minutes * 60), kind == "among"])
    names = sorted(own)
    options = [names[int(i)] for i in rng.permutation(len(names))[:4]]
    needle = options[int(rng.integers(4))]
    others = [name for name in names if name not in options]
    seconds = minutes * 60
    at_s = round(float(rng.uniform(0, seconds - 1.5)), 2)
    parts = [Part(_one(own[needle], rng), at_s)]
    while kind == "among" and others and len(parts) <= seconds / EVERY_S:
        start = round(float(rng.uniform(0, seconds - 1.5)), 2)
        if abs(start - at_s) > 2.0 or seconds < 5:
            parts.append(Part(_one(own[others[int(rng.integers(len(others)))]], rng), start))
    plan = ScenePlan(tuple(sorted(parts, key=lambda part: part.at_s)), seconds, gain_db=-3.0)
    clip = Clip("plan", duration_s=seconds, plan=plan)
    return Item(QUESTION, needle, tuple(options), (clip,), task="needle"), at_s


def _one(recordings: Sequence[Recording], rng: np.random.Generator) -> Clip:
    clip = recordings[int(rng.integers(len(recordings)))].clip
    return clip


def sounds(corpus: Path, split: str = "test") -> dict[str, list[Recording]]:
    """Label -> recordings of a split with one sound, of the names that harken-tiny knows."""
    read = few_names(assign_splits(read_corpus(corpus).recordings, 0), 0)[0]
    found: dict[str, list[Recording]] = {}
    for one in read:
        if one.split == split and one.kind == "sound" and len(one.labels) == 1:
            found.setdefault(one.labels[0], []).append(one)
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--minutes", type=float, nargs="+", default=list(MINUTES))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    own, model = sounds(given.corpus), load_model(given.model)
    path = given.out / "needle.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(one["minutes"], one["kind"], one["index"]) for one in lines}
    asked = [(m, kind, i) for m in sorted(given.minutes) for kind in ("quiet", "among")
             for i in range(COUNTS.get(m, 20)) if (m, kind, i) not in done]  # fmt: skip
    for minutes, kind, index in track(asked, "needles"):
        item, at_s = scene(own, minutes, kind, index)
        (found,) = model.choice_logprobs([make_prompt(item, style_of(model))])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        right = found is not None and int(np.argmax(found)) == item.gold
        line: dict[str, Any] = {"minutes": minutes, "kind": kind, "index": index, "at_s": at_s,
                                "right": right, "peak_mib": round(peak)}  # fmt: skip
        lines.append(line)
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
    table = []
    for minutes in sorted({one["minutes"] for one in lines}):
        for kind in ("quiet", "among"):
            rows = [one for one in lines if (one["minutes"], one["kind"]) == (minutes, kind)]
            right = sum(one["right"] for one in rows)
            table.append({
                "minutes": minutes, "kind": kind, "n": len(rows), "right": right,
                "wilson_95": [round(v, 3) for v in wilson(right, len(rows))],
                "peak_mib": max(one["peak_mib"] for one in rows),
            })  # fmt: skip
            print(table[-1])
    write_json(given.out / "needle.json", {"model": model.name, "table": table})


if __name__ == "__main__":
    main()
