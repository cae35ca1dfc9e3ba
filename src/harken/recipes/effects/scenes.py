"""Scenes: one or two sounds at random times in a clip, and when each begins and ends.

The times are multiples of a step, so that a model with time tokens and one that writes times as
text are asked for the same. Unlike the scenes of `harken.synth`, whose first sound always begins at
the same time, nothing about a scene can be known without its audio but what is usual.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.single import span
from harken.corpora.base import Recording
from harken.facts import ClipFacts, SourceFacts
from harken.hashing import digest
from harken.item import Item
from harken.recipes.selections import WHEN, times_of
from harken.synth.known import placed

STEP_S = 0.05
"""Times of scenes are multiples of this, in seconds."""

LONGEST_S = 1.5
"""Seconds of a recording that are used at most."""

MAX_S = 6.0
"""No scene is longer, in seconds."""


def scenes(recordings: Sequence[Recording], split: str, count: int, seed: int = 0) -> list[Item]:
    """`count` items about recordings of one split with one label and no speech.

    Item i depends on recordings, split, seed and i alone. Two sounds of a scene have two labels.
    """
    own = sorted(
        (r for r in recordings if r.split == split and r.kind != "speech" and len(r.labels) == 1),
        key=lambda r: (r.id, r.clip.key),
    )
    return [_scene(own, split, index, seed) for index in range(count if own else 0)]


def _scene(own: Sequence[Recording], split: str, index: int, seed: int) -> Item:
    rng = np.random.default_rng([seed, int(digest(split), 16) % 2**32, index])
    picked = [own[int(rng.integers(len(own)))]]
    if rng.random() < 0.5:
        others = [r for r in own if r.labels != picked[0].labels]
        picked += [others[int(rng.integers(len(others)))]] if others else []
    at_s, parts = _times(rng, 0.0, 1.5), []
    sources: list[SourceFacts] = []
    for recording in picked:
        whole = recording.clip.duration_s or LONGEST_S
        length = max(STEP_S, _round(min(whole, LONGEST_S)))
        clip = recording.clip if whole <= length else span(recording.clip, 0.0, length)
        parts.append(Part(clip, at_s, round(float(rng.uniform(-6.0, 0.0)), 2)))
        ends = round(at_s + length, 2)
        sources.append(placed(recording, at_s, ends - at_s, parts[-1].gain_db))
        at_s = round(at_s + length + _times(rng, 0.1, 0.8), 2)
    duration_s = round(ends + _times(rng, 0.1, 0.6), 2)
    facts = ClipFacts(tuple(sources), duration_s, layout="mono")
    return Item(
        question=WHEN,
        answer=times_of(facts),
        clips=(Clip("plan", duration_s=duration_s, plan=ScenePlan(tuple(parts), duration_s)),),
        task="when",
        tags=("single", "scene"),
        recordings=tuple(dict.fromkeys(recording.id for recording in picked)),
        split=split,
        licence=" + ".join(sorted({r.licence for r in picked if r.licence})),
        plan={"family": "when", "seed": seed, "index": index},
        facts=(facts,),
    )


def _round(seconds: float) -> float:
    return round(round(seconds / STEP_S) * STEP_S, 2)


def _times(rng: np.random.Generator, low: float, high: float) -> float:
    return _round(float(rng.uniform(low, high)))
