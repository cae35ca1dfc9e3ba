"""Two workers against one, and the driver's memory by the number of items.

Run: ``python benchmarks/scale_workers.py [--items 2000] [--sizes 10000 100000] [--repeats 3]``

*Workers*: a dataset of mixed scenes, drawn, rendered and embedded as FLAC, once in one process and
once with two workers, in turn, each in a process of its own. The wall clock gives the speed-up
where two cores are free. On a busy computer it does not, so processor times are given too: with
two cores of its own, a job takes what the driver takes and what its busiest worker takes after it.
All parts that the driver does alone are in that, and so is the start of workers.

*Memory*: the high-water mark (VmHWM) of the driver, libraries included, for datasets of the sizes
given, with two workers. Items refer to recordings, so most of the work is drawing and writing rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from harken import progress
from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.engines.load import open_engine
from harken.shards.read import open_dataset
from harken.synth.make import make_dataset

LABELS = ("dog bark", "rain", "door knock", "siren", "clock tick", "sea waves", "rooster", "cow")
RATE = 16_000


def recordings(folder: Path, each: int) -> list[Recording]:
    """`each` recordings of two seconds of every label; files are written where there are none."""
    found = []
    for place, label in enumerate(LABELS):
        for number in range(each):
            path = folder / f"{place}-{number}.wav"
            if not path.is_file():
                time_s = np.arange(2 * RATE) / RATE
                sound = np.sin(2 * np.pi * (150 + 90 * place + number) * time_s) * np.exp(-time_s)
                with wave.open(str(path), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(RATE)
                    file.writeframes((9000 * sound).astype("<i2").tobytes())
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            clip = Clip("file", str(path), duration_s=2.0, sha256=sha256)
            found.append(Recording(clip, path.stem, "sound", (label,), split="train"))
    return found


def measure(folder: Path, out: Path, items: int, workers: int, embed: bool) -> dict[str, Any]:
    """Make a dataset here; seconds of wall clock and of processors, and the driver's memory."""
    own = recordings(folder, 40)
    progress.quiet()
    begin, cpu = time.perf_counter(), time.process_time()
    busiest = 0.0
    with open_engine("local", workers) as engine:
        families = ["count"] if embed else ["presence", "which-clip", "count", "order"]
        made = make_dataset(
            own, out, families=families, per_family=items // len(families), embed=embed,
            engine=engine,
        )  # fmt: skip
        wall, driver = time.perf_counter() - begin, time.process_time() - cpu
        for worker in getattr(engine, "_idle", []):
            busiest = max(busiest, _cpu_of(worker.process.pid))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return {
        "items": made["items"],
        "digest": open_dataset(out).info.digest,
        "wall_s": wall,
        "driver_s": driver,
        "busiest_s": busiest,
        "workers_s": after.ru_utime + after.ru_stime,
        "peak_mib": peak,
    }


def _cpu_of(process: int) -> float:
    """Processor seconds of a process that runs."""
    words = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def child(*words: object) -> dict[str, Any]:
    """`measure` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", *map(str, words)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=5)
    asked = parser.parse_args()
    if asked.child:
        folder, out, items, workers, embed = asked.child
        found = measure(Path(folder), Path(out), int(items), int(workers), embed == "True")
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "recordings"
        folder.mkdir()
        recordings(folder, 40)
        runs: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
        for turn in range(asked.repeats):
            for workers in (1, 2):
                out = root / f"{workers}-{turn}"
                runs[workers].append(child(folder, out, asked.items, workers, True))
        assert len({one["digest"] for own in runs.values() for one in own}) == 1
        if runs[1]:
            walls = {w: statistics.median(one["wall_s"] for one in own) for w, own in runs.items()}
            print(f"{asked.items} scenes embedded: wall clock {walls[1]:.1f} s with one worker, "
                  f"{walls[2]:.1f} s with two: {walls[1] / walls[2]:.2f} x")  # fmt: skip
            one = statistics.median(found["driver_s"] for found in runs[1])
            two = statistics.median(found["driver_s"] + found["busiest_s"] for found in runs[2])
            print(f"processor time: {one:.1f} s in one process; driver and busiest of two workers "
                  f"{two:.1f} s: {one / two:.2f} x with two cores of their own")  # fmt: skip
        for size in asked.sizes:
            found = child(folder, root / f"size-{size}", size, 2, False)
            print(f"{found['items']} items: driver {found['peak_mib']:.0f} MiB, "
                  f"{found['driver_s']:.1f} s of its processor time, "
                  f"{found['workers_s']:.1f} s of the workers'")  # fmt: skip


if __name__ == "__main__":
    main()
