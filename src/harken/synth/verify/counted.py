"""Numbers that a text states: of sounds, voices and clips, and how often something is heard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harken.ask.words import listed
from harken.facts import ClipFacts
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import NameMention
from harken.synth.verify.reading import (
    AT_LEAST_TWO,
    ONLY_ONE,
    TIMES_OF,
    ReadText,
    within,
)
from harken.synth.verify.scene import Scene

_TOKEN = re.compile(r"[^\W_]+")
_KINDS_OF = re.compile(r"\b(?:different|distinct|kinds?|types?|sorts?|separate classes)\b")
_ALL = re.compile(r"sounds?|events?|sources?|noises?")
_VOICES = re.compile(r"voices?|speakers?|people|persons?|talkers?")
_CLIPS = re.compile(r"clips?|recordings?")
_SMALL = frozenset(
    listed("after of then and the is are in by times clip a an with to be it has have")
)
_HOW_OFTEN = re.compile(r"\s*(?:[,.;)]|$|(?:and|then|before|followed|at|from)\b)")
_SOME_OF = re.compile(r"\s+of\s+(?:them|(?:the\s+)?(?:\w+\s+)?(?:clips|recordings))\b")


def count_faults(read: ReadText, scene: Scene, facts: Sequence[ClipFacts]) -> Iterator[TextFault]:
    """Faults of all numbers in a text; a number that counts nothing has none."""
    for number in read.numbers:
        yield from _number_faults(read, scene, facts, number.start, number.end, number.value)
    for hit in _TOKEN.finditer(read.bare):
        word = hit.group()
        about = _after(read, hit.end()) if word in AT_LEAST_TWO | ONLY_ONE else None
        if word in TIMES_OF and (word != "once" or _HOW_OFTEN.match(read.bare, hit.end())):
            yield from _times_of(read, scene, hit.start(), TIMES_OF[word])
        elif about is not None:
            count = len(scene.meant(about))
            name = read.low[about.start : about.end]
            if word in AT_LEAST_TWO and count < 2:
                yield TextFault("count", f"{word} {name!r} are said, and there is one at most")
            if word in ONLY_ONE and count > 1:
                yield TextFault("count", f"a {word} {name!r} is said, and there are {count}")


def _number_faults(
    read: ReadText, scene: Scene, facts: Sequence[ClipFacts], start: int, end: int, value: int
) -> Iterator[TextFault]:
    """The faults of one number, by what it counts; a number that counts nothing has none."""
    if re.match(r"\s+(?:more )?times\b", read.bare[end:]):
        yield from _times_of(read, scene, start, value)
        return
    about = _after(read, end)
    rest = re.split(r"[.,;:()]", read.bare[end : end + 60])[0]
    if _SOME_OF.match(rest):
        yield from _clips_counted(read, facts, start, value)
        return
    if re.match(r"\s+of\b", rest) or (
        read.low[start:end] == "one" and not _at_once(about, end, rest)
    ):
        return  # "two of the clips", "one hears rain"
    front = scene.front(scene.clip_at(start))
    counted: int | None = None
    what = ""
    if about is not None:
        counted, what = len(scene.meant(about)), read.low[about.start : about.end]
    elif _near(_ALL, rest):
        different = bool(_KINDS_OF.search(rest))
        counted = len({s.name for s in front}) if different else len(front)
        what = "different sounds" if different else "sounds"
    elif _near(_VOICES, rest):
        speech = [s for s in front if s.kind == "speech"]
        speakers = {s.speaker for s in speech}
        counted = len(speech) if None in speakers else len(speakers)
        what = "voices"
    elif _near(_CLIPS, rest):
        counted, what = len(facts), "clips"
    if counted is not None and counted != value and not (what == "clips" and value <= len(facts)):
        yield TextFault("count", f"it says {value} for {what!r}, and there are {counted}")


def _clips_counted(
    read: ReadText, facts: Sequence[ClipFacts], start: int, value: int
) -> Iterator[TextFault]:
    """``2 of the 3 clips have rain``: by the one mention or quotation of the sentence."""
    span = next((s for s in read.sentences if s[0] <= start < s[1]), (0, len(read.low)))
    named = [m for m in within(read.mentions, span) if not m.is_speech]
    if len(named) != 1:
        return
    there = [any(named[0].fits(source) for source in one.sources) for one in facts]
    if sum(there) != value:
        yield TextFault("count", f"it says {value} of the clips, and it is {sum(there)}")


def _near(pattern: re.Pattern[str], rest: str) -> bool:
    """Whether the noun stands within three words after a number, adjectives between."""
    for word in _TOKEN.findall(rest)[:3]:
        if pattern.fullmatch(word):
            return True
        if word in _SMALL:
            return False
    return False


def _at_once(about: NameMention | None, end: int, rest: str) -> bool:
    """Whether the word "one" stands right before what it counts; elsewhere it is a pronoun."""
    if about is not None:
        return about.start <= end + 1
    words = _TOKEN.findall(rest)[:1]
    return any(p.fullmatch(word) for p in (_ALL, _VOICES) for word in words)


def _after(read: ReadText, end: int) -> NameMention | None:
    """The mention that a number at `end` counts: at most two words further on, in its clause."""
    for one in read.mentions:
        if one.start >= end:
            between = read.bare[end : one.start]
            words = _TOKEN.findall(between)
            fits = len(words) <= 2 and not _SMALL & {*words} and not re.search(r"[.,;:()]", between)
            return one if fits and not one.denied else None
    return None


def _times_of(read: ReadText, scene: Scene, start: int, value: int) -> Iterator[TextFault]:
    """``twice``, ``three times``: of the last mention before it in its sentence, else the next."""
    span = next((s for s in read.sentences if s[0] <= start < s[1]), (0, len(read.bare)))
    own = [one for one in within(read.mentions, span) if not one.denied]
    before = [one for one in own if one.start < start]
    about = before[-1] if before else own[0] if own else None
    if about is None:
        return
    count, name = len(scene.meant(about)), read.low[about.start : about.end]
    if count and count != value:
        yield TextFault("count", f"it says {value} times {name!r}, and there are {count}")
