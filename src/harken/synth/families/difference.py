"""difference: two clips that differ by one sound or one word, or not; what is the difference?

Targets for learning from pairs, as MALLM does (arXiv 2409.18680); also "Speech Comparison" of its
benchmark MAE, for words that are said one after the other. The answer says which clip has what in
addition (of sounds when, over what and by how many dB) or instead, or that nothing differs, and
then what both have. The pairs are those of `changed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.changes import FORMS, both_clips, drawn_change, events_told, pair
from harken.synth.families.changed import NAMES
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.takes import lacks_topics, staged_topics
from harken.synth.wording import ORDINALS, listed, quoted

QUESTIONS = (
    "What is the difference between the two clips?",
    "Compare clip 1 and clip 2: what differs in what is heard?",
    "Say how the second clip differs from the first.",
    "Describe the difference between the recordings, if there is one.",
    "What has one of the clips that the other does not have?",
    "Is the same heard in both clips? If not, say what differs.",
)


def lacks(pool: RecordingPool) -> str:
    """Four events are needed."""
    return lacks_topics(pool, NAMES)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, change, size, level and takes (balanced); names, two scenes."""
    topics = staged_topics(pool, NAMES)
    topic = topics[draw.design.turn(len(topics))]
    form = FORMS[draw.design.turn(len(FORMS))]
    found = drawn_change(draw, topic, form, draw.design.toss(4))
    if found is None:
        return None
    change, values = found
    values |= {
        "common": list(change.common),
        "place": change.place,
        "name": change.name,
        "more": change.more,
        "level_db": change.level_db,
        "takes": "same" if change.same_takes else "other",
    }
    return pair(draw, topic, change, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about two clips."""
    clips, facts = both_clips(values["scenes"], recordings)
    answer = f"{_told(values)} {_shared(values)}"
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=(),
        clips=clips,
        rationale=f"{events_told(values['scenes'])} So the answer is: {answer}",
        tags=(values["kind"], "scene", f"{values['takes']}-takes", values["form"]),
        facts=facts,
        need=ListeningNeed(values["form"] != "more"),
    )


def _told(values: Mapping[str, Any]) -> str:
    """The change, in a sentence."""
    form, place, common = values["form"], values["place"], values["common"]
    x, clip = quoted(values["name"]), values["more"] + 1
    if form == "none":
        return "The clips do not differ in what is heard."
    if form == "replaced":
        old = quoted(common[place])
        return f"The {ORDINALS[place]} is {old} in clip {3 - clip} and {x} in clip {clip}."
    told = f"Only clip {clip} has {x}" if form == "more" else f"Clip {clip} has {x} once more"
    if values["kind"] == "word":
        return f"{told}, as word {place + 1}."
    begin_s, end_s = _added(values)["heard"]
    if "room" in values["scenes"][0]:  # reflections change by how much one is louder
        return f"{told}, from {begin_s:.1f} to {end_s:.1f} s, over {quoted(common[place])}."
    level_db = values["level_db"]
    level = "as loud as" if not level_db else f"{abs(level_db):.0f} dB over"
    level = level if level_db >= 0 else level.replace("over", "under")
    return f"{told}, from {begin_s:.1f} to {end_s:.1f} s, {level} {quoted(common[place])}."


def _added(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of the sound that is added: the one that is in no place of the other clip."""
    less, more = (values["scenes"][n]["events"] for n in (1 - values["more"], values["more"]))
    there = [row["at_s"] for row in less]
    return next(r for r in more if r["name"] == values["name"] and r["at_s"] not in there)


def _shared(values: Mapping[str, Any]) -> str:
    """What both clips have, in a sentence."""
    names = list(values["common"])
    if values["form"] == "replaced":
        del names[values["place"]]
    return f"Both have {listed([quoted(name) for name in names])}."


FAMILY = QuestionFamily(
    "difference",
    "two clips that differ by one sound or one word, or not; what is the difference?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    staged=True,
    skills=("general",),
)
