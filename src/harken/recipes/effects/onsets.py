"""time: times as tokens and as text, with and without more weight (TAC, arXiv 2602.15766).

Run:  harken effect time --seeds 5 -o effects

Scenes of one or two sounds at random times (`harken.recipes.effects.scenes`) are asked for what is
heard when. Three arms from one start, with the same scenes and steps of the stage timestamps:

- ``text``: times are plain text;
- ``tokens``: every time is one token, which weighs 1 in the loss;
- ``weighted``: the same, and it weighs 1 + 5.

The exam is scenes of test recordings; an event is met by one of its name whose onset is within
100 ms, or within 1 s. Audio tokens of harken-tiny are a quarter of a second long, which bounds what
100 ms can show.
"""

from __future__ import annotations

from harken.recipes.effects.ground import Ground
from harken.recipes.effects.measures import event_onsets
from harken.recipes.effects.scenes import MAX_S, STEP_S, scenes
from harken.recipes.effects.study import (
    Arm,
    Claim,
    Exam,
    Lesson,
    Study,
    StudyPlan,
    against,
    settings_for,
)
from harken.train.timestamps import TimestampsSettings

STEPS, BATCH, WEIGHT = 200, 16, 5.0
SCENES = {"full": (2400, 200), "smoke": (24, 8)}
"""Scenes for training and for the exam."""


def build(ground: Ground) -> StudyPlan:
    """The three arms; all read the same scenes."""
    train, test = SCENES[ground.size]
    recordings = ground.recordings()
    items = scenes(recordings, "train", train)

    def arm(name: str, about: str, tokens: bool, weight: float) -> Arm:
        settings = settings_for(
            ground,
            TimestampsSettings,
            steps=STEPS,
            batch=BATCH,
            tokens=tokens,
            weight=weight,
            resolution=STEP_S,
            max_s=MAX_S,
            decay=0.0,
        )
        return Arm(name, about, (Lesson("timestamps", settings, items),))

    return StudyPlan(
        arms=(
            arm("text", "times as plain text", False, 0.0),
            arm("tokens", "a token for each time", True, 0.0),
            arm("weighted", "a token for each time, which weighs 6", True, WEIGHT),
        ),
        exams=(Exam("onset", scenes(recordings, "test", test), event_onsets),),
    )


STUDY = Study(
    name="time",
    about="times as tokens and as text, with and without more weight in the loss",
    title="Times as tokens",
    paper="TAC, arXiv 2602.15766",
    build=build,
    claims=tuple(
        Claim(f"{text}: event F1 at {collar}", against(one, other, f"onset {collar}"), above=0.0)
        for text, one, other in (
            ("more weight on time tokens helps", "weighted", "tokens"),
            ("time tokens help against plain text", "tokens", "text"),
        )
        for collar in ("100 ms", "1 s")
    ),
)
