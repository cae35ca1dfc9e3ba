"""What the train loop costs beside the steps: loader time hidden, and two processes beside one.

Run: ``OMP_NUM_THREADS=1 python benchmarks/train_loop.py`` (two idle cores; about ten minutes).

``loader``: the same training with each step prepared when it is asked for, and with the next step
prepared while one runs. A round has both; ``hidden`` is the share of the waiting of the former that
is gone in the latter. Features are augmented, so that every step computes them anew.

``processes``: the same steps in one process and in two (``torchrun``), each with one thread, in
rounds; ``ratio`` is the median time of a step in one over that in two. Each process prepares its
share of the examples and trains on it. Features are kept in memory, so a step is all training;
``processes_loading`` is the same with none kept: every clip is decoded in the step that uses it.
``work`` is the ratio of CPU seconds of a step, of the busier process where there are two: what the
ratio would be at best. It says how the work is divided on a busy machine too, where times of wall
clock say nothing.

Times are medians over rounds; ratios are taken within a round. The weights of both loaders are
equal to the last bit, and those of one and two processes but for rounding; the benchmark stops if
they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from harken import progress
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.audio.probe import file_sha256
from harken.item import Item
from harken.models.composed import model as composed
from harken.models.composed.model import ComposedModel
from harken.models.engine.features import FeatureCache
from harken.models.learner import Learner
from harken.recipes.steps import run_stage
from harken.runs import read_run
from harken.train import parallel, train_loop
from harken.train.loader import Loader
from harken.train.sft import SftSettings

LABELS = ("dog barking", "church bell", "siren", "rain", "violin", "thunder", "frog", "clock")


def items(folder: Path, count: int, seconds: float) -> list[Item]:
    """Noise of random lengths around `seconds`, with a name each."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    made = []
    for n in range(count):
        path = folder / f"{n}.wav"
        samples = 0.1 * rng.standard_normal(int(RATE_HZ * seconds * rng.uniform(0.5, 1.5)))
        if not path.exists():
            write_wav(path, samples.astype(np.float32), RATE_HZ)
        clip = Clip(
            path=str(path), duration_s=len(samples) / RATE_HZ, sha256=file_sha256(str(path))
        )
        answer = LABELS[n % len(LABELS)]
        made.append(Item(question="Which sound is it?", answer=answer, clips=(clip,)))
    return made


def learner_of(width: int) -> Learner:
    """A model whose step takes some time on one core."""
    shape: dict[str, Any] = {"width": width, "layers": 4, "inner": 2 * width}
    shape |= {"audio_encoder": "conformer", "dropout": 0.0}  # batch norm would see other batches
    return ComposedModel.preset(
        "harken-tiny", texts=LABELS, seed=0, pretrained_lm=False, mimetic=0.0, **shape
    )


def trained(folder: Path, asked: argparse.Namespace, *, augment: bool) -> tuple[str, list[Any]]:
    """The identity of the trained model, and the log lines of its steps but the first two."""
    learner = learner_of(asked.width)
    settings = SftSettings(
        steps=asked.steps, batch=asked.batch, lr=1e-4, threads=1, augment=augment, checkpoint_s=0
    )
    run_stage("sft", learner, items(asked.sounds, asked.items, asked.seconds), settings, folder)
    return learner.identity(), steps_of(folder)


def steps_of(folder: Path) -> list[Any]:
    """The log lines of the steps of a run but the first two."""
    return [line for line in read_run(folder / "sft").stream("log") if "waited_s" in line][2:]


def child(folder: Path, asked: argparse.Namespace) -> None:
    """A training in one of the processes; CPU seconds of its steps go to ``cpu-RANK.json``."""
    if asked.loading:
        composed._features = FeatureCache(1)  # nothing fits
    seconds: list[float] = []
    plain = train_loop._Loop._step

    def step(loop: Any, number: int) -> None:
        before = time.process_time()
        plain(loop, number)
        seconds.append(time.process_time() - before)

    train_loop._Loop._step = step  # type: ignore[method-assign]
    with parallel.processes():
        rank = parallel.rank()
        trained(folder, asked, augment=False)
    (folder / f"cpu-{rank}.json").write_text(json.dumps(seconds[2:]))


def loader(asked: argparse.Namespace, root: Path) -> dict[str, float]:
    """Both loaders, in rounds."""
    rounds = []
    for number in range(asked.rounds):
        found = {}
        for ahead in (False, True):
            train_loop.Loader = (  # type: ignore[misc, assignment]
                lambda own, steps, ahead=ahead: Loader(own, steps, ahead=ahead)
            )
            found[ahead] = trained(root / f"loader {number} {ahead}", asked, augment=True)
        assert found[False][0] == found[True][0], "the loader changes the weights"
        waited, seconds = (
            {ahead: sum(line[key] for line in log) for ahead, (_, log) in found.items()}
            for key in ("waited_s", "s")
        )
        rounds.append(
            {
                "waited_s": waited[False] / len(found[False][1]),
                "hidden": 1 - waited[True] / waited[False],
                "faster": seconds[False] / seconds[True],
            }
        )
    return {key: median(one[key] for one in rounds) for key in rounds[0]}


def processes(asked: argparse.Namespace, root: Path, *, loading: bool) -> dict[str, float]:
    """One process and two, in rounds."""
    rounds = []
    for number in range(asked.rounds):
        seconds, cpu, losses = {}, {}, {}
        for count in (1, 2):
            folder = root / f"processes {loading} {number} {count}"
            names = ("steps", "batch", "width", "items", "seconds", "sounds")
            own = [f"--{name}={getattr(asked, name)}" for name in names]
            subprocess.run(
                [
                    sys.executable, "-m", "torch.distributed.run", "--standalone",
                    "--nproc-per-node", str(count), __file__, f"--child={folder}", *own,
                    *(["--loading"] if loading else []),
                ],
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            seconds[count] = median(line["s"] for line in steps_of(folder))
            files = [folder / f"cpu-{rank}.json" for rank in range(count)]
            cpu[count] = max(median(json.loads(file.read_text())) for file in files)
            metrics = list(read_run(folder / "sft").stream("metrics"))
            losses[count] = metrics[-1]["loss"]
        assert abs(losses[1] - losses[2]) < 1e-3, "other losses in two processes"
        times = {"one_s": seconds[1], "two_s": seconds[2], "ratio": seconds[1] / seconds[2]}
        rounds.append(times | {"one_cpu_s": cpu[1], "two_cpu_s": cpu[2], "work": cpu[1] / cpu[2]})
    return {key: median(one[key] for one in rounds) for key in rounds[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=["loader", "processes", "all"], default="all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--loading", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    progress.quiet()
    if asked.child:
        child(asked.child, asked)
        return
    with tempfile.TemporaryDirectory() as root:
        asked.sounds = asked.sounds or Path(root) / "sounds"
        found: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
        if asked.part != "processes":
            found["loader"] = loader(asked, Path(root))
        if asked.part != "loader":
            found["processes"] = processes(asked, Path(root), loading=False)
            found["processes_loading"] = processes(asked, Path(root), loading=True)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
