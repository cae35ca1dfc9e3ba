"""Whether a text that states what is heard agrees with the facts of the clips.

Four kinds of statements are understood: what is there and what is not, how many there are, when
they are, and in what order. `TextRules` says what is required besides. Times are right to
`TIME_TOLERANCE_S`; an order is wrong where the facts have the other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harken.ask import words as w
from harken.facts import ClipFacts
from harken.synth.verify.counted import count_faults
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.ordered import order_faults
from harken.synth.verify.reading import ReadText, read_text
from harken.synth.verify.scene import Scene
from harken.synth.verify.spoken import said_words
from harken.synth.verify.timed import time_faults

TIME_TOLERANCE_S = 0.25
"""How far a stated time may be from the fact, in seconds."""

_COMPARED = re.compile(r"\b(?:same|different|alike|identical|one (?:voice|person|speaker))\b")
_NONE_OF = re.compile(r"\b(?:0|zero|none) of\b")
_WEIGHING = re.compile(
    r"\b(?:options?|choices?|candidates?|whether|could|might|may|between|asks?|asked|ruled? out"
    r"|counted|considered|among what can be chosen|possib\w+)\b"
)


@dataclass(frozen=True, slots=True)
class TextRules:
    """What is required of a text besides being true.

    Attributes:
        all_named: every source that is no background has to be named.
        tolerance_s: how far a time may be off.
        timed: at least one time has to be stated for every source that is named.
        named: further names that may be mentioned although they are not there, where they are
            denied or weighed: the options of a question.
    """

    all_named: bool = False
    tolerance_s: float = TIME_TOLERANCE_S
    timed: bool = False
    named: tuple[str, ...] = ()


def description_faults(
    text: str, facts: Sequence[ClipFacts], lexicon: Lexicon, rules: TextRules = TextRules()
) -> list[TextFault]:
    """What in `text` does not agree with `facts` (one entry a clip); [] where nothing is found.

    Clips that the text numbers ("clip 2: rain") are compared with their own facts, all others with
    those of all clips together.
    """
    spoken = [said_words(source) for one in facts for source in one.sources]
    options = [w.words(name) for name in rules.named] if any(spoken) else []
    read = read_text(text, lexicon, [words for words in (*spoken, *options) if words])
    scene = Scene(facts, read)
    faults = [*_label_faults(read, scene, rules)]
    faults += count_faults(read, scene, facts)
    faults += time_faults(read, scene, rules.tolerance_s)
    faults += order_faults(read, scene.positioned, scene.placed_front)
    if rules.all_named:
        faults += _missing(read, scene)
    if rules.timed and not faults and len(read.times) < len(scene.front(None)):
        faults.append(TextFault("missing", "not every sound has its time"))
    return list(dict.fromkeys(faults))


def _label_faults(read: ReadText, scene: Scene, rules: TextRules) -> Iterator[TextFault]:
    for one in read.mentions:
        name = read.low[one.start : one.end]
        there = scene.meant(one)
        denied = one.denied or _denied_count(read, one.start)
        compared = one.is_speech and _COMPARED.search(_sentence(read, one.start))
        option = any(one.names(named) for named in rules.named)
        if denied and there and not compared:
            yield TextFault("label", f"it says that {name!r} is not there, and it is")
        if there or (denied and (option or not one.said)) or (option and _weighs(read, one.start)):
            continue
        what = f"nobody says {' '.join(one.said)!r}" if one.said else f"{name!r} is not in the clip"
        yield TextFault("label", what)


def _sentence(read: ReadText, place: int) -> str:
    """The sentence at `place`, folded."""
    span = next((s for s in read.sentences if s[0] <= place < s[1]), (0, len(read.low)))
    return read.low[slice(*span)]


def _denied_count(read: ReadText, place: int) -> bool:
    """Whether the sentence at `place` says of how many clips something is true, and it is none."""
    return bool(_NONE_OF.search(_sentence(read, place)))


def _weighs(read: ReadText, place: int) -> bool:
    """Whether the sentence at `place` weighs options and states none."""
    return bool(_WEIGHING.search(_sentence(read, place)))


def _missing(read: ReadText, scene: Scene) -> Iterator[TextFault]:
    for source in dict.fromkeys(scene.front(None)):
        named = any(one.fits(source) for one in read.mentions if not one.denied)
        if not named:
            yield TextFault("missing", f"{source.name or source.kind!r} is not mentioned")
