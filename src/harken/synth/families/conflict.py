"""conflict: what is said is not what is heard, or it is; the question says which to go by.

After DEAF (arXiv 2603.18048), which tests whether a model follows the words or the sound. Three
kinds take turns, where the recordings allow them: a word that names a sound, said over that sound
or over another one (``named``: "cat" over a dog); a number, said among sounds of which one is heard
that many times, or not (``number``); and a sentence of a man or a woman, read by a man or a woman
(``voice``). Whether the two agree and which of them is asked for are balanced, and independent of
each other and of the answer: who always goes by one of the two is right in half of the conflicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from harken.corpora.base import Recording
from harken.item import ListeningNeed
from harken.synth.needs import Events, need_of
from harken.synth.pool import RecordingPool, said
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, StagedEvent, drawn_level, in_slots, stage, staged
from harken.synth.takes import CastEvent, anchors, cast
from harken.synth.vocabulary import stem, stems
from harken.synth.wording import named, quoted

OPTIONS = 4
"""Options at most, where a word names a sound."""

NUMBERS = ("one", "two", "three", "four")

SCENE_S = 4.0
"""Length of a scene of one sound and one word."""

SEXES = {"F": "a woman", "M": "a man"}

_WOMAN = "she her hers herself woman girl lady mother daughter sister wife queen"
_MAN = "he him his himself man boy gentleman father son brother husband king"

GENDERED = {"F": frozenset(_WOMAN.split()), "M": frozenset(_MAN.split())}
"""Words that speak of a woman, or of a man."""

QUESTIONS = {
    "named-said": (
        "Go by what is said, not by what else is heard: which of these is it?",
        "Which of these does the voice name?",
        "A voice says a word. Which one is it, whatever sounds besides?",
        "Ignore the sound. What is said?",
    ),
    "named-heard": (
        "Go by what is heard, not by what is said: which of these makes the sound?",
        "Which of these is heard, whatever the voice names?",
        "Besides a voice there is a sound. What is it, whatever is said?",
        "Ignore the words. What makes the sound?",
    ),
    "number-said": (
        "Go by what is said, not by what you count: which number is it?",
        "A voice says a number. Which one, however often {x} is heard?",
        "Ignore the sounds. Which number is said?",
        "Which number does the voice say, whatever is true of {x}?",
    ),
    "number-heard": (
        "Go by what you count, not by what is said: how many times is {x} heard?",
        "A voice says a number. However that may be, how often is {x} heard?",
        "Ignore the voice. How many times is {x} heard?",
        "How many times is {x} heard, whatever the voice says?",
    ),
    "voice-said": (
        "Go by the words, not by the voice: of whom do they speak?",
        "Do the words speak of a man or of a woman, whoever says them?",
        "Ignore who speaks. Whom is the sentence about?",
        "Of whom is something told, whatever voice tells it?",
    ),
    "voice-heard": (
        "Go by the voice, not by the words: who speaks?",
        "Who is speaking, whomever the words are about?",
        "Ignore what is told. Who speaks?",
        "Whose voice is it, whatever it tells?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """One of the three kinds is needed."""
    if forms(pool):
        return ""
    return (
        "recordings of sounds and of the words for at least 2 of them, or of sounds and the spoken "
        "numbers one to four, or sentences of men and of women, each read by men and by women "
        "(the sex of speakers must be known), are needed"
    )


@lru_cache(maxsize=16)
def forms(pool: RecordingPool) -> tuple[str, ...]:
    """The kinds of conflict that recordings allow."""
    sounds, words = pool.events
    found = ["named"] if len(namesakes(pool)) >= 2 else []
    if {*NUMBERS} <= {*words.names} and anchors(sounds, 2):
        found.append("number")
    return (*found, *(["voice"] if all(gendered(pool).values()) else []))


@lru_cache(maxsize=16)
def namesakes(pool: RecordingPool) -> dict[str, str]:
    """Spoken words that name a sound, with its label; no two of them clash."""
    sounds, words = pool.events
    found: dict[str, str] = {}
    for word in words.names:
        for label in sounds.names:
            apart = not any(
                words.clash(word, one) or sounds.clash(label, other) for one, other in found.items()
            )
            if stem(word) in stems(label) and apart:
                found[word] = label
                break
    return found


@lru_cache(maxsize=16)
def gendered(pool: RecordingPool) -> dict[tuple[str, str], tuple[Recording, ...]]:
    """Sentences by whom they speak of and who reads them."""
    found: dict[tuple[str, str], list[Recording]] = {(a, b): [] for a in "FM" for b in "FM"}
    for recording in pool.recordings:
        words = {*said(recording)}
        about = [sex for sex, own in GENDERED.items() if words & own]
        if len(about) == 1 and recording.sex in SEXES:
            found[about[0], recording.sex].append(recording)
    return {key: tuple(own) for key, own in found.items()}


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Kind, what to go by, and whether it conflicts (balanced); the answer, scene."""
    own = forms(pool)
    form = own[draw.design.turn(len(own))]
    judge = ("said", "heard")[draw.design.turn(2)]
    clash = draw.design.turn(2) == 0
    values = {"form": form, "judge": judge, "conflict": clash}
    return {"named": _named, "number": _number, "voice": _voice}[form](pool, draw, values)


def _two(draw: Draw, values: dict[str, Any], options: Sequence[Any]) -> tuple[Any, Any]:
    """What is said and what is heard, of the options; the one to go by is any of them."""
    answer = options[draw.design.toss(len(options))]
    other = draw.one([one for one in options if one != answer]) if values["conflict"] else answer
    values["answer"] = answer
    return (answer, other) if values["judge"] == "said" else (other, answer)


def _named(pool: RecordingPool, draw: Draw, values: dict[str, Any]) -> Picks | None:
    sounds, words = pool.events
    labels = namesakes(pool)
    choices = draw.some(tuple(labels), OPTIONS)
    word, heard = _two(draw, values, choices)
    spoken = cast(draw, words, [word])
    sound = cast(draw, sounds, [labels[heard]])
    if spoken is None or sound is None:
        return None
    at_s = round(0.3 + float(draw.rng.uniform(0.0, 1.2)), 3)
    room_s = sound[0].take.heard_s - spoken[0].take.heard_s
    late_s = float(draw.rng.uniform(0.0, 1.0)) * max(room_s, 0.0)
    begins_s = sound[0].take.begin_s - spoken[0].take.begin_s + late_s
    events = [
        StagedEvent(sound[0], at_s, drawn_level(draw)),
        StagedEvent(spoken[0], round(max(0.0, at_s + begins_s), 3)),
    ]
    return stage(events, SCENE_S, {**values, "choices": choices, "word": word, "sound": heard})


def _number(pool: RecordingPool, draw: Draw, values: dict[str, Any]) -> Picks | None:
    """Four sounds and a number in five slots; so many of the sounds are X."""
    sounds, words = pool.events
    names = anchors(sounds, 2)
    query = names[draw.design.aside(len(names))]
    word, heard = _two(draw, values, NUMBERS)
    right = NUMBERS.index(heard) + 1
    others = [name for name in sounds.names if not sounds.clash(name, query)]
    several = bool(draw.rng.integers(2)) and sounds.sources(query) >= right
    own = cast(draw, sounds, [query] * (right if several else 1))
    more = cast(draw, sounds, [draw.one(others) for _ in range(len(NUMBERS) - right)])
    spoken = cast(draw, words, [word])
    if own is None or more is None or spoken is None:
        return None
    repeated: list[CastEvent] = own if several else own * right
    slots = draw.some([*repeated, *more, *spoken], len(NUMBERS) + 1)
    values |= {"query": query, "choices": list(NUMBERS), "word": word}
    return stage(in_slots(draw, slots), len(slots) * SLOT_S, values)


def _voice(pool: RecordingPool, draw: Draw, values: dict[str, Any]) -> Picks | None:
    about, voice = _two(draw, values, tuple(SEXES))
    values |= {"choices": list(SEXES), "word": about}
    return Picks((draw.one(gendered(pool)[about, voice]),), values)


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of what is said or what is heard."""
    form, judge, word = values["form"], values["judge"], values["word"]
    asked = QUESTIONS[f"{form}-{judge}"][template]
    tags = (form, f"by-{judge}", "conflict" if values["conflict"] else "agreement")
    if form == "voice":
        (recording,) = recordings
        answer = SEXES[values["answer"]]
        return BuiltQuestion(
            question=asked,
            answer=answer,
            choices=tuple(SEXES[one] for one in values["choices"]),
            clips=(recording.clip,),
            rationale=f"The words speak of {SEXES[word]}; {SEXES[recording.sex]} reads them. The "
            f"question is about what is {judge}: {answer}.",
            tags=("speaker", *tags),
            need=ListeningNeed(judge == "heard"),
        )
    scene = values["scene"]
    clip, facts = staged(scene, recordings)
    (speech,) = (n for n, one in enumerate(recordings) if one.kind == "speech")
    heard = [quoted(row["name"]) for n, row in enumerate(scene["events"]) if n != speech]
    return BuiltQuestion(
        question=asked.format(x=named("sound", values.get("query", ""))),
        answer=values["answer"],
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"A voice says {quoted(word)}; besides it are heard {', '.join(heard)}. The "
        f"question is about what is {judge}: {values['answer']}.",
        tags=("sound", "scene", *tags),
        facts=(facts,),
        need=need_of(scene, _proof(values), _enough(values, speech)),
    )


def _proof(values: Mapping[str, Any]) -> bool:
    """Whether the caption, which names both word and sound, leaves more than one answer."""
    if values["form"] == "named":
        return bool(values["conflict"])
    return bool(values["judge"] == "heard")


def _enough(values: Mapping[str, Any], speech: int) -> Callable[[Events], bool] | None:
    """The one event that is asked about; a count needs the whole clip."""
    if values["form"] == "number" and values["judge"] == "heard":
        return None
    wanted = values["scene"]["events"][speech if values["judge"] == "said" else 1 - speech]
    return lambda events: wanted in events


FAMILY = QuestionFamily(
    "conflict",
    "what is said is not what is heard, or it is; the question says which to go by",
    len(QUESTIONS["named-said"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("sound-context", "speech-context"),
)
