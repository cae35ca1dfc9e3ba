"""SmolLM2-135M-Instruct as a writer: how many of its texts are accepted, and why others are not.

`PYTHONPATH=tests/synth python tests/synth/writers/smollm2.py [COUNT] [TASK] [ROUNDS]` prints the
counts and some replies. Short captions are of the made-up world; captions from weak tags of ESC-10,
with descriptions that are made up here: as on the web, with names, places, devices and dates.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelled_sounds import world

from harken.corpora.read import read_corpus
from harken.item import Item
from harken.models.base import Sampling
from harken.stats.measures import wilson
from harken.synth.make import draw
from harken.synth.pool import RecordingPool
from harken.synth.writing.base import WriterSettings
from harken.synth.writing.job import WriteJob, write_texts
from harken.synth.writing.recorded import recorded_items
from harken.synth.writing.rounds import RoundSettings

WEIGHTS = Path(os.environ.get("HARKEN_WEIGHTS", "."))
CORPORA = Path(os.environ.get("HARKEN_CORPORA", "."))

TOLD = (
    "{x}, recorded in Bergen with a Zoom H4n.",
    "my first upload: {x} near our house in {year}",
    "{x}. 48 kHz, stereo, free to use",
    "sample pack of Anna, take {n}, {x}",
    "Field recording of {x} by Tom Keller, {year}",
    "{x}",
    "{x} (loud) close to the microphone",
    "Here is {x} from my trip to Portugal, please leave a comment",
)
"""Descriptions; `{x}` is the label."""


def tagged(count: int) -> list[Item]:
    """Recordings of ESC-10, evenly spread, each with a description."""
    every = read_corpus(CORPORA / "esc10").recordings
    few = [every[n * len(every) // count] for n in range(count)]
    told = [
        TOLD[n % len(TOLD)].format(x=" and ".join(one.labels), year=2008 + n % 12, n=n)
        for n, one in enumerate(few)
    ]
    return list(
        recorded_items(replace(one, description=t) for one, t in zip(few, told, strict=True))
    )


def short(count: int) -> list[Item]:
    """Single clips of the made-up world."""
    pool = RecordingPool(world(["train"]), "train")
    families = ("first", "order", "identify", "presence")
    drawn = [i for f in families for i in draw(pool, "train", f, count, 5) if len(i.clips) == 1]
    return [drawn[k * len(drawn) // count] for k in range(count)]


def measured(folder: Path, count: int, task: str, rounds: int) -> dict[str, Any]:
    """The counts of a job of `count` items, nothing by the grammar."""
    job = WriteJob(
        task,
        f"causal:{WEIGHTS / 'smollm2-135m-instruct'}",
        rounds=RoundSettings(rounds=rounds, otherwise="drop"),
        settings=WriterSettings(sampling=Sampling(max_tokens=32 if task == "caption-tags" else 80)),
    )
    items = tagged(count) if task == "caption-tags" else short(count)
    made = write_texts(items, folder / "out", job)
    asked = made["kept"] + made["dropped"]
    return {**made, "accepted": [made["kept"] / asked, *wilson(made["kept"], asked)]}


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    chosen = sys.argv[2] if len(sys.argv) > 2 else "caption-short"
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(measured(Path(place), number, chosen, most), indent=2))
        for line in sorted(Path(place).glob("out/replies/replies.jsonl")):
            print(*line.read_text().splitlines()[:12], sep="\n")
