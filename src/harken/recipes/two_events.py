"""Scenes of two sounds, and pairs that differ in order, loudness or pitch alone (CompA).

A scene has the loudest stretch of each of two recordings, one after the other, in soft noise; its
facts say when each begins, how far it is above the noise, and by how much its pitch was changed. A
quadruple is two such scenes with the same two stretches, the first sound of one being the second of
the other, or the loud one of one the quiet one of the other, or the high one the low one, and the
caption of each (Ghosh et al. 2024, arXiv 2310.08753). CompA takes other recordings for the second
clip; here nothing else differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan, noise
from harken.audio.load import load
from harken.audio.single import span
from harken.corpora.base import Recording
from harken.errors import DataError
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.recipes.clap import captions_of
from harken.synth.known import placed

SCENE_S, SOUND_S = 3.2, 1.4
"""Length of a scene, and of a sound in it at most, in seconds."""

BACKGROUND_DB = -60.0
"""Level of the noise, in dB of full scale (RMS)."""

ALIKE_DB, LOUD_DB, QUIET_DB = 37.0, 43.0, 28.0
"""Levels of sounds above the noise: of both where the order is told; of the loud and the quiet."""

HIGH, LOW = 5.0, -5.0
"""Semitones by which the high and the low sound are raised."""

JITTER_S, JITTER_DB, JITTER = 0.15, 2.0, 1.0
"""How much later a sound may begin, how much louder or softer it may be, and semitones higher."""

KINDS = ("order", "loudness", "pitch")
"""In what the two scenes of a quadruple differ."""

_SECOND_S = SCENE_S - SOUND_S - JITTER_S


class Voice(NamedTuple):
    """How a sound sounds: its level above the noise in dB, and semitones by which it is raised."""

    snr_db: float
    semitones: float = 0.0


class Stretches:
    """The loudest stretch of recordings, found once each."""

    def __init__(self) -> None:
        """Measure the noise."""
        self._found: dict[str, tuple[Clip, float]] = {}
        self._noise = noise(SCENE_S, 0)
        self._noise_db = _level(load(self._noise))

    def of(self, recording: Recording) -> tuple[Clip, float]:
        """The stretch of `SOUND_S` with most energy, and its level in dB of full scale.

        Raises:
            AudioError: the recording cannot be read.
        """
        key = recording.clip.key
        if key not in self._found:
            sound = load(recording.clip)
            length, hop = round(SOUND_S * RATE_HZ), RATE_HZ // 100
            energy = np.cumsum(np.concatenate([[0.0], np.square(sound, dtype=np.float64)]))
            starts = np.arange(0, max(len(sound) - length, 0) + 1, hop)
            ends = np.minimum(starts + length, len(sound))
            start = int(starts[int(np.argmax(energy[ends] - energy[starts]))])
            own = sound[start : start + length]
            clip = span(recording.clip, start / RATE_HZ, len(own) / RATE_HZ)
            self._found[key] = clip, _level(own)
        return self._found[key]

    def scene(
        self, sounds: Sequence[tuple[Recording, Voice]], at_s: Sequence[float]
    ) -> tuple[Clip, ClipFacts]:
        """A scene of recordings, each sounding as told, from these seconds on."""
        parts = [Part(self._noise, 0.0, BACKGROUND_DB - self._noise_db, 0.0)]
        sources = []
        for (recording, own), start in zip(sounds, at_s, strict=True):
            clip, level_db = self.of(recording)
            gain = round(BACKGROUND_DB + own.snr_db - level_db, 2)
            parts.append(Part(clip, start, gain, pitch=own.semitones))
            length = clip.duration_s or SOUND_S
            told = placed(recording, start, length, gain)
            sources.append(replace(told, snr_db=own.snr_db, pitch_semitones=own.semitones or None))
        plan = ScenePlan(tuple(parts), SCENE_S)
        facts = ClipFacts((*sources, SourceFacts("background")), SCENE_S, layout="mono")
        return Clip("plan", duration_s=SCENE_S, plan=plan), facts


def sound_recordings(recordings: Sequence[Recording], split: str) -> list[Recording]:
    """The recordings of one split with one label and no speech, in a fixed order."""
    own = (r for r in recordings if r.split == split and r.kind != "speech" and len(r.labels) == 1)
    return sorted(own, key=lambda r: (r.labels, r.id, r.clip.key))


def label_pairs(labels: Sequence[str], *, new: bool) -> list[tuple[str, str]]:
    """Pairs of labels, (earlier, later) in the sorted list.

    Args:
        labels: of the corpus.
        new: the third whose positions add up to a multiple of three, which training leaves out;
            else the others.
    """
    known = sorted(set(labels))
    return [
        (one, other)
        for i, one in enumerate(known)
        for j, other in enumerate(known)
        if i < j and ((i + j) % 3 == 0) == new
    ]


def training_scenes(
    recordings: Sequence[Recording], kind: str, count: int, stretches: Stretches, seed: int = 0
) -> list[Item]:
    """`count` items of one scene each; pairs of labels that are `label_pairs(new=True)` are not.

    Raises:
        DataError: there is no such pair.
    """
    by_label: dict[str, list[Recording]] = {}
    for one in recordings:
        by_label.setdefault(one.labels[0], []).append(one)
    pairs = label_pairs(list(by_label), new=False)
    if not pairs:
        raise DataError("scenes of two sounds need two labels", hint="Name another corpus.")
    found = []
    for index in range(count):
        rng = np.random.default_rng([seed, KINDS.index(kind), index])
        own = [by_label[label] for label in pairs[index % len(pairs)]]
        two = [of_label[int(rng.integers(len(of_label)))] for of_label in own]
        voices, at_s = _drawn(kind, rng)
        two, voices = two[:: _sign(rng)], voices[:: _sign(rng)]
        clip, facts = stretches.scene(list(zip(two, voices, strict=True)), at_s)
        found.append(
            Item(
                question="What is heard?",
                answer=captions_of(facts)[0][-1],
                clips=(clip,),
                task=kind,
                recordings=tuple(one.id for one in two),
                split=two[0].split,
                licence=" + ".join(sorted({one.licence for one in two if one.licence})),
                facts=(facts,),
            )
        )
    return found


def quadruples(
    recordings: Sequence[Recording], kind: str, stretches: Stretches, variants: int = 2
) -> list[Item]:
    """Pairs of scenes: clips and choices of an item are two each, and choice i belongs to clip i.

    The source recordings are divided into blocks of three labels, and two scenes never mix blocks:
    ``plan["block"]`` is what repeats of an exam may draw again.

    Args:
        recordings: of one split (`sound_recordings`).
        kind: of `KINDS`.
        stretches: of the recordings.
        variants: quadruples of each pair of a block, with other takes where there are.
    """
    labels = [one.labels[0] for one in recordings]
    new, found = {*label_pairs(labels, new=True)}, []
    for number, block in enumerate(blocks(recordings)):
        pairs = [(i, j) for i in range(len(block)) for j in range(i + 1, len(block))]
        for turn, (i, j) in enumerate(pairs * variants):
            rng = np.random.default_rng([KINDS.index(kind), number, turn])
            takes = [block[at][turn // len(pairs) % len(block[at])] for at in (i, j)]
            two = takes[:: _sign(rng)]
            voices, at_s = _drawn(kind, rng)
            swapped = two[::-1] if kind == "order" else two
            made = [
                stretches.scene(list(zip(own, own_voices, strict=True)), at_s)
                for own, own_voices in ((two, voices), (swapped, voices[::-1]))
            ]
            texts = tuple(captions_of(facts)[0][-1] for _, facts in made)
            names = sorted(one.labels[0] for one in two)
            found.append(
                Item(
                    question="Which caption belongs to the first clip?",
                    answer=texts[0],
                    choices=texts,
                    clips=tuple(clip for clip, _ in made),
                    task="new pair" if (names[0], names[1]) in new else "trained pair",
                    recordings=tuple(one.id for one in two),
                    split=two[0].split,
                    licence=" + ".join(sorted({one.licence for one in two if one.licence})),
                    plan={"block": f"block-{number}"},
                    facts=tuple(facts for _, facts in made),
                )
            )
    return found


def blocks(recordings: Sequence[Recording]) -> list[list[list[Recording]]]:
    """Blocks of up to three source recordings of different labels, each with its takes.

    A source is in one block only. Labels with most sources left come first, so that few are left
    over; of equal ones a drawn one does.
    """
    rng = np.random.default_rng(len(recordings))
    left: dict[str, dict[str, list[Recording]]] = {}
    for one in recordings:
        left.setdefault(one.labels[0], {}).setdefault(one.id, []).append(one)
    found = []
    while len(left) > 1:
        order = sorted(left)
        drawn = rng.permutation(len(order))
        places = sorted(range(len(order)), key=lambda at: (-len(left[order[at]]), drawn[at]))
        block = []
        for label in [order[at] for at in places[:3]]:
            source = sorted(left[label])[0]
            block.append(left[label].pop(source))
            if not left[label]:
                del left[label]
        found.append(block)
    return found


def _drawn(kind: str, rng: np.random.Generator) -> tuple[list[Voice], list[float]]:
    """How the two sounds of a scene sound, and their onsets."""
    base = (LOUD_DB, QUIET_DB) if kind == "loudness" else (ALIKE_DB, ALIKE_DB)
    levels = [round(one + float(rng.uniform(-JITTER_DB, JITTER_DB)), 2) for one in base]
    late = rng.uniform(0.0, JITTER_S, 2)
    raised = [0.0, 0.0]
    if kind == "pitch":
        raised = [round(one + float(rng.uniform(-JITTER, JITTER)), 2) for one in (HIGH, LOW)]
    voices = [Voice(*own) for own in zip(levels, raised, strict=True)]
    return voices, [round(float(late[0]), 2), round(_SECOND_S + float(late[1]), 2)]


def _sign(rng: np.random.Generator) -> int:
    """1 or -1: as it is, or the other way round."""
    return 1 if rng.random() < 0.5 else -1


def _level(samples: npt.NDArray[np.floating]) -> float:
    """RMS in dB of full scale; of silence -120."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10 * math.log10(max(power, 1e-12))
