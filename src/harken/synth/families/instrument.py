"""instrument: two phrases of two synthetic instruments; which one plays the first, or the second?

Timbre, after the instrument tasks of music benchmarks. Both instruments are among the four choices,
with others that sound like them more often than not; both play melodies of the same range, so pitch
tells nothing. Which phrase is asked about and the instruments are balanced; the right choice is
drawn for each item alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.music import LICENCE, ScoreNote, need_between, played, score, walk
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import quoted

KINDS = {
    "organ": "blown",
    "flute": "blown",
    "clarinet": "blown",
    "trumpet": "blown",
    "violin": "string",
    "piano": "string",
    "guitar": "string",
    "harpsichord": "string",
    "glockenspiel": "bar",
    "marimba": "bar",
}
"""Instruments, and what sounds in them: those of one kind are more often in one item."""

OPTIONS = 4
NOTES = 4
"""Notes of a phrase."""

PLACES = ("first", "second")

QUESTIONS = (
    "Which instrument plays {nth}?",
    "Two instruments play one after the other. Which is the {nth} one?",
    "What plays the {nth} phrase?",
    "Name the instrument that is heard {nth}.",
    "There are two phrases. On which instrument is the {nth} played?",
    "Of the two instruments, which one comes {nth}?",
)


def lacks(pool: RecordingPool) -> str:
    """Nothing: the notes are synthesised."""
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The place and an instrument (balanced); the others, the right one, the notes."""
    place = draw.design.turn(len(PLACES))
    anchor = [*KINDS][draw.design.aside(len(KINDS))]
    right = draw.design.toss(OPTIONS)
    liking = {
        name: float(KINDS[name] == KINDS[anchor]) + float(draw.rng.random()) * 1.5
        for name in KINDS
        if name != anchor
    }
    near = sorted(liking, key=lambda name: -liking[name])[: OPTIONS - 1]
    choices = draw.some([anchor, *near], OPTIONS)
    answer = choices[right]
    other = draw.one([name for name in choices if name != answer])
    order = [answer, other] if place == 0 else [other, answer]
    step_s = round(float(draw.rng.uniform(0.3, 0.55)), 3)
    gap_s = round(float(draw.rng.uniform(0.2, 0.6)), 3)
    notes = []
    for number, timbre in enumerate(order):
        start_s = 0.2 + number * (NOTES * step_s + gap_s)
        for k, pitch in enumerate(walk(draw, NOTES)):
            notes.append(ScoreNote(timbre, pitch, start_s + k * step_s, step_s * 0.95))
    values = {"place": place, "choices": choices, "answer": answer}
    return score(draw, notes, 0.6 + 2 * NOTES * step_s + gap_s, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of instruments about one piece."""
    music, answer = values["music"], values["answer"]
    clip, facts = played(music)
    first, second = (source.label or "" for source in facts.sources)
    last, begin = music["notes"][NOTES - 1], music["notes"][NOTES]
    return BuiltQuestion(
        question=QUESTIONS[template].format(nth=PLACES[values["place"]]),
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"First {quoted(first)} plays, and then {quoted(second)}.",
        tags=("music",),
        facts=(facts,),
        need=need_between(music, last[2], begin[2] + begin[3]),
        licence=LICENCE,
    )


FAMILY = QuestionFamily(
    "instrument",
    "two phrases of two synthetic instruments; which one plays the first, or the second?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    group="music",
    skills=("attribute", "temporal"),
)
