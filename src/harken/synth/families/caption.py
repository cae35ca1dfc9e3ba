"""caption: which of two clips matches a caption, or which of four captions matches a clip.

MAE's "Caption Retrieval" and its reverse. Captions are templates filled with a label, a spoken word
or the beginning of a transcript. All captions of an item have the same template; each of the four
captions is right equally often (see `identify`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.options import OPTIONS, lacks_options, pick_options
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.wording import clip_names

QUESTIONS = {
    "which": (
        "Which clip fits this caption better: {caption}",
        "The caption reads: {caption} Which clip is it about?",
        "To which of the two clips does this caption belong? {caption}",
        "Find the clip for this caption: {caption}",
    ),
    "choose": (
        "Which caption fits the clip?",
        "Which of these captions describes what you hear?",
        "Choose the caption that belongs to the recording.",
        "How is this clip best described?",
    ),
}

CAPTIONS = {
    "sound": (
        'A recording of "{x}".',
        'The sound of "{x}" can be heard.',
        'Here one can hear "{x}".',
        'This is the sound of "{x}".',
    ),
    "word": (
        'Someone says "{x}".',
        'A voice speaks the word "{x}".',
        'The word "{x}" is spoken.',
        'A single word is heard: "{x}".',
    ),
    "sentence": (
        'Someone says: "{x}"',
        'A voice speaks the words "{x}"',
        'In the recording is said: "{x}"',
        'What is heard is: "{x}"',
    ),
}

PATTERNS = 4
"""Number of caption templates of each kind."""


def lacks(pool: RecordingPool) -> str:
    """Four names, words or sentences are needed."""
    if _topics(pool):
        return ""
    return "; ".join(
        lacks_options(topic, what)
        for topic, what in (
            (pool.sounds, "labels of sounds"),
            (pool.lone_words, "words spoken alone"),
            (pool.sentences, "transcripts of sentences"),
        )
    )


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and form (balanced), then as in `which-clip` or `identify`."""
    topics = _topics(pool)
    topic = topics[draw.design.turn(len(topics))]
    if draw.design.turn(2):
        picks = pick_options(topic, draw)
        if picks is None:
            return None
        values = {"kind": topic.kind, "form": "choose", "heard": [picks.values["answer"]]}
        return Picks(picks.recordings, {**values, **picks.values})
    query = topic.names[draw.design.aside(len(topic.names))]
    place = draw.design.turn(2)
    names = topic.near_set(draw.rng, query, 2)
    if names is None:
        return None
    a = draw.recording(topic, query)
    b = draw.recording(topic, names[1], without=[query], taken=[a] if a else [])
    if a is None or b is None:
        return None
    heard = names if place == 0 else names[::-1]
    values = {"kind": topic.kind, "form": "which", "heard": heard}
    values |= {"query": query, "answer": f"clip {place + 1}"}
    return Picks((a, b) if place == 0 else (b, a), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of clips, or of captions."""
    wording, pattern = divmod(template, PATTERNS)
    caption = CAPTIONS[values["kind"]][pattern]
    clips = tuple(recording.clip for recording in recordings)
    if values["form"] == "which":
        heard = [caption.format(x=name) for name in values["heard"]]
        own = caption.format(x=values["query"])
        return BuiltQuestion(
            question=QUESTIONS["which"][wording].format(caption=own),
            answer=values["answer"],
            choices=clip_names(len(clips)),
            clips=clips,
            rationale=" ".join(f"Clip {i + 1}: {text}" for i, text in enumerate(heard))
            + f" So the caption belongs to {values['answer']}.",
            tags=(values["kind"], "which"),
        )
    answer = caption.format(x=values["answer"])
    return BuiltQuestion(
        question=QUESTIONS["choose"][wording],
        answer=answer,
        choices=tuple(caption.format(x=name) for name in values["choices"]),
        clips=clips,
        rationale=f"What is heard in the clip: {values['heard'][0]}. The caption is: {answer}",
        tags=(values["kind"], "choose"),
    )


def _topics(pool: RecordingPool) -> list[Topic]:
    return [
        topic
        for topic in (pool.sounds, pool.lone_words, pool.sentences)
        if len(topic.names) >= OPTIONS
    ]


FAMILY = QuestionFamily(
    "caption",
    "which of two clips fits a caption, or which of four captions fits a clip",
    len(QUESTIONS["which"]) * PATTERNS,
    lacks,
    pick,
    build,
    skills=("general",),
)
