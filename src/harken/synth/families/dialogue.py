"""dialogue: two or three recordings in turns of a conversation; the last turn refers back to them.

Each recording comes in a turn of its own, with two sounds and a question that is answered at once.
What was said so far never names a sound, so the last question can be answered only by who listened
to the recordings of earlier turns. Three kinds take turns:

- ``which``: in which of the recordings was X? (it is in one of them)
- ``back``: what was heard first, or second, in the n-th recording? The wrong options are heard too,
  in the same recording and in others.
- ``again``: is the sound that began, or ended, the first recording heard in the last one too? One
  of the two sounds of the first always is.

Kind, topic, number of recordings, and what is asked about are balanced, the answer is drawn for
each item alone. Earlier questions are drawn apart from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.item import Dialogue, Exchange, ListeningNeed
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import in_slots, stage, staged_all
from harken.synth.takes import CastEvent, cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import ORDINALS, listed, named, quoted

CLIPS = (2, 3)
EVENTS = 2
"""Sounds of a recording."""

NAMES = 4
"""Names that are needed at least: those of two recordings."""

SLOTS_S = (2.6, 3.0, 4.0)
KINDS = ("which", "back", "again")
LOUDER_DB = 2.0
"""A sound so much over another is said to be louder; levels are drawn, whatever the sound."""

QUESTIONS = {
    "which": (
        "In which of the recordings did you hear {x}?",
        "Which recording had {x} in it?",
        "Of all that I have played you: where was {x}?",
        "{X}: which recording was that in?",
    ),
    "back": (
        "Back to the {nth} recording: what was its {place} sound?",
        "Which sound came {place} in the {nth} recording?",
        "What did the {nth} recording have as its {place} sound?",
        "And the {place} sound of the {nth} recording, what was that?",
    ),
    "again": (
        "Is the {place} sound of the first recording heard in this one too?",
        "Was the {place} sound of the first recording in this last one again?",
        "Does this recording have the {place} sound of the first one?",
        "Think of the {place} sound of the first recording. Is it here again?",
    ),
}

EARLIER = {
    "number": (
        "How many sounds are in this recording?",
        "Count the sounds in this recording.",
    ),
    "length": (
        "How long is this recording?",
        "Tell me the length of this one.",
    ),
    "louder": (
        "Which of the two sounds here is louder, the first or the second?",
        "Is the first sound of this recording the louder one, or the second?",
    ),
}
"""Questions of earlier turns, whose replies name no sound."""


def lacks(pool: RecordingPool) -> str:
    """Two names for each of two recordings are needed."""
    return lacks_topics(pool, NAMES)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Kind, topic, number of recordings, what is asked (balanced); the answer, the sounds."""
    asked = KINDS[draw.design.turn(len(KINDS))]
    topics = staged_topics(pool, NAMES)
    topic = topics[draw.design.turn(len(topics))]
    most = [n for n in CLIPS if topic in staged_topics(pool, n * EVENTS)] or [CLIPS[0]]
    clips = most[draw.design.turn(len(most))]
    names = mixed_names(draw, topic, clips * EVENTS)
    if names is None:
        return None
    place = draw.design.turn(EVENTS)
    values: dict[str, Any] = {"kind": topic.kind, "asked": asked, "clips": clips, "place": place}
    heard = [names[EVENTS * n : EVENTS * (n + 1)] for n in range(clips)]
    if asked == "which":
        values["answer"] = ORDINALS[draw.design.toss(clips)]
    elif asked == "back":
        values["nth"] = draw.design.toss(clips)
        values["answer"] = heard[values["nth"]][place]
        values["choices"] = draw.some(names[: EVENTS * clips], EVENTS * clips)
    else:
        values["answer"] = ("yes", "no")[draw.design.toss(2)]
        again = heard[0][place if values["answer"] == "yes" else 1 - place]
        heard[-1][int(draw.rng.integers(EVENTS))] = again
    if asked == "which":
        values["query"] = heard[ORDINALS.index(values["answer"])][place]
    scenes, recordings, taken = [], list[Recording](), list[CastEvent]()
    slot_s = draw.one(SLOTS_S)
    for own in heard:
        events = cast(draw, topic, own, taken=taken)
        if events is None:
            return None
        taken += events
        picked = stage(in_slots(draw, events, slot_s), EVENTS * slot_s, {})
        recordings += picked.recordings
        scenes.append(picked.values["scene"])
    values["earlier"] = [
        [draw.one([*EARLIER]), int(draw.rng.integers(2))] for _ in range(clips - 1)
    ]
    return Picks(tuple(recordings), {**values, "scenes": scenes})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """The last turn of a conversation about several scenes."""
    scenes, asked, answer = values["scenes"], values["asked"], values["answer"]
    made = staged_all(scenes, recordings)
    told = [
        f"The {nth} recording has {listed([quoted(row['name']) for row in scene['events']])}."
        for nth, scene in zip(ORDINALS, scenes, strict=False)
    ]
    x = named(values["kind"], values["query"]) if asked == "which" else ""
    question = QUESTIONS[asked][template].format(
        x=x,
        X=x[:1].upper() + x[1:],
        place=ORDINALS[values["place"]],
        nth=ORDINALS[values.get("nth", 0)],
    )
    choices = {
        "which": ORDINALS[: len(scenes)],
        "back": tuple(values.get("choices", ())),
        "again": ("yes", "no"),
    }[asked]
    return BuiltQuestion(
        question=question,
        answer=answer,
        choices=choices,
        clips=tuple(clip for clip, _ in made),
        rationale=f"{' '.join(told)} So the answer is {answer}.",
        tags=(values["kind"], "scene", asked),
        facts=tuple(facts for _, facts in made),
        need=ListeningNeed(asked != "which"),
        dialogue=Dialogue(
            earlier=tuple(
                Exchange(EARLIER[kind][wording], reply(kind, scene))
                for (kind, wording), scene in zip(values["earlier"], scenes, strict=False)
            ),
            places=tuple((turn, 0) for turn in range(len(scenes))),
        ),
    )


def reply(kind: str, scene: Mapping[str, Any]) -> str:
    """The answer to an earlier question about a scene; it names no sound."""
    if kind == "number":
        return "two"
    if kind == "length":
        return f"{scene['duration_s']:.1f} s"
    first, second = (row["level_db"] for row in scene["events"])
    if abs(first - second) < LOUDER_DB:
        return "they are about equally loud"
    return "the first" if first > second else "the second"


FAMILY = QuestionFamily(
    "dialogue",
    "two or three recordings in turns of a conversation, whose last turn refers back to them",
    len(QUESTIONS["which"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal", "general"),
)
