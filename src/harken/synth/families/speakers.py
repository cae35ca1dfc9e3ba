"""speakers: one conversation of four turns; how many speak, or does the first speaker speak again?

Turns are recordings of speakers whom the corpus names, cut to two and a half seconds. There are
always four, so their number says nothing of that of the speakers. Which of the two is asked is
balanced; all answers are equally likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import Events, need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.scenes.compose import speakers_of
from harken.synth.staged import in_slots, stage, staged
from harken.synth.takes import cast_turns

TURNS = 4
TURN_S = 2.5
SLOT_S = 3.2

QUESTIONS = {
    "count": (
        "How many different people speak?",
        "How many speakers are there in the recording?",
        "Count the voices: how many different ones do you hear?",
        "How many people take part in this conversation?",
    ),
    "again": (
        "Does the first speaker speak again?",
        "Is the voice that speaks first heard again later?",
        "Does whoever speaks first have another turn?",
        "Is the first voice heard more than once?",
    ),
}

NUMBERS = {1: "one voice", 2: "two voices", 3: "three voices", 4: "four voices"}


def lacks(pool: RecordingPool) -> str:
    """Two named speakers are needed."""
    found = len(_speakers(pool))
    return "" if found >= 2 else f"2 named speakers are needed, there are {found}"


@lru_cache(maxsize=16)
def _speakers(pool: RecordingPool) -> dict[str, list[Recording]]:
    return speakers_of(pool)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked (balanced); the answer, speakers, their turns, recordings."""
    own = _speakers(pool)
    form = tuple(QUESTIONS)[draw.design.turn(2)]
    if form == "count":
        most = min(TURNS, len(own))
        right = 1 + draw.design.toss(most)
        voices = draw.some(list(own), right)
        more = [draw.one(voices) for _ in range(TURNS - right)]
        order = draw.some([*voices, *more], TURNS)
        choices, answer = [str(n) for n in range(1, most + 1)], str(right)
    else:
        again = draw.design.toss(2) == 0
        voices = draw.some(list(own), TURNS)
        order = [voices[0], *(draw.one(voices[1:]) for _ in range(TURNS - 1))]
        if again:
            order[1 + int(draw.rng.integers(TURNS - 1))] = voices[0]
        choices, answer = ["yes", "no"], "yes" if again else "no"
    events = cast_turns(draw, own, order, TURN_S)
    if events is None:
        return None
    values = {"form": form, "choices": choices, "answer": answer}
    return stage(in_slots(draw, events, SLOT_S, TURN_S), TURNS * SLOT_S, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of numbers, or yes and no."""
    scene, form, answer = values["scene"], values["form"], values["answer"]
    clip, facts = staged(scene, recordings)
    order = [row["name"] for row in scene["events"]]
    numbers = {voice: n for n, voice in enumerate(dict.fromkeys(order), 1)}
    turns = ", ".join(str(numbers[voice]) for voice in order)
    story = f"The voices of the turns, numbered as they come, are {turns}."
    first, enough = order[0], None
    if form == "again":
        end = "is heard again" if answer == "yes" else "is not heard again"
        story = f"{story} The first {end}: {answer}."
        if answer == "yes":
            enough = _returns(first)
    else:
        story = f"{story} There are {answer} different ones."
    return BuiltQuestion(
        question=QUESTIONS[form][template],
        answer=answer,
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=story,
        tags=("speaker", "scene", form),
        facts=(facts,),
        need=need_of(scene, True, enough),
    )


def _returns(first: str) -> Any:
    def enough(events: Events) -> bool:
        names = [row["name"] for row in events]
        return names[:1] == [first] and first in names[1:]

    return enough


FAMILY = QuestionFamily(
    "speakers",
    "one conversation of four turns; how many speak, or does the first speak again?",
    len(QUESTIONS["count"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("counting", "attribute"),
)
