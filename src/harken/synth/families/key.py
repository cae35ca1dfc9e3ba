"""key: a cadence with a melody over it; is it major or minor, and in which key is it?

Two kinds take turns: ``mode`` (major or minor) and ``key``, with four choices: two tonics a minor
third apart, each in major and in minor. So the right key is always offered with the one of the same
tonic, and C major with A minor, whose tones it shares; which of the four is right is drawn for each
item alone. The chords are those of the first, fourth, fifth and first degree (in minor the fifth is
major), the melody is of tones of the scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.facts import MusicFacts
from harken.synth.music import (
    HARMONIC,
    LICENCE,
    MAJOR,
    MINOR,
    TONICS,
    TRIADS,
    ScoreNote,
    need_of_all,
    played,
    score,
    tone_name,
)
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

MODES = ("major", "minor")

DEGREES = (0, 5, 7, 0)
"""Roots of the chords, in semitones over the tonic."""

MELODY = 3
"""Notes of the melody over each chord."""

QUESTIONS = {
    "mode": (
        "Is the piece in major or in minor?",
        "Which mode is it: major or minor?",
        "Major or minor?",
        "What is the mode of this music?",
        "Is this a major or a minor key?",
        "Say whether the music is in major or minor.",
    ),
    "key": (
        "In which key is the piece?",
        "What is the key of this music?",
        "Name the key.",
        "Which key does the music begin and end in?",
        "Tell the tonic and the mode of the piece.",
        "In what key is this played?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Nothing: the notes are synthesised."""
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Kind and a tonic (balanced); the key, the notes."""
    asked = ("mode", "key")[draw.design.turn(2)]
    anchor = draw.design.aside(12)
    if asked == "mode":
        tonic, mode = anchor, MODES[draw.design.toss(2)]
        choices, answer = list(MODES), mode
    else:
        keys = [(one % 12, mode) for one in (anchor, anchor + 9) for mode in MODES]
        tonic, mode = keys[draw.design.toss(len(keys))]
        choices = draw.some([_name(*one) for one in keys], len(keys))
        answer = _name(tonic, mode)
    notes, melody = _piece(draw, tonic, mode)
    last = notes[-1]
    facts = MusicFacts(
        key=_name(tonic, mode),
        chords=tuple(f"{tone_name(tonic + d)} {_kind(d, mode)}" for d in DEGREES),
        pitches=tuple(map(float, melody)),
    )
    values = {"asked": asked, "choices": choices, "answer": answer}
    return score(draw, notes, round(last.at_s + last.length_s + 0.3, 3), values, facts)


def _piece(draw: Draw, tonic: int, mode: str) -> tuple[list[ScoreNote], list[int]]:
    """The notes, those of the melody last over each chord, and the melody's MIDI numbers."""
    step_s = round(float(draw.rng.uniform(0.3, 0.45)), 3)
    timbre = draw.one(HARMONIC)
    scale = MAJOR if mode == "major" else MINOR
    notes, melody = [], []
    for number, degree in enumerate(DEGREES):
        at_s = 0.2 + number * MELODY * step_s
        root = 48 + (tonic + degree) % 12
        for tone in TRIADS[_kind(degree, mode)]:
            notes.append(ScoreNote(timbre, root + tone, at_s, MELODY * step_s * 0.95, -8.0))
        for k in range(MELODY):
            last = number == len(DEGREES) - 1 and k == MELODY - 1
            tone = 0 if last else int(draw.one(scale))
            pitch = 67 + (tonic + tone - 67) % 12
            melody.append(pitch)
            notes.append(ScoreNote(timbre, pitch, at_s + k * step_s, step_s * 0.95))
    return notes, melody


def _kind(degree: int, mode: str) -> str:
    """The kind of a chord: in minor that of the fifth degree is major, for its leading tone."""
    return "major" if degree == 7 else mode


def _name(tonic: int, mode: str) -> str:
    return f"{TONICS[tonic]} {mode}"


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of modes or keys about one piece."""
    music, answer = values["music"], values["answer"]
    clip, facts = played(music)
    chords = ", ".join(music["facts"]["chords"])
    return BuiltQuestion(
        question=QUESTIONS[values["asked"]][template],
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"The chords are {chords}. The key is {music['facts']['key']}.",
        tags=("music", values["asked"]),
        facts=(facts,),
        need=need_of_all(music),
        licence=LICENCE,
    )


FAMILY = QuestionFamily(
    "key",
    "a cadence with a melody; is it major or minor, or in which key is it?",
    len(QUESTIONS["key"]),
    lacks,
    pick,
    build,
    group="music",
    skills=("attribute",),
)
