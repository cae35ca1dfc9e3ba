"""permuted: pairs of items, the same two to eight clips in two orders; in which is X?

After MUGEN (arXiv 2603.09714), whose accuracy falls as clips become more, and whose answers depend
on the order of clips. Two questions take turns: in which clip is X (a sound, a word, a sentence, or
a trait of the speaker), and which clip is unlike all others (another sound, word or speaker, or
another sex, age, accent, emotion or intent). Numbers of clips are balanced. In the second item of a
pair the clips stand in another order, with the right one at another place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.paired import one_of_pair
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.traits import ASKED, holding, shown
from harken.synth.wording import clip_names, named, quoted

MOST = 8
"""Clips at most."""

COMPARED = 500
"""Names at most that are compared with each other for clashes; among more, few clash."""

TRIES = 32
"""Draws of a recording that is not among the clips yet."""

QUESTIONS = {
    "which": (
        "In which clip {holds}?",
        "In which of the clips {holds}?",
        "Listen to all clips. In which one {holds}?",
        "In exactly one clip it is so. In which clip {holds}?",
    ),
    "odd": (
        "Which clip is unlike all the others in {what}?",
        "All clips but one are alike in {what}. Which one is not?",
        "Find the clip that differs from the rest in {what}.",
        "In {what} one clip does not belong with the others. Which one?",
    ),
}

WHAT = {"sound": "the kind of sound", "word": "the word that is said", "speaker": "who speaks"}

LABELLED = ("sound", "word", "sentence")
"""Kinds of which a caption tells the value."""


class _Kind(NamedTuple):
    """What clips can be asked for or differ in: recordings by value, and the topic of names."""

    form: str
    kind: str
    members: Mapping[str, tuple[Recording, ...]]
    topic: Topic | None
    room: Mapping[str, int]

    @property
    def sizes(self) -> range:
        """Numbers of clips; one of two is unlike no other."""
        most = min(MOST, 1 + max(self.room.values(), default=0))
        return range(2 if self.form == "which" else 3, most + 1)

    def clash(self, one: str, other: str) -> bool:
        """Whether two values may not be in one item."""
        return self.topic.clash(one, other) if self.topic else one == other


def lacks(pool: RecordingPool) -> str:
    """Two sounds, words or sentences, or two speakers or values of a trait, are needed."""
    if kinds(pool):
        return ""
    return "2 sounds, words or sentences, or 2 speakers with 2 recordings each, are needed"


@lru_cache(maxsize=16)
def kinds(pool: RecordingPool) -> tuple[_Kind, ...]:
    """What can be asked, of which there are two values at least."""
    topics = (pool.lone_sounds, pool.lone_words, pool.transcripts)
    found = [_kind("which", topic.kind, topic.members, topic) for topic in topics]
    found += [_kind("odd", topic.kind, topic.members, topic) for topic in topics[:2]]
    found.append(_kind("odd", "speaker", pool.speakers, None))
    for trait, values in pool.traits.items():
        found += [_kind(form, trait, values, None) for form in QUESTIONS]
    return tuple(kind for kind in found if kind.sizes)


def _kind(
    form: str, kind: str, members: Mapping[str, tuple[Recording, ...]], topic: Topic | None
) -> _Kind:
    """With the number of other clips that there can be with each value."""
    own = {value: len({one.id for one in many}) for value, many in members.items()}
    total, ranked = sum(own.values()), sorted(own.values())
    found = _Kind(form, kind, members, topic, {})
    room: dict[str, int] = {}
    for value, n in own.items():
        if len(own) <= COMPARED:
            others = [m for name, m in own.items() if not found.clash(name, value)]
        else:
            others = [ranked[-2]] if form == "odd" else [total - n]
        room[value] = max(others, default=0) if form == "odd" else sum(others)
    return found._replace(room=room)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The pair: what is asked and number of clips (balanced), clips, two orders; then which."""
    own = kinds(pool)

    def both(shared: Draw) -> tuple[Picks, Picks] | None:
        kind = own[shared.design.turn(len(own))]
        n = kind.sizes[shared.design.turn(len(kind.sizes))]
        names = [value for value, most in kind.room.items() if most >= n - 1]
        value = names[shared.design.aside(len(names))]
        found = _clips(shared, kind, value, n)
        if found is None:
            return None
        values = {
            "form": kind.form,
            "kind": kind.kind,
            "query": value,
            "template": int(shared.rng.integers(len(QUESTIONS[kind.form]))),
        }
        places = shared.some(range(n), 2)
        return _placed(shared, found, places[0], values), _placed(shared, found, places[1], values)

    return one_of_pair(draw, both)


def _clips(draw: Draw, kind: _Kind, value: str, n: int) -> list[tuple[str, Recording]] | None:
    """The right clip, then the others with their values; None if there are too few."""
    least = n - 1 if kind.form == "odd" else 1
    others = [
        name
        for name, own in kind.members.items()
        if len(own) >= least and not kind.clash(name, value)
    ]
    names = draw.some(others, 1 if kind.form == "odd" else n - 1)
    found = [(value, draw.one(kind.members[value]))]
    while len(found) < n and names:
        name = names.pop(0)
        used = {recording.id for _, recording in found}
        for _ in range(TRIES):
            recording = draw.one(kind.members[name])
            if recording.id not in used:
                found.append((name, recording))
                names.append(name)  # again, where there are fewer names than clips
                break
    return found if len(found) == n else None


def _placed(
    draw: Draw, found: Sequence[tuple[str, Recording]], place: int, values: Mapping[str, Any]
) -> Picks:
    """The clips in a random order, with the first of them at a place."""
    order = draw.some(found[1:], len(found))
    order.insert(place, found[0])
    heard = [name for name, _ in order]
    recordings = tuple(recording for _, recording in order)
    return Picks(recordings, {**values, "heard": heard, "answer": f"clip {place + 1}"})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of clips; the wording is that of the pair."""
    form, kind, answer = values["form"], values["kind"], values["answer"]
    wording = QUESTIONS[form][values["template"]]
    told = {"holds": _holds(kind, values["query"])} if form == "which" else {"what": _what(kind)}
    asked = wording.format(**told)
    heard = [shown(kind, name) for name in values["heard"]]
    story = " ".join(f"Clip {n}: {name.rstrip('.')}." for n, name in enumerate(heard, 1))
    end = "is the one that differs" if form == "odd" else "is the right one"
    return BuiltQuestion(
        question=asked,
        answer=answer,
        choices=clip_names(len(recordings)),
        clips=tuple(recording.clip for recording in recordings),
        rationale=f"{story} So {answer} {end}.",
        tags=("speaker" if kind in (*ASKED, "speaker") else kind, f"{form}-{kind}"),
        need=ListeningNeed(kind not in (*LABELLED, "intent")),
        twins=values["twins"],
    )


def _what(kind: str) -> str:
    return WHAT.get(kind, f"the {kind} of the speaker" if kind != "intent" else "what is wanted")


def _holds(kind: str, value: str) -> str:
    if kind in ASKED:
        return holding(kind, value)
    return f"is {named(kind, value)} heard" if kind != "sentence" else f"is said: {quoted(value)}"


FAMILY = QuestionFamily(
    "permuted",
    "pairs of items, the same two to eight clips in two orders; in which is X?",
    len(QUESTIONS["which"]),
    lacks,
    pick,
    build,
    skills=("information", "general"),
)
