"""From which direction does the dog come, while something else sounds? And how far away is it?

    python among.py train CORPUS -o OUT [--steps 12000] [--encoder spatial] [--kinds far]
    python among.py ask OUT CORPUS                           writes OUT/among.json, and prints it

A projector and a language model of harken-tiny's size are trained from fresh weights behind the
encoder of harken-tiny-trained, which is frozen and hears each sound by itself (the encoder
`directional`). With ``--encoder spatial`` all of harken-tiny-spatial is trained instead. There are
three kinds of scenes, all in first-order ambisonics, of training recordings only:

one: azimuth.py's, the azimuth of one sound, half of the scenes in rooms;
two: two sounds of different labels at the same time, 45 degrees apart or more. The question names
    one of them, so that both the label and its direction must be heard. Half of the scenes ask for
    the first sound of the plan, so that being the louder one says nothing. A third of the training
    scenes are in rooms; the exam is asked without, and once more (``room``) in 20 other rooms;
far: one sound in a room, 0.5 to 3.4 m away; the answer is the nearest half metre. The level of the
    whole is drawn from 20 dB, so that loudness says little: what is left is how much of the sound
    is reflected (direct-to-reverberant ratio), and the reverberation time differs by room.

In training a scene is asked more than its exam asks: what comes from a direction, the direction of
the other sound, and where there is one sound what is heard. Each question is an example of its own;
in one example the answers to some would be read off others. In half of the training scenes of two
sounds one begins later, so that for a moment there is one alone; in the exam both begin at once.

Measured on other recordings, with a bootstrap interval over them: for one and two what azimuth.py
measures; for two also the share of answers that are nearer to the sound that was not asked for, how
far the answer is from the nearer one of both, and how often the name of what comes from the
direction of one is right, or the name of the other one; for far the mean error in metres, beside
that of always saying the median distance, and that of a linear model of what the features of
`spatial` give, fitted to 500 training scenes.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from azimuth import (
    DIRECTIONS,
    LONGEST_S,
    MICS,
    PRESET,
    ROOMS,
    answers,
    azimuth_in,
    bands_of,
    errors_of,
    heard_in,
    off,
    recordings_of,
    resampled,
    room,
    scenes,
    teach,
    told,
)
from numpy.typing import NDArray

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.single import span
from harken.audio.space.place import Place
from harken.corpora.base import Recording
from harken.files import write_json
from harken.item import Item
from harken.models.composed.build import build_net
from harken.models.composed.encoders.directional import DirectionalEncoder
from harken.models.composed.model import ComposedModel
from harken.models.learner import Learner, load_learner
from harken.models.released import located
from harken.recipes.steps import start

TRAIN = {"one": 3000, "two": 10_000, "far": 3000}
TEST, FITTED = 240, 500
IN_ROOMS = 3
"""One in so many training scenes of two sounds is in a room."""

APART = 45.0
LATER_S = 0.8
"""By how much one of two sounds begins later at most, in half of the training scenes."""

FAR_ROOMS = 200
"""Rooms that distances are heard in."""

NEAREST, FARTHEST, GRID = 0.5, 3.4, 0.5
LAYOUTS = ("foa", "hoa2", *MICS, "mono")
FAR = "How far away is it?"


def two_at_once(recordings: Sequence[Recording], split: str, count: int, seed: int) -> list[Item]:
    """Scenes of two sounds; scene i depends on recordings, split, seed and i alone."""
    own = sorted((r for r in recordings if r.split == split), key=lambda r: (r.id, r.clip.key))
    made = [_two(own, split, np.random.default_rng([seed, len(split), i, 2])) for i in range(count)]
    if split != "train":
        return made
    return [
        in_a_room(item, i % ROOMS) if i % IN_ROOMS == 0 else item for i, item in enumerate(made)
    ]


def in_a_room(item: Item, number: int) -> Item:
    """The same scene in a room (`azimuth.room`); the clip ends 0.3 s later."""
    plan = item.clips[0].plan
    assert plan is not None
    inside = replace(plan, room=room(number), duration_s=round(plan.duration_s + 0.3, 2))
    return item.with_clips([Clip("plan", duration_s=inside.duration_s, plan=inside)])


def _two(own: Sequence[Recording], split: str, rng: np.random.Generator) -> Item:
    asked = own[int(rng.integers(len(own)))]
    others = [one for one in own if not {*one.labels} & {*asked.labels}]
    other = others[int(rng.integers(len(others)))]
    here = float(rng.uniform(-180, 180))
    there = here + float(rng.uniform(APART, 360 - APART))
    parts = tuple(
        Part(_cut(recording), path=(_place(azimuth, rng, 1.0, 3.0),))
        for recording, azimuth in ((asked, here), (other, there))
    )
    if rng.integers(2):
        parts = parts[::-1]
    if split == "train" and rng.integers(2):
        parts = (parts[0], replace(parts[1], at_s=round(float(rng.uniform(0.2, LATER_S)), 2)))
    length = max(part.at_s + (part.clip.duration_s or 0.0) for part in parts) + 0.2
    plan = ScenePlan(parts, round(length, 2), gain_db=-6.0, layout="foa")
    names = {"first": asked.labels[0], "second": other.labels[0]}
    truth = {"azimuth": here, "other": there, **names}
    return _item(_where(asked.labels[0]), told(here), plan, asked, split, **truth)


def _where(label: str) -> str:
    return f"From which direction does the {label} come?"


def _what(direction: str) -> str:
    return f"What comes from {direction}?"


def more_of(item: Item) -> list[Item]:
    """The question of a training scene, and others about what is heard in it, and where."""
    if "first" not in item.plan:
        return [item]
    names = [str(item.plan["first"])]
    more = [(_what(item.answer), names[0])]
    if "second" in item.plan:
        names.append(str(item.plan["second"]))
        there = told(float(item.plan["other"]))
        more += [(_where(names[1]), there), (_what(there), names[1])]
    else:
        more.append(("What is heard?", names[0]))
    return [item, *(replace(item, question=q, answer=answer) for q, answer in more)]


def far_away(recordings: Sequence[Recording], split: str, count: int, seed: int) -> list[Item]:
    """Scenes of one sound in a room, likewise."""
    own = sorted((r for r in recordings if r.split == split), key=lambda r: (r.id, r.clip.key))
    return [_far(own, split, np.random.default_rng([seed, len(split), i, 3])) for i in range(count)]


def _far(own: Sequence[Recording], split: str, rng: np.random.Generator) -> Item:
    recording = own[int(rng.integers(len(own)))]
    place = _place(float(rng.uniform(-180, 180)), rng, NEAREST, FARTHEST)
    part = Part(_cut(recording), path=(place,))
    length = round((part.clip.duration_s or 0.0) + 0.5, 2)
    level = round(float(rng.uniform(-20, 0)), 1)
    inside = room(int(rng.integers(FAR_ROOMS)))
    plan = ScenePlan((part,), length, gain_db=level, layout="foa", room=inside)
    return _item(FAR, metres(place.distance_m), plan, recording, split, distance=place.distance_m)


def _cut(recording: Recording) -> Clip:
    return span(recording.clip, 0.0, min(recording.clip.duration_s or LONGEST_S, LONGEST_S))


def _place(azimuth: float, rng: np.random.Generator, near: float, far: float) -> Place:
    azimuth = (azimuth + 180) % 360 - 180
    height, distance = float(rng.uniform(-30, 30)), float(rng.uniform(near, far))
    return Place(round(azimuth, 1), round(height, 1), round(distance, 2))


def _item(
    question: str, answer: str, plan: ScenePlan, of: Recording, split: str, **truth: float | str
) -> Item:
    clip = Clip("plan", duration_s=plan.duration_s, plan=plan)
    return Item(
        question,
        answer,
        (),
        (clip,),
        task="among",
        recordings=(of.id,),
        split=split,
        plan={**truth},
    )


def metres(distance: float) -> str:
    """The nearest half metre, in words: ``2.5 metres``."""
    return f"{round(distance / GRID) * GRID:.1f} metres"


def metres_in(text: str) -> float | None:
    """The inverse of `metres`; None where no distance is said."""
    found = re.fullmatch(r"\s*(\d+)\s*\.\s*(\d) metres\s*", text)
    return None if found is None else float(f"{found[1]}.{found[2]}")


def kinds(
    recordings: Sequence[Recording], split: str, counts: Mapping[str, int], seed: int
) -> dict[str, list[Item]]:
    """All three kinds of questions, so many of each."""
    makers = {"one": scenes, "two": two_at_once, "far": far_away}
    return {name: make(recordings, split, counts[name], seed) for name, make in makers.items()}


def train(
    corpus: Path, out: Path, steps: int, seed: int, encoder: str, only: Sequence[str]
) -> None:
    """Train on these kinds; resumes where it was stopped."""
    own = recordings_of(corpus)
    labels = {one.id: one.labels[0] for one in own}
    made = kinds(own, "train", TRAIN, seed)
    made["one"] = [replace(item, plan={**item.plan, "first": labels[item.recordings[0]]})
                   for item in made["one"]]  # fmt: skip
    asked = [item for kind in only for item in made[kind]]
    items = [more for item in asked for more in more_of(item)]
    said = [*DIRECTIONS, *(metres(GRID * n) for n in range(1, round(FARTHEST / GRID) + 1))]
    said += [item.answer for item in items]
    texts = [replace(items[0], question=one) for one in dict.fromkeys(i.question for i in items)]
    texts += [replace(items[0], answer=one) for one in dict.fromkeys(said)]
    if encoder == "spatial":
        teach(start(PRESET, texts, seed), items, out, steps, seed)
    else:
        teach(
            directional(texts, seed), items, out, steps, seed, groups=("projector", "lm"), batch=32
        )


def directional(texts: Sequence[Item], seed: int) -> ComposedModel:
    """A fresh projector and language model on the encoder of harken-tiny-trained, by direction."""
    trained = load_learner(located("harken-tiny-trained"))
    fresh = start("harken-tiny", texts, seed)
    assert isinstance(trained, ComposedModel) and isinstance(fresh, ComposedModel)
    around = DirectionalEncoder(trained.net.audio_encoder)
    config = {**fresh.config, "encoder": around.settings}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_net(config)
    net.audio_encoder.load_state_dict(around.state_dict())
    net.lm.load_state_dict(fresh.net.lm.state_dict())
    return ComposedModel(net, fresh.tokenizer, config)


def ask(corpus: Path, out: Path, seed: int) -> dict[str, Any]:
    """Ask all questions about the test recordings in every layout; returns what is written."""
    learner = load_learner(str(out / "model"))
    made = kinds(recordings_of(corpus), "test", dict.fromkeys(TRAIN, TEST), seed + 1)
    made["room"] = [in_a_room(item, ROOMS + i % ROOMS) for i, item in enumerate(made["two"])]
    found: dict[str, Any] = {"scenes of a kind": TEST}
    for name in (*TRAIN, "room"):
        read = metres_in if name == "far" else azimuth_in
        for layout in LAYOUTS:
            heard = [heard_in(item, layout) for item in made[name]]
            said = answers(learner, heard, read)
            measure = _distances if name == "far" else _directions
            found.setdefault(name, {})[layout] = measure(said, made[name])
            if name in ("two", "room"):
                found.setdefault(f"names of {name}", {})[layout] = _names(learner, heard)
    found["far"]["linear model"] = _distances(_linear(corpus, made["far"], seed), made["far"])
    write_json(out / "among.json", found)
    return found


def _names(learner: Learner, items: Sequence[Item]) -> dict[str, Any]:
    """How often the name of what comes from the direction of either sound is right."""
    asked, right = [], []
    for item in items:
        for direction, name in (("azimuth", "first"), ("other", "second")):
            asked.append(replace(item, question=_what(told(float(item.plan[direction])))))
            right.append(str(item.plan[name]))
    wrong = [right[at + 1 - 2 * (at % 2)] for at in range(len(right))]
    groups = [item.recordings[0] for item in asked]
    said = answers(learner, asked, str.strip)
    found: dict[str, Any] = {}
    for name, true in (("right", right), ("the_other", wrong)):
        hits = [float(a == b) for a, b in zip(said, true, strict=True)]
        found[name], found[f"{name}_95"] = _mean(hits, groups)
    return found


def _directions(said: Sequence[float | None], items: Sequence[Item]) -> dict[str, Any]:
    groups = [item.recordings[0] for item in items]
    truth = [float(item.plan["azimuth"]) for item in items]
    found = dict(errors_of(said, truth, groups))
    if "other" in items[0].plan:
        pairs = zip(said, truth, (float(item.plan["other"]) for item in items), strict=True)
        wrong = [float(a is None or off(a, other) < off(a, right)) for a, right, other in pairs]
        found["nearer_to_the_other"], found["nearer_to_the_other_95"] = _mean(wrong, groups)
        others = [float(item.plan["other"]) for item in items]
        nearest = [180.0 if a is None else min(off(a, b), off(a, c))
                   for a, b, c in zip(said, truth, others, strict=True)]  # fmt: skip
        found["to_the_nearer_one"], found["to_the_nearer_one_95"] = _mean(nearest, groups)
    return found


def _linear(corpus: Path, items: Sequence[Item], seed: int) -> list[float | None]:
    """Distances by ridge regression on what the features say, fitted to training scenes."""
    known = far_away(recordings_of(corpus), "train", FITTED, seed)
    rows, asked = (np.array([_lengths(item) for item in own]) for own in (known, items))
    mean, spread = rows.mean(0), rows.std(0) + 1e-9
    left, right = (np.c_[(own - mean) / spread, np.ones(len(own))] for own in (rows, asked))
    truth = np.array([float(item.plan["distance"]) for item in known])
    square = left.T @ left + 10.0 * np.eye(left.shape[1])
    return [float(value) for value in right @ np.linalg.solve(square, left.T @ truth)]


def _lengths(item: Item) -> NDArray[np.float64]:
    """How long the vectors of a clip are, in all and by octaves of bands; with squares."""
    bands, energy = bands_of(item)
    length = np.linalg.norm(bands, axis=1)
    loud = energy.reshape(len(energy), -1, 8)
    by_band = (length.reshape(loud.shape) * loud).sum((0, 2)) / (loud.sum((0, 2)) + 1e-9)
    own = np.array([(length * energy).sum() / energy.sum(), *by_band])
    return np.concatenate([own, own**2, [np.log(1.001 - own[0])]])


def _distances(said: Sequence[float | None], items: Sequence[Item]) -> dict[str, Any]:
    groups = [item.recordings[0] for item in items]
    truth = [float(item.plan["distance"]) for item in items]
    middle = (NEAREST + FARTHEST) / 2
    wrong = [abs((FARTHEST if a is None else a) - b) for a, b in zip(said, truth, strict=True)]
    always = [abs(middle - b) for b in truth]
    mean, interval = _mean(wrong, groups)
    gain, gained = _mean([b - a for a, b in zip(wrong, always, strict=True)], groups)
    return {
        "mean_error_m": mean, "mean_error_m_95": interval,
        "of_the_median_m": round(float(np.mean(always)), 3),
        "less_than_the_median_m": gain, "less_than_the_median_m_95": gained,
        "unread": sum(a is None for a in said),
    }  # fmt: skip


def _mean(values: Sequence[float], groups: Sequence[str]) -> tuple[float, list[float]]:
    """The mean, with a 95 % bootstrap interval over recordings."""
    own = np.array(values)
    means = [float(own[drawn].mean()) for drawn in resampled(groups)]
    low, high = np.percentile(means, [2.5, 97.5])
    return round(float(own.mean()), 3), [round(float(low), 3), round(float(high), 3)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    training = verbs.add_parser("train")
    training.add_argument("corpus", type=Path)
    training.add_argument("-o", "--out", type=Path, required=True)
    training.add_argument("--steps", type=int, default=12_000)
    training.add_argument("--encoder", choices=("directional", "spatial"), default="directional")
    training.add_argument("--kinds", nargs="+", choices=tuple(TRAIN), default=list(TRAIN))
    asking = verbs.add_parser("ask")
    asking.add_argument("out", type=Path)
    asking.add_argument("corpus", type=Path)
    for verb in (training, asking):
        verb.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.verb == "train":
        train(given.corpus, given.out, given.steps, given.seed, given.encoder, given.kinds)
        return
    for name, own in ask(given.corpus, given.out, given.seed).items():
        for layout, values in own.items() if isinstance(own, Mapping) else ():
            print(name, layout, values)


if __name__ == "__main__":
    main()
