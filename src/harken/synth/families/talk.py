"""talk: twelve consecutive questions about one set of one to four clips.

For training. Items with the same clips can be packed into one sequence, so the audio is encoded
once for twelve answers. The wordings are those of the other families, and of four more kinds:

- ``at``: what is heard in clip 2? (open)
- ``name``: name what is heard in each clip, in order (open)
- ``where``, ``there``: drill, the shortest form of "which clip" and "is it there". Without drill a
  small model stayed at chance on "which clip" in all runs; with drill on sets of one or two clips
  first, it learned the task in 200 to 800 steps on two corpora, with text in place of audio. Drill
  on sets of up to four clips from the start worked for one seed and failed for others
  (docs/log.md).

The set depends on the item's index alone; the question is random. Answers are not balanced (a count
of 1 is more common than 4): the family is for training only, and `lacks` excludes test splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.families import (
    count,
    identify,
    presence,
    same_sound,
    same_speaker,
    same_word,
    which_clip,
)
from harken.synth.families import word as spoken
from harken.synth.options import OPTIONS
from harken.synth.pool import RecordingPool, Topic, said
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import clip_names, heard_in_clips, quoted

TURNS = 12
"""Questions about one set of clips."""

CLIPS = (1, 2, 2, 3, 4)
"""Numbers of clips in a set; all entries are equally likely."""

QUESTIONS = {
    "at": (
        "What is heard in {clip}?",
        "Name what is in {clip}.",
        "What does {clip} hold?",
        "Which {noun} is in {clip}?",
    ),
    "name": (
        "Name what is heard in each clip, in order, separated by commas.",
        "List the {noun}s of the clips from the first to the last, separated by commas.",
        "What is in the clips? Answer with one name a clip, in order, separated by commas.",
        "Go through the clips in order and name each {noun}, separated by commas.",
    ),
}
DRILL = {"where": "where {x}?", "there": "there {x}?"}
INNER = {
    "which-clip": which_clip,
    "count": count,
    "presence": presence,
    "identify": identify,
    "word": spoken,
    "same-sound": same_sound,
    "same-word": same_word,
    "same-speaker": same_speaker,
}


def lacks(pool: RecordingPool) -> str:
    """A training split with two names is needed."""
    if pool.split == "test":
        return "talk is practice and is not made for a test split"
    if not _topics(pool):
        return "2 labels of sounds or 2 words, heard alone, are needed"
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The set (from the index of the group), then one question about it."""
    group = draw.group(TURNS)
    topics = _topics(pool)
    topic = topics[int(group.rng.integers(len(topics)))]
    found = _set(topic, group)
    if found is None:
        return None
    heard, recordings = found
    drill = draw.rng.random() < (2 / 3 if len(heard) > 1 else 1 / 2)
    asked = draw.one(tuple(DRILL) if drill else _kinds(topic, heard, recordings))
    values = _values(asked, topic, heard, recordings, draw)
    if values is None:
        return None
    return Picks(recordings, {"asked": asked, "kind": topic.kind, "heard": heard, **values})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """The question in the wording of its family."""
    asked, heard, kind = values["asked"], values["heard"], values["kind"]
    if asked in INNER:
        made = INNER[asked].FAMILY.build(
            template % INNER[asked].FAMILY.templates, _inner(values), recordings
        )
        return BuiltQuestion(
            made.question,
            made.answer,
            made.choices,
            made.clips,
            made.rationale,
            (*made.tags, asked),
            made.facts,
        )
    answer = values["answer"]
    clips = tuple(recording.clip for recording in recordings)
    story = f"{heard_in_clips(kind, heard)} So the answer is {quoted(answer)}."
    if asked in DRILL:
        question = DRILL[asked].format(x=quoted(values["query"]))
        choices = ("yes", "no") if asked == "there" else clip_names(len(recordings))
        return BuiltQuestion(question, answer, choices, clips, story, (kind, asked))
    wordings = QUESTIONS[asked]
    place = "the clip" if len(heard) == 1 else f"clip {values.get('place', 0) + 1}"
    return BuiltQuestion(
        question=wordings[template % len(wordings)].format(clip=place, noun=kind),
        answer=answer,
        choices=(),
        clips=clips,
        rationale=story,
        tags=(kind, asked),
    )


def _topics(pool: RecordingPool) -> list[Topic]:
    return [t for t in (pool.lone_sounds, pool.lone_words) if len(t.with_sources(2)) >= 2]


def _set(topic: Topic, group: Draw) -> tuple[list[str], tuple[Recording, ...]] | None:
    """Names, in half of the sets with one repeated, and a recording of each; or None."""
    for _ in range(32):
        n = group.one(CLIPS)
        heard = group.some(topic.names, n)
        if len(heard) < n:
            continue
        if n > 1 and group.rng.random() < 0.5:
            one, other = group.some(range(n), 2)
            heard[one] = heard[other]
        if any(topic.clash(a, b) and a != b for a in heard for b in heard):
            continue
        recordings: list[Recording] = []
        for name in heard:
            found = group.recording(topic, name, taken=recordings)
            if found is not None:
                recordings.append(found)
        if len(recordings) == n:
            return heard, tuple(recordings)
    return None


def _kinds(topic: Topic, heard: list[str], recordings: Sequence[Recording]) -> list[str]:
    """The questions that fit a set; "at" is twice as likely, since the others depend on it."""
    n = len(heard)
    if n == 1:
        return ["at", "at", "presence" if topic.kind == "sound" else "word", _choice(topic)]
    kinds = ["at", "at", "name", "which-clip", "which-clip", "count"]
    if n == 2:
        kinds += [f"same-{topic.kind}"] * 2
        speakers = [recording.speaker for recording in recordings]
        if all(speakers) and said(recordings[0]) != said(recordings[1]):
            kinds.append("same-speaker")
    return kinds


def _choice(topic: Topic) -> str:
    return "identify" if topic.kind == "sound" else "word"


def _values(
    asked: str, topic: Topic, heard: list[str], recordings: Sequence[Recording], draw: Draw
) -> dict[str, Any] | None:
    """The constants of one question; None if it does not fit the set."""
    if asked == "at":
        place = int(draw.rng.integers(len(heard)))
        return {"place": place, "answer": heard[place]}
    if asked == "name":
        return {"answer": ", ".join(heard)}
    if asked in ("which-clip", "where"):
        query = draw.one(heard)
        if heard.count(query) > 1:
            return None
        return {"query": query, "answer": f"clip {heard.index(query) + 1}"}
    if asked in ("count", "presence", "there"):
        query = draw.one(heard) if draw.rng.random() < 0.5 else draw.one(topic.names)
        if query not in heard and any(topic.clash(query, name) for name in heard):
            return None
        number = heard.count(query)
        return {
            "query": query,
            "answer": str(number) if asked == "count" else ("yes" if number else "no"),
        }
    if asked in ("identify", "word"):
        names = topic.near_set(draw.rng, heard[0], min(OPTIONS, len(topic.names)))
        return None if names is None else {"choices": draw.some(names, 9), "answer": heard[0]}
    if asked == "same-speaker":
        voices = [str(recording.speaker) for recording in recordings]
        return {"voices": voices, "answer": "yes" if voices[0] == voices[1] else "no"}
    return {"answer": "yes" if heard[0] == heard[1] else "no"}


def _inner(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the form that the inner family's `build` expects."""
    own = dict(values)
    if own["asked"] == "presence":
        own["heard"] = own["heard"][0]
    if own["asked"] == "same-speaker":
        own["heard"] = own["voices"]
    return own


FAMILY = QuestionFamily(
    "talk", "twelve questions, one after the other, about one set of clips", 8, lacks, pick, build
)
"""An attempt whose question does not fit is repeated; every set has several that do."""
