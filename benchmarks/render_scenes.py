"""Scenes a second on one core: rendered and encoded, beside soundfile's writing alone.

    python benchmarks/render_scenes.py            # prints a table; half a minute

Three kinds, 16 kHz, 10 s each: mono mixtures of two to five events over a background; first-order
ambisonics with three sources, without reflections; and the same in a room with a reverberation time
of 0.4 s. For each:

- ``write``: soundfile encodes finished samples as 16-bit FLAC, and nothing else: the baseline;
- ``render``: `harken.audio.load.render` from a plan, and the same encoding;
- ``all``: a scene drawn, levelled, rendered, encoded, and its truth measured;
- ``wav`` (mono): from a plan, encoded as WAV;
- ``limit`` (rooms): what no way of ours can be faster than: pyroomacoustics lays out the images of
  the sources, the channels are convolved with finished responses, and FLAC is written.

Times are CPU time of this process, the ways taking turns within a round; medians of the rounds.
Recordings are decoded once before (they stay in the cache, as in a long run over a small corpus).
With ``--scaper PYTHON``, an interpreter that has scaper, the mono mixtures are made by it too
(`benchmarks/scaper_mixtures.py`): the same files, times and levels, written as WAV.

"Times real time" is the length of the scenes over the CPU time. ``render`` convolves anew, with
impulse responses that are made in the first round; in ``all`` every scene is new, and has a room of
its own, whose images are laid out, whose absorption is found and whose responses are made.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import count as count_from
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.codec import Samples
from harken.audio.load import encode_flac, encode_wav, render, write_wav
from harken.audio.probe import file_sha256
from harken.audio.space.images import room_images
from harken.audio.stems import clear_stems
from harken.corpora.base import Recording
from harken.synth.pool import RecordingPool
from harken.synth.scenes.compose import SceneKey
from harken.synth.scenes.planned import PlannedScene
from harken.synth.scenes.spec import SceneSpec, spec_from
from harken.synth.scenes.truth import truth_of
from harken.synth.scenes.units import make_scene

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
    if mono:
        ways["wav"] = lambda index: as_wav(made[index][0])
    if spec.room is not None:
        ways["limit"] = lambda index: limit(made[index], mono)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            for index in range(count):
                way(index)
            took[name].append(time.process_time() - start)
    return {name: count * SECONDS / statistics.median(own) for name, own in took.items()}


def as_wav(scene: PlannedScene) -> None:
    """Rendered from a plan, and encoded as WAV."""
    clear_stems()
    encode_wav(render(scene.plan), RATE_HZ)


def limit(made: tuple[PlannedScene, Samples], mono: bool) -> None:
    """The images of each source laid out by the library, a rendering with responses that are there.

    The last stems are cleared, their responses are not.
    """
    plan, room = made[0].plan, made[0].plan.room
    assert room is not None
    for part in plan.parts:
        room_images.__wrapped__(part.path[0], room.size_m, room.listener_m, room.rt60_s)
    clear_stems()
    write(render(plan, mono=mono))


def _short(made: tuple[PlannedScene, Samples | None]) -> tuple[PlannedScene, Samples]:
    scene, samples = made
    assert samples is not None
    return scene, samples


def by_scaper(
    python: str, spec: SceneSpec, pool: RecordingPool, folder: Path, count: int, rounds: int
) -> float:
    """Times real time of scaper, of the same mixtures."""
    root, out = folder / "scaper", folder / "made"
    out.mkdir()
    scenes = []
    for index in range(count):
        scene, _ = make_scene(spec, pool, SceneKey(0, index))
        truth = truth_of(scene)
        levels = {one.label: one.snr_db for one in truth.facts.sources}
        rows: dict[str, list[dict[str, Any]]] = {"background": [], "sound": []}
        for source in scene.sources:
            part, label = scene.plan.parts[source.parts[0]], source.label or ""
            kind = "background" if source.kind == "background" else "foreground"
            file = root / kind / label / Path(part.clip.path).name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(part.clip.path, file)
            rows[source.kind].append({
                "label": label, "file": str(file), "at_s": part.at_s,
                "length_s": part.clip.duration_s, "snr_db": levels.get(label) or 0.0,
            })  # fmt: skip
        own = {"duration_s": scene.plan.duration_s, "background": rows["background"][0]}
        scenes.append({**own, "events": rows["sound"]})
    file = folder / "scenes.json"
    file.write_text(json.dumps({"root": str(root), "rounds": rounds, "scenes": scenes}))
    script = Path(__file__).with_name("scaper_mixtures.py")
    words = [python, str(script), str(file), str(out)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return count * SECONDS / statistics.median(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20, help="scenes of a kind and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", default="", help="only kinds that begin so, such as mono")
    parser.add_argument("--scaper", default="", help="an interpreter that has scaper")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pool = recordings(Path(name))
        heads = " ".join(f"{head:>8s}" for head in ("write", "render", "all", "wav"))
        print(f"{'kind':28s} {heads}   times real time, one core")
        chosen = {kind: own for kind, own in SPECS.items() if kind.startswith(asked.kind)}
        for kind, declared in chosen.items():
            spec = spec_from({"duration": SECONDS, **declared})
            count = asked.count if "RT60" not in kind else max(2, asked.count // 5)
            found = rates(spec, pool, count, asked.rounds)
            bound = found.pop("limit", None)
            told = " ".join(f"{rate:8,.0f}" for rate in found.values())
            print(f"{kind:28s} {told}" + (f"   limit {bound:,.0f}" if bound else ""), flush=True)
            if asked.scaper and spec.layout == "mono":
                own = by_scaper(asked.scaper, spec, pool, Path(name), asked.count, asked.rounds)
                told = f"as WAV: we are {found['wav'] / own:.1f} times as fast"
                print(f"{'the same by scaper':28s} {own:8,.1f}   {told}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
