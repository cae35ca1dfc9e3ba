"""story: two to four clips of one sound each; a short story with all of them (an open question).

MAE's "Story Generation". The story is a template filled with the labels in the order of the clips:
it names all that is heard and nothing else, so it is true of the clips, and no more than a first
target; `harken write` has it reworded. Numbers of clips take turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.takes import anchors, mixed_names
from harken.synth.wording import heard_in_clips, quoted

CLIPS = (2, 3, 4)

QUESTIONS = (
    "Tell a short story in which the sounds of all clips occur, in their order.",
    "Make up a little story with what is heard in the clips, one after the other.",
    "Write a few sentences that tie the sounds of the clips together, in order.",
    "Imagine where these sounds were heard, and tell what happened, in the order of the clips.",
)

STORIES = (
    ("The day began with {x}.", "Then there was {x}.", "It ended with {x}."),
    ("At first nobody noticed {x}.", "Then came {x}.", "With {x} everybody looked up."),
    ("I remember {x} from outside.", "A moment later I heard {x}.", "After {x} it was quiet."),
    (
        "Somebody was waiting, and heard {x}.",
        "Next it was {x}.",
        "At last, {x}: it was time to go.",
    ),
)
"""First, middle and last sentences."""


def lacks(pool: RecordingPool) -> str:
    """Two labels of sounds heard alone are needed."""
    names = pool.lone_sounds.names
    if len(names) >= CLIPS[0] and anchors(pool.lone_sounds, CLIPS[0]):
        return ""
    return f"2 labels of sounds, heard alone, are needed, there are {len(names)}"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Number of clips (balanced), names, recordings, and which story is told."""
    topic = pool.lone_sounds
    sizes = [n for n in CLIPS if anchors(topic, n)]
    names = mixed_names(draw, topic, sizes[draw.design.turn(len(sizes))])
    if names is None:
        return None
    recordings: list[Recording] = []
    for name in names:
        found = draw.recording(topic, name, taken=recordings)
        if found is None:
            return None
        recordings.append(found)
    story = int(draw.rng.integers(len(STORIES)))
    return Picks(tuple(recordings), {"heard": names, "story": story})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about several clips."""
    first, middle, last = STORIES[values["story"]]
    heard = values["heard"]
    lines = [first, *[middle] * (len(heard) - 2), last]
    answer = " ".join(line.format(x=quoted(name)) for line, name in zip(lines, heard, strict=True))
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=(),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"{heard_in_clips('sound', heard)} A story with them in this order: {answer}",
        tags=("sound",),
        need=ListeningNeed(False),
    )


FAMILY = QuestionFamily(
    "story",
    "two to four clips of one sound each; a short story with all of them",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    skills=("general",),
)
