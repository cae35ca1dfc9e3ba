"""Scenes a second on one core: rendered and encoded, beside soundfile's writing alone.

    python benchmarks/render_scenes.py            # prints a table; half a minute

Three kinds, 16 kHz, 10 s each: mono mixtures of two to five events over a background; first-order
ambisonics with three sources, without reflections; and the same in a room with a reverberation time
of 0.4 s. For each:

- ``write``: soundfile encodes finished samples as 16-bit FLAC, and nothing else: the baseline;
- ``render``: `harken.audio.load.render` from a plan, and the same encoding;
- ``all``: a scene drawn, levelled, rendered, encoded, and its truth measured.

Times are CPU time of this process, the ways taking turns within a round; medians of the rounds.
Recordings are decoded once before (they stay in the cache, as in a long run over a small corpus).
"Times real time" is the length of the scenes over the CPU time. ``render`` convolves anew, with
impulse responses that are made in the first round; in ``all`` every scene is new, and has a room of
its own, whose images are laid out, whose absorption is found and whose responses are made.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import count as count_from
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.codec import Samples
from harken.audio.load import encode_flac, render, write_wav
from harken.audio.probe import file_sha256
from harken.audio.stems import clear_stems
from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool
from harken.synth.scenes.compose import SceneKey
from harken.synth.scenes.planned import PlannedScene
from harken.synth.scenes.spec import SceneSpec, spec_from
from harken.synth.scenes.truth import truth_of
from harken.synth.scenes.write import make_scene

SECONDS = 10.0
UNDER = {"labels": ["rain"], "level": -40}
PLACE = {
    "azimuth": {"uniform": [-180, 180]},
    "elevation": {"uniform": [-20, 20]},
    "distance": {"uniform": [0.8, 1.2]},
}
SPECS: dict[str, dict[str, Any]] = {
    "mono, 2-5 events": {
        "background": UNDER,
        "events": [{"count": {"choice": [2, 3, 4, 5]}, "snr": {"uniform": [0, 20]}}],
    },
    "foa, 3 sources": {"layout": "foa", "events": [{"count": 3, "place": PLACE}]},
    "foa, 3 sources, RT60 0.4 s": {
        "layout": "foa",
        "events": [{"count": 3, "place": PLACE}],
        "room": {"size": [6, 5, 3], "rt60": 0.4},
    },
}


def recordings(folder: Path) -> RecordingPool:
    """Forty sounds of 0.5 to 3 s, and rain of 12 s."""
    found = []
    for number in range(41):
        rng = np.random.default_rng(number)
        label = "rain" if number == 40 else f"sound {number // 4}"
        length = 12.0 if label == "rain" else float(rng.uniform(0.5, 3.0))
        noise = rng.standard_normal(round(length * RATE_HZ))
        smooth = np.convolve(noise, np.hanning(9) / 4, "same") * 0.1
        path = folder / f"{number}.wav"
        write_wav(path, smooth.astype(np.float32), RATE_HZ)
        clip = Clip(path=str(path), duration_s=round(length * RATE_HZ) / RATE_HZ,
                    sha256=file_sha256(path))  # fmt: skip
        found.append(Recording(clip, str(number), "sound", (label,), split="train"))
    return RecordingPool(found, "train")


def write(samples: Samples) -> None:
    """What soundfile does alone."""
    import soundfile

    soundfile.write(io.BytesIO(), samples.T, RATE_HZ, format="FLAC", subtype="PCM_16")


def rates(spec: SceneSpec, pool: RecordingPool, count: int, rounds: int) -> dict[str, float]:
    """Times real time of each way."""
    made = [_short(make_scene(spec, pool, SceneKey(0, index))) for index in range(count)]
    mono = spec.layout == "mono"

    seeds = count_from(1)

    def whole(index: int) -> None:
        scene, samples = _short(make_scene(spec, pool, SceneKey(next(seeds), index)))
        truth_of(scene)
        encode_flac(samples, RATE_HZ)

    def rendered(scene: PlannedScene) -> None:
        clear_stems()
        encode_flac(render(scene.plan, mono=mono), RATE_HZ)

    ways: dict[str, Callable[[int], None]] = {
        "write": lambda index: write(made[index][1]),
        "render": lambda index: rendered(made[index][0]),
        "all": whole,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            for index in range(count):
                way(index)
            took[name].append(time.process_time() - start)
    return {name: count * SECONDS / statistics.median(own) for name, own in took.items()}


def _short(made: tuple[PlannedScene, Samples | None]) -> tuple[PlannedScene, Samples]:
    scene, samples = made
    assert samples is not None
    return scene, samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20, help="scenes of a kind and round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pool = recordings(Path(name))
        print(f"{'kind':28s} {'write':>8s} {'render':>8s} {'all':>8s}   times real time, one core")
        for kind, declared in SPECS.items():
            spec = spec_from({"duration": SECONDS, **declared})
            count = asked.count if "RT60" not in kind else max(2, asked.count // 5)
            found = rates(spec, pool, count, asked.rounds)
            print(f"{kind:28s} " + " ".join(f"{rate:8,.0f}" for rate in found.values()))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
