"""stream: a recording that arrives in pieces, a turn each; has X begun, or not yet?

For models that listen along and speak up when something is heard. The user asks to be told when X
begins and plays one piece after the other; up to the last one the reply was "not yet", and was
right. In half of the items X is heard in the last piece, in the others something else is, and X
never comes. The number of pieces and their length are balanced and drawn before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harken.audio.single import span
from harken.corpora.base import Recording
from harken.facts import ClipFacts, SourceFacts
from harken.item import Dialogue, Exchange, ListeningNeed
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import capital, named, quoted

NAMES = 4
"""X and what else is heard; the pieces before the last may have one of these more than once."""

PIECES = (1, 2, 3, 4)
PIECES_S = (3, 4)
NOW, NOT_YET = "now", "not yet"

QUESTIONS = {
    "first": (
        "Say when {x} begins. I play you the recording piece by piece.",
        "Tell me as soon as you hear {x}. The recording comes in pieces.",
        "Listen for {x}, and speak up when it comes. This is the first piece.",
        "I want to know when {x} is heard. Here is how the recording begins.",
        "{X} may come at some time, or never. Say so when it does.",
        "Keep listening until you hear {x}. It starts like this.",
    ),
    "next": (
        "And now?",
        "It goes on like this.",
        "This is the next piece.",
        "Go on listening.",
        "What about now?",
        "Has it come?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Four names are needed."""
    return lacks_topics(pool, NAMES)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic, number and length of the pieces (balanced); whether X comes, the names."""
    topics = staged_topics(pool, NAMES)
    topic = topics[draw.design.turn(len(topics))]
    pieces = PIECES[draw.design.turn(len(PIECES))]
    piece_s = float(PIECES_S[draw.design.turn(len(PIECES_S))])
    comes = draw.design.toss(2) == 0
    names = mixed_names(draw, topic, NAMES)
    if names is None:
        return None
    query, *others = names
    order = [draw.one(others) for _ in range(pieces)]
    if comes:
        order[-1] = query
    events = cast(draw, topic, order)
    if events is None:
        return None
    values = {"kind": topic.kind, "query": query, "pieces": pieces, "piece_s": piece_s}
    return stage(in_slots(draw, events, piece_s), pieces * piece_s, values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """The last turn of a conversation in which each piece has a turn."""
    scene, query, pieces = values["scene"], values["query"], values["pieces"]
    piece_s = values["piece_s"]
    whole, facts = staged(scene, recordings)
    last = scene["events"][-1]
    answer = NOW if last["name"] == query else NOT_YET
    x = named(values["kind"], query)
    first = QUESTIONS["first"][template].format(x=x, X=capital(x))
    turns = [first, *[QUESTIONS["next"][template]] * (pieces - 1)]
    return BuiltQuestion(
        question=turns[-1],
        answer=answer,
        choices=(NOW, NOT_YET),
        clips=tuple(span(whole, n * piece_s, piece_s) for n in range(pieces)),
        rationale=f"{quoted(last['name'])} is heard in the last piece: {answer}.",
        tags=(values["kind"], "scene"),
        facts=tuple(within(facts, n * piece_s, piece_s) for n in range(pieces)),
        need=ListeningNeed(False),
        dialogue=Dialogue(
            earlier=tuple(Exchange(text, NOT_YET) for text in turns[:-1]),
            places=tuple((turn, 0) for turn in range(pieces)),
        ),
    )


def within(facts: ClipFacts, start_s: float, length_s: float) -> ClipFacts:
    """The facts of a stretch of a clip: what begins in it, by its own time, and what is behind."""
    found: list[SourceFacts] = []
    for source in facts.sources:
        if source.kind == "background":  # it is heard all through
            found.append(replace(source, onset_s=0.0, offset_s=length_s))
            continue
        begin_s = source.onset_s
        if begin_s is None or not start_s <= begin_s < start_s + length_s:
            continue
        end_s = begin_s if source.offset_s is None else source.offset_s
        words = source.words and tuple(
            replace(
                word,
                start_s=round(word.start_s - start_s, 4),
                end_s=round(word.end_s - start_s, 4),
            )
            for word in source.words
        )
        found.append(
            replace(
                source,
                onset_s=round(begin_s - start_s, 4),
                offset_s=round(min(end_s - start_s, length_s), 4),
                words=words,
            )
        )
    return replace(facts, sources=tuple(found), duration_s=length_s)


FAMILY = QuestionFamily(
    "stream",
    "a recording that arrives in pieces, a turn each; has X begun, or not yet?",
    len(QUESTIONS["first"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal",),
)
