"""SmolLM2-135M-Instruct as a writer: how many of its texts are accepted, and why others are not.

`PYTHONPATH=tests/synth python tests/synth/writers/smollm2.py [COUNT] [TASK]` prints the counts. The
language model is opened through a composed model; its encoder is not used for text.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from labelled_sounds import world

from harken.models.base import Sampling
from harken.recipes.compose import compose_model
from harken.synth.make import draw
from harken.synth.pool import RecordingPool
from harken.synth.writing.base import WriterSettings
from harken.synth.writing.job import WriteJob, write_texts
from harken.synth.writing.rounds import RoundSettings

WEIGHTS = Path(os.environ.get("HARKEN_WEIGHTS", "."))


def measured(folder: Path, count: int, task: str) -> dict[str, Any]:
    """The counts of a job of `count` items, three rounds, nothing by the grammar."""
    compose_model(
        str(WEIGHTS / "whisper-base"), str(WEIGHTS / "smollm2-135m-instruct"), folder / "model"
    )
    pool = RecordingPool(world(["train"]), "train")
    families = ("first", "order", "identify", "presence")
    drawn = [i for f in families for i in draw(pool, "train", f, count, 5) if len(i.clips) == 1]
    items = [drawn[k * len(drawn) // count] for k in range(count)]
    job = WriteJob(
        task,
        str(folder / "model"),
        rounds=RoundSettings(otherwise="drop"),
        settings=WriterSettings(sampling=Sampling(max_tokens=80)),
    )
    return write_texts(items, folder / "out", job)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    chosen = sys.argv[2] if len(sys.argv) > 2 else "caption-short"
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(measured(Path(place), number, chosen), indent=2))
        for line in sorted(Path(place).glob("out/replies/replies.jsonl")):
            print(*line.read_text().splitlines()[:8], sep="\n")
