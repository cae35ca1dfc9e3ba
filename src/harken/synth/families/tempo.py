"""tempo: a melody of one note a beat; how fast is it, and does it get faster or slower?

Two kinds take turns: ``bpm`` (about 60, 80, 105 or 140 beats a minute, of which none is twice
another, so that who counts every second beat finds no option) and ``change`` (it gets faster,
slower, or neither, by the factor 1.6 over the clip). The length of the clip is balanced and the
same for all tempos; the answer is drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.facts import MusicFacts
from harken.synth.music import (
    HARMONIC,
    LICENCE,
    ScoreNote,
    need_between,
    need_of_all,
    played,
    score,
    walk,
)
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

TEMPOS = (60, 80, 105, 140)
"""Beats a minute, each 4/3 of the one before."""

OFF = 0.05
"""The true tempo differs from the one of its option by so much at most."""

CHANGE = 1.6
CHANGES = ("it gets faster", "it gets slower", "it stays the same")

CLIPS_S = (8, 10, 12)

QUESTIONS = {
    "bpm": (
        "How fast is the melody?",
        "What is the tempo of the music?",
        "At how many beats a minute is this played?",
        "Each note is a beat. Which tempo is it?",
        "Count the beats. What is the tempo?",
        "Give the tempo of the piece.",
    ),
    "change": (
        "Does the tempo change?",
        "What happens to the tempo?",
        "How does the speed of the music develop?",
        "Is the tempo at the end another than at the beginning?",
        "Compare the speed at the beginning with that at the end.",
        "Does the music speed up, slow down, or neither?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Nothing: the notes are synthesised."""
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Kind and length (balanced); the answer, the tempo, the notes."""
    asked = ("bpm", "change")[draw.design.turn(2)]
    clip_s = CLIPS_S[draw.design.turn(len(CLIPS_S))]
    if asked == "bpm":
        nominal = TEMPOS[draw.design.toss(len(TEMPOS))]
        bpm = round(nominal * float(draw.rng.uniform(1 - OFF, 1 + OFF)), 2)
        last = bpm
        choices = [_option(one) for one in TEMPOS]
        answer = _option(nominal)
    else:
        answer = CHANGES[draw.design.toss(len(CHANGES))]
        choices = list(CHANGES)
        bpm = round(float(draw.rng.uniform(75.0, 130.0)), 2)
        factor = {CHANGES[0]: CHANGE, CHANGES[1]: 1 / CHANGE}.get(answer, 1.0)
        last = round(bpm * factor, 2)
    times = beat_times(bpm, last, round(float(draw.rng.uniform(0.1, 0.5)), 3), clip_s)
    timbre = draw.one(HARMONIC)
    melody = walk(draw, len(times) - 1)
    notes = [
        ScoreNote(timbre, pitch, at_s, 0.9 * (next_s - at_s))
        for pitch, at_s, next_s in zip(melody, times, times[1:], strict=False)
    ]
    values = {"asked": asked, "choices": choices, "answer": answer}
    facts = MusicFacts(bpm, last, pitches=tuple(map(float, melody)))
    return score(draw, notes, float(clip_s), values, facts)


def beat_times(bpm: float, last_bpm: float, start_s: float, clip_s: float) -> list[float]:
    """When beats begin, from `start_s` to just beyond the end of the clip.

    The tempo goes from the one to the other by equal factors in equal times.
    """
    found = [start_s]
    while found[-1] < clip_s:
        share = (found[-1] - start_s) / (clip_s - start_s)
        found.append(found[-1] + 60.0 / (bpm * (last_bpm / bpm) ** share))
    return found


def _option(bpm: int) -> str:
    return f"about {bpm} beats a minute"


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of tempos, or of ways in which it changes, about one piece."""
    music, answer = values["music"], values["answer"]
    clip, facts = played(music)
    bpm, last = music["facts"]["tempo_bpm"], music["facts"]["last_tempo_bpm"]
    first, second = music["notes"][:2]
    steady = values["asked"] == "bpm"
    need = need_between(music, first[2], second[2] + second[3])
    story = f"There are {bpm:.0f} beats a minute"
    story += f": {answer}." if steady else f" at first and {last:.0f} at the end: {answer}."
    return BuiltQuestion(
        question=QUESTIONS[values["asked"]][template],
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=story,
        tags=("music", values["asked"]),
        facts=(facts,),
        need=need if steady else need_of_all(music),
        licence=LICENCE,
    )


FAMILY = QuestionFamily(
    "tempo",
    "a melody of one note a beat; how fast is it, or does it get faster or slower?",
    len(QUESTIONS["bpm"]),
    lacks,
    pick,
    build,
    group="music",
    skills=("attribute",),
)
