"""From which direction? harken-tiny-spatial learns it in ambisonics, and is asked in any layout.

    python azimuth.py train CORPUS -o OUT [--steps 400] [--seed 0]
    python azimuth.py ask OUT CORPUS                         writes OUT/azimuth.json, and prints it

Every scene is one sound of the corpus at a drawn place: any azimuth, elevation within 30 degrees, 1
to 3 m away; half of them in a room. The answer is the azimuth to the nearest ten degrees. Training
hears first-order ambisonics of training recordings only. The exam has other recordings, each scene
in five layouts: first and second order, a tetrahedron of 4 cm and an uneven array of five, which
the model has never heard, and mono, in which nobody can tell.

Measured, with a bootstrap interval over recordings: the mean angular error, and ER20, the share of
scenes that are more than 20 degrees off (Spatial-AST, arXiv 2402.01591); the same of the energy
vector of the features, without any model, which is the oracle where there are no reflections; and
array invariance: how far the answers of one scene in two layouts are apart.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harken.ask.prompt import make_prompt
from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load
from harken.audio.single import span
from harken.audio.space.bands import directions, mean_direction
from harken.audio.space.decay import absorption_for
from harken.audio.space.place import Place, Room
from harken.corpora.base import Recording
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.files import write_json
from harken.item import Item
from harken.models.base import Sampling
from harken.models.composed.log_mel import MelSettings, mel_bank, spectra
from harken.models.learner import Learner, load_learner
from harken.progress import track
from harken.recipes.steps import run_stage, save_once, start
from harken.train.sft import SftSettings

T = TypeVar("T")

PRESET = "harken-tiny-spatial"
STEP, LONGEST_S = 10, 1.5
TRAIN, TEST, ROOMS = 3000, 240, 20
MICS = {
    "tetrahedron": ((0.02, 0.02, 0.02), (0.02, -0.02, -0.02), (-0.02, 0.02, -0.02),
                    (-0.02, -0.02, 0.02)),
    "uneven": ((0.0, 0.0, 0.0), (0.05, 0.01, 0.0), (-0.02, 0.04, 0.01), (0.0, -0.03, 0.04),
               (0.03, 0.0, -0.05)),
}  # fmt: skip
LAYOUTS = ("foa", "hoa2", *MICS, "mono")
QUESTION = "From which direction does it come?"


def scenes(recordings: Sequence[Recording], split: str, count: int, seed: int) -> list[Item]:
    """Scenes in first-order ambisonics; scene i depends on recordings, split, seed and i alone."""
    own = sorted((r for r in recordings if r.split == split), key=lambda r: (r.id, r.clip.key))
    return [_scene(own, split, index, seed) for index in range(count)]


def _scene(own: Sequence[Recording], split: str, index: int, seed: int) -> Item:
    rng = np.random.default_rng([seed, len(split), index])
    recording = own[int(rng.integers(len(own)))]
    length = min(recording.clip.duration_s or LONGEST_S, LONGEST_S)
    azimuth = float(rng.uniform(-180, 180))
    place = Place(round(azimuth, 1), round(float(rng.uniform(-30, 30)), 1),
                  round(float(rng.uniform(1, 3)), 2))  # fmt: skip
    inside = room(int(rng.integers(ROOMS))) if index % 2 else None
    part = Part(span(recording.clip, 0.0, length), path=(place,))
    plan = ScenePlan((part,), round(length + 0.2, 2), gain_db=0.0, layout="foa", room=inside)
    return Item(
        QUESTION, told(azimuth), (), (Clip("plan", duration_s=plan.duration_s, plan=plan),),
        task="azimuth", tags=("room",) if inside else (), recordings=(recording.id,), split=split,
        plan={"azimuth": place.azimuth_deg},
    )  # fmt: skip


@cache
def room(number: int) -> Room:
    """One of `ROOMS`, which hold all places, with a reverberation time of 0.2 to 0.5 s."""
    rng = np.random.default_rng([number, 7])
    length, width, height = (round(float(rng.uniform(low, low + 3)), 1) for low in (7, 7, 4.2))
    size, rt60 = (length, width, height), round(float(rng.uniform(0.2, 0.5)), 2)
    at = (round(length / 2, 2), round(width / 2, 2), round(height / 2, 2))
    return Room(size, at, absorption_for(Place(0.0, 0.0, 2.0), size, at, rt60, RATE_HZ), rt60)


def told(azimuth: float) -> str:
    """The nearest ten degrees, in words: ``left 40``, ``right 170``."""
    nearest = round(azimuth / STEP) * STEP
    nearest = (nearest + 180) % 360 - 180
    return f"{'left' if nearest >= 0 else 'right'} {abs(nearest)}"


DIRECTIONS = [told(azimuth) for azimuth in range(-180, 180, STEP)]
"""All answers."""


def azimuth_in(text: str) -> float | None:
    """The inverse of `told`; None where no direction is said."""
    found = re.fullmatch(r"\s*(left|right) (\d+)\s*", text)
    return None if found is None else float(found[2]) * (1 if found[1] == "left" else -1)


def off(one: float, other: float) -> float:
    """The angle between two azimuths, in degrees."""
    return abs((one - other + 180) % 360 - 180)


def heard_in(item: Item, layout: str) -> Item:
    """The same scene in another layout."""
    plan = item.clips[0].plan
    assert plan is not None
    array = layout in MICS
    other = replace(plan, layout="array" if array else layout, mics=MICS.get(layout, ()))
    return item.with_clips([Clip("plan", duration_s=other.duration_s, plan=other)])


def train(corpus: Path, out: Path, steps: int, seed: int) -> None:
    """Train on ambisonics; resumes where it was stopped."""
    items = scenes(recordings_of(corpus), "train", TRAIN, seed)
    fresh = start(PRESET, [replace(items[0], answer=a) for a in DIRECTIONS], seed)
    teach(fresh, items, out, steps, seed)


def teach(
    learner: Learner, items: Sequence[Item], out: Path, steps: int, seed: int, **settings: Any
) -> None:
    """Train a model on items, with settings of its own if there are any."""
    usual = {"batch": 16, "lr": 1e-3, "warmup": 0.1, "decay": 0.02, "checkpoint_every": 50}
    chosen = SftSettings(steps=steps, seed=seed, threads=1, **{**usual, **settings})
    run_stage("sft", learner, items, chosen, out / "training")
    save_once(learner, out / "model")


def ask(corpus: Path, out: Path, seed: int) -> dict[str, Any]:
    """Ask about every scene in every layout; returns what is written."""
    learner = load_learner(str(out / "model"))
    items = scenes(recordings_of(corpus), "test", TEST, seed + 1)
    truth = [float(item.plan["azimuth"]) for item in items]
    groups = [item.recordings[0] for item in items]
    said = {
        name: answers(learner, [heard_in(i, name) for i in items], azimuth_in) for name in LAYOUTS
    }
    vectors = {name: [_energy(heard_in(item, name)) for item in items] for name in LAYOUTS[:-1]}
    dry = [at for at, item in enumerate(items) if not item.tags]
    found = {
        "scenes": len(items),
        "recordings": len({*groups}),
        "model": {name: errors_of(said[name], truth, groups) for name in LAYOUTS},
        "energy vector": {name: errors_of(own, truth, groups) for name, own in vectors.items()},
        "energy vector without a room": {
            name: errors_of(
                [own[i] for i in dry], [truth[i] for i in dry], [groups[i] for i in dry]
            )
            for name, own in vectors.items()
        },
        "apart from the answer in foa": {
            name: errors_of(said[name], [one or 0.0 for one in said["foa"]], groups)
            for name in LAYOUTS[1:]
        },
    }
    write_json(out / "azimuth.json", found)
    return found


def answers(learner: Learner, items: Sequence[Item], read: Callable[[str], T]) -> list[T]:
    """What the learner says of each scene, as `read` reads it."""
    found: list[T] = []
    for at in track(range(0, len(items), 16), "asking"):
        prompts = [make_prompt(item, learner.style) for item in items[at : at + 16]]
        found += [read(one.text) for one in learner.generate(prompts, Sampling(12))]
    return found


def _energy(item: Item) -> float:
    """The azimuth of the energy vector of the clip."""
    front, left, _ = mean_direction(*bands_of(item))
    return float(np.degrees(np.arctan2(left, front)))


def bands_of(item: Item) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors (T, 3, bands) and energies (T, bands) of the clip, as the encoder has them."""
    clip, mel = item.clips[0], MelSettings()
    assert clip.plan is not None
    parts = spectra(load(clip, mono=False), mel)
    hz = np.linspace(0.0, mel.rate_hz / 2, parts.shape[2])
    bands = directions(parts, hz, mel_bank(mel), clip.plan.layout, clip.plan.mics)
    energy = np.square(np.abs(parts)).mean(0) @ mel_bank(mel).T
    return bands, energy.astype(np.float32)


def errors_of(
    said: Sequence[float | None], truth: Sequence[float], groups: Sequence[str]
) -> Mapping[str, Any]:
    """Mean error and ER20, with 95 % bootstrap intervals over recordings; no answer is 180 off."""
    errors = np.array([180.0 if a is None else off(a, b) for a, b in zip(said, truth, strict=True)])
    drawn = [errors[rows] for rows in resampled(groups)]
    means, shares = [own.mean() for own in drawn], [(own > 20).mean() for own in drawn]
    return {
        "mean_error": round(float(errors.mean()), 2),
        "mean_error_95": [round(float(v), 2) for v in np.percentile(means, [2.5, 97.5])],
        "er20": round(float((errors > 20).mean()), 4),
        "er20_95": [round(float(v), 4) for v in np.percentile(shares, [2.5, 97.5])],
        "unread": sum(one is None for one in said),
    }


def resampled(groups: Sequence[str], times: int = 1000) -> Iterator[NDArray[np.int64]]:
    """Rows of bootstrap samples, drawn by group: a recording comes with all of its scenes."""
    rows = [np.flatnonzero([one == name for one in groups]) for name in sorted({*groups})]
    rng = np.random.default_rng(0)
    for _ in range(times):
        yield np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])


def recordings_of(corpus: Path) -> list[Recording]:
    """The sounds of a corpus, with splits."""
    read = [r for r in read_corpus(corpus).recordings if r.kind == "sound"]
    return list(assign_splits(read, 0))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("train", "ask"):
        verb = verbs.add_parser(name)
        if name == "train":
            verb.add_argument("corpus", type=Path)
            verb.add_argument("-o", "--out", type=Path, required=True)
            verb.add_argument("--steps", type=int, default=400)
        else:
            verb.add_argument("out", type=Path)
            verb.add_argument("corpus", type=Path)
        verb.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.verb == "train":
        train(given.corpus, given.out, given.steps, given.seed)
        return
    for name, own in ask(given.corpus, given.out, given.seed).items():
        print(name, own if not isinstance(own, Mapping) else "")
        for layout, values in own.items() if isinstance(own, Mapping) else ():
            error, share = values["mean_error"], values["er20"]
            print(f"  {layout:12} error {error:6.2f} {values['mean_error_95']}  "
                  f"ER20 {share:.3f} {values['er20_95']}  unread {values['unread']}")  # fmt: skip


if __name__ == "__main__":
    main()
