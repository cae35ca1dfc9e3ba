"""A question family: two clips; which is longer? The lengths of the files make the answer true.

Run: ``harken --plugin family_longer.py synth recordings -o items --family longer``
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.make import FAMILIES
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily

QUESTIONS = ("Which clip is longer?", "Which of the two recordings lasts longer?")
CHOICES = ("clip 1", "clip 2")


def length(recording: Recording) -> float:
    return recording.clip.duration_s or 0.0


def lacks(pool: RecordingPool) -> str:
    lengths = [length(one) for one in pool.recordings]
    return "" if lengths and max(lengths) > 1.2 * min(lengths) else "all clips are equally long"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    gold = draw.design.turn(2)  # each place is right equally often
    pair = sorted(draw.some(pool.recordings, 2), key=length)
    if pair[0].id == pair[1].id or length(pair[1]) < 1.2 * length(pair[0]):
        return None  # drawn anew
    return Picks(tuple(pair if gold else pair[::-1]), {"gold": gold})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    answer = CHOICES[values["gold"]]
    lengths = " and ".join(f"{length(one):.1f} s" for one in recordings)
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=CHOICES,
        clips=tuple(one.clip for one in recordings),
        rationale=f"The clips last {lengths}. So the answer is {answer}.",
        tags=("sound",),
    )


FAMILIES.add(
    QuestionFamily("longer", "two clips; which is longer?", len(QUESTIONS), lacks, pick, build)
)
