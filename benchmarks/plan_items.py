"""Items planned a second on one core, and the memory of the driver by the number of items.

Run: ``python benchmarks/plan_items.py [--count 1000] [--rounds 3] [--sizes 10000 100000 1000000]``

*Rate*: the work of `harken synth` before any item is made: constants drawn, texts and clips built
from them, the id computed, for every item of a chunk (`harken.synth.drawing.draw_chunk`). CPU time
of this process, medians of the rounds. Families about recordings and about notes need no audio, and
the recordings here have none. Of staged scenes a few families are drawn from short files; they are
decoded in a round before.

*Memory*: the high-water mark of a process that draws a dataset of one family and writes nothing
(`plan_dataset`), above that of a process that draws one item. Drawn in the process itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from harken import progress
from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.engines.base import WorkUnit
from harken.synth.drawing import Drawing, draw_chunk
from harken.synth.make import FAMILIES, plan_dataset
from harken.synth.pool import RecordingPool

LABELS = (
    *("dog bark", "cat", "rooster", "rain", "sea waves", "thunder", "baby cry", "person sneeze"),
    *("laughter", "clock tick", "door knock", "helicopter", "train", "chainsaw", "siren", "piano"),
)
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS = ("anna", "bert", "carl", "dora")
SCENES = ("before-after", "when", "count-events", "absent", "compose", "say-when")
RATE = 16_000


def recordings(folder: Path | None, each: int) -> list[Recording]:
    """Sounds of 16 labels, `each` of every one, words of four speakers; files in a folder."""
    named = [(label, "sound", "") for label in LABELS for _ in range(each)]
    named += [(word, "speech", who) for word in WORDS for who in SPEAKERS for _ in range(each // 8)]
    found = []
    for number, (name, kind, speaker) in enumerate(named):
        path = f"{folder or '/none'}/{number}.wav"
        sha256 = hashlib.sha256(path.encode()).hexdigest()
        if folder is not None:
            tone(Path(path), number)
            sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        clip = Clip("file", path, duration_s=1.0, sha256=sha256)
        said = name if kind == "speech" else None
        found.append(
            Recording(clip, str(number), kind, (name,), said, speaker or None, split="train")  # type: ignore[arg-type]
        )
    return found


def tone(path: Path, number: int) -> None:
    """A second of a tone that fades."""
    time_s = np.arange(RATE) / RATE
    sound = np.sin(2 * np.pi * (150 + 3 * number) * time_s) * np.exp(-time_s)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((9000 * sound).astype("<i2").tobytes())


def rate(name: str, pool: RecordingPool, count: int, rounds: int) -> float:
    """Items of a family drawn a second of CPU; 0 where it cannot be made."""
    kind = FAMILIES.get(name)
    if kind.lacks(pool):
        return 0.0
    took, made = [], 0
    for turn in range(rounds + 1):  # the first decodes, and fills caches
        drawing = Drawing((kind,), (pool,), turn)
        start = time.process_time()
        made = len(draw_chunk(drawing, WorkUnit(name, (0, 0, 0, count))).attempts)
        took.append(time.process_time() - start)
    return made / statistics.median(took[1:])


def peak_mib(items: int) -> float:
    """High-water mark of a process that draws so many items."""
    words = [sys.executable, __file__, "--child", str(items)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout))


def child(items: int) -> float:
    """Draw a dataset here, and return the high-water mark in MiB."""
    progress.quiet()
    planned = plan_dataset(recordings(None, 400), families=["same-sound"], per_family=items)
    assert sum(unit.items for unit in planned.units) == items, planned.report
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def rates(count: int, rounds: int) -> None:
    """Print what is drawn a second, by family and group."""
    with tempfile.TemporaryDirectory() as folder:
        pools = {
            "recordings": RecordingPool(recordings(None, 40), "train"),
            "scenes": RecordingPool(recordings(Path(folder), 8), "train"),
        }
        pools["music"] = pools["recordings"]
        for group, pool in pools.items():
            names = [name for name in FAMILIES if FAMILIES.get(name).made_with == group]
            names = [name for name in names if group != "scenes" or name in SCENES]
            found = {name: rate(name, pool, count, rounds) for name in names}
            found = {name: own for name, own in found.items() if own}
            for name, own in found.items():
                print(f"{name:16s} {own:8,.0f} items/s")
            mean = len(found) / sum(1 / own for own in found.values())
            print(f"{group:16s} {mean:8,.0f} items/s: as many of each", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--count", type=int, default=1000, help="items of a family and round; 0: none"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--child", type=int)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(child(asked.child)))
        return
    if asked.count:
        rates(asked.count, asked.rounds)
    if asked.sizes:
        base = peak_mib(1)
        for size in asked.sizes:
            print(
                f"{size:>9,} items: {peak_mib(size) - base:6.1f} MiB above {base:.0f}", flush=True
            )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
