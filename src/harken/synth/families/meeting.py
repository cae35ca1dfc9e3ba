"""meeting: one conversation; who says what, and when (an open question)?

Three to six turns of two or three speakers whom the corpus names, each a recording that is heard
whole and whose words are known. In half of the conversations some turns begin before the one before
has ended. The answer has a line a turn, speakers numbered as they come; half of the questions ask
for the times as well. Evaluations give cpWER (`harken.ask.speaker_turns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.ask.speaker_turns import SpeakerTurn, written
from harken.corpora.base import Recording
from harken.synth.known import sources_of
from harken.synth.needs import need_of
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.scenes.compose import speakers_of
from harken.synth.staged import EDGE_S, StagedEvent, drawn_level, stage, staged
from harken.synth.takes import cast_turns

TURN_S = 6.0
"""The longest recording (s) that is a turn."""

TURNS = (3, 4, 5, 6)
VOICES = (2, 3)
GAP_S = (0.1, 0.6)
OVERLAP_S = 0.4
"""How long a turn may begin before the end of the one before, in seconds."""

QUESTIONS = {
    "who": (
        "Write down who says what, a line a turn, as: speaker 1: the words",
        "Give a transcript with speakers, a line a turn, as: speaker 1: the words",
        "Who says what? Number the speakers as they come, a line a turn: speaker 1: the words",
        "Tell the voices apart and write each turn on a line of its own: speaker 1: the words",
    ),
    "when": (
        "Write down who says what, and when, a line a turn, as: speaker 1 (0.0 to 1.2 s): the "
        "words",
        "Give a transcript with speakers and times, a line a turn, as: speaker 1 (0.0 to 1.2 s): "
        "the words",
        "Who says what, and when? Number the speakers as they come, a line a turn: "
        "speaker 1 (0.0 to 1.2 s): the words",
        "Tell the voices apart and write each turn, with its times, on a line of its own: "
        "speaker 1 (0.0 to 1.2 s): the words",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Two named speakers whose words are known are needed."""
    found = len(_speakers(pool))
    return "" if found >= 2 else f"2 named speakers with transcripts are needed, there are {found}"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """What is asked, turns, speakers and overlap (balanced); the recordings of the turns."""
    own = _speakers(pool)
    form = tuple(QUESTIONS)[draw.design.turn(2)]
    count = TURNS[draw.design.turn(len(TURNS))]
    most = min(count, VOICES[draw.design.turn(len(VOICES))], len(own))
    overlaps = draw.design.toss(2) == 0
    voices = draw.some(list(own), most)
    order = [*voices, *(draw.one(voices) for _ in range(count - most))]
    events = cast_turns(draw, own, draw.some(order, count), TURN_S, whole=True)
    if events is None:
        return None
    found, at_s = [], EDGE_S
    for event in events:
        found.append(StagedEvent(event, round(at_s - event.take.begin_s, 3), drawn_level(draw)))
        low, high = (-OVERLAP_S, GAP_S[1]) if overlaps else GAP_S
        gap_s = float(draw.rng.uniform(low, high))
        at_s += max(event.take.heard_s / 2, event.take.heard_s + gap_s)
    if found[0].at_s < 0:
        found = [StagedEvent(one.event, round(one.at_s - found[0].at_s, 3), one.level_db)
                 for one in found]  # fmt: skip
    ends = max(one.at_s + one.event.take.length_s for one in found)
    return stage(found, ends + EDGE_S, {"form": form, "overlaps": overlaps})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about one clip."""
    scene, form = values["scene"], values["form"]
    clip, facts = staged(scene, recordings)
    numbers: dict[str, str] = {}
    turns = []
    rows = zip(scene["events"], recordings, strict=False)  # a background is the last
    for row, recording in sorted(rows, key=lambda one: one[0]["heard"]):
        speaker = numbers.setdefault(row["name"], str(len(numbers) + 1))
        start, end = (round(second, 1) for second in row["heard"])
        span = (start, end) if form == "when" else None
        turns.append(SpeakerTurn(speaker, _said(recording), span))
    return BuiltQuestion(
        question=QUESTIONS[form][template],
        answer=written(turns),
        choices=(),
        clips=(clip,),
        rationale=f"{len(numbers)} speakers have {len(turns)} turns.",
        tags=("speaker", "scene", form, *(["overlap"] if values["overlaps"] else [])),
        facts=(facts,),
        need=need_of(scene, True, None),
    )


def _speakers(pool: RecordingPool) -> dict[str, list[Recording]]:
    """Speaker -> recordings that are short enough and whose words are known."""
    found = {
        name: [one for one in own if _said(one) and (one.clip.duration_s or TURN_S) <= TURN_S]
        for name, own in speakers_of(pool).items()
    }
    return {name: own for name, own in found.items() if own}


def _said(recording: Recording) -> str:
    (source,) = sources_of(recording)
    return source.transcript or ""


FAMILY = QuestionFamily(
    "meeting",
    "one conversation of several speakers; who says what, and when?",
    len(QUESTIONS["who"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("information", "temporal"),
)
