"""caption-dense: a caption with the times of all that is heard (after TAC, 2602.15766)."""

from __future__ import annotations

import numpy as np

from harken.facts import SourceFacts
from harken.item import Item
from harken.synth.verify.described import TextRules
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writing.base import Fields, WritingTask
from harken.synth.writing.phrasing import (
    front_in_order,
    one_of,
    seconds,
    sentence,
    source_phrase,
)
from harken.synth.writing.tasks.captions import (
    FIELD,
    caption_faults,
    caption_material,
    captioned,
    clip_key,
    not_captioned,
    scene_of,
)

QUESTION = "Describe the recording and say when each sound is heard, in seconds."

_LINES = (
    "from {a} s to {b} s, {x} is heard",
    "{x} is heard from {a} to {b} seconds",
    "{x} ({a}-{b} s)",
    "{a}-{b} s: {x}",
    "{x} starts at {a} s and ends at {b} s",
    "between {a} and {b} seconds, {x} can be heard",
)
_LENGTH = ("the clip lasts {d} s", "the recording is {d} seconds long", "")
_NUMBER = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def not_dense(item: Item) -> str:
    """Why there is no dense caption: as for the short one, or times are not known."""
    return not_captioned(item) or (
        "" if scene_of(item).timed else "the times of the sounds are not known"
    )


def write(item: Item, rng: np.random.Generator) -> Fields:
    """A sentence a sound, all of one form; the number of sounds and the length in some."""
    facts = scene_of(item)
    line = one_of(rng, _LINES)
    front = front_in_order(facts)
    texts = [sentence(_line(line, one, rng)) for one in front]
    if len(front) in _NUMBER and rng.random() < 0.3:
        texts.insert(0, f"There are {_NUMBER[len(front)]} sounds.")
    length = one_of(rng, _LENGTH)
    if facts.duration_s is not None and length:
        texts.append(sentence(length.format(d=seconds(facts.duration_s))))
    return {FIELD: " ".join(texts)}


def _line(pattern: str, source: SourceFacts, rng: np.random.Generator) -> str:
    return pattern.format(
        x=source_phrase(source, rng),
        a=seconds(source.onset_s or 0.0),
        b=seconds(source.offset_s or 0.0),
    )


def check(item: Item, fields: Fields, lexicon: Lexicon) -> list[TextFault]:
    """True, with the times of all that is heard."""
    return caption_faults(fields, item, lexicon, TextRules(all_named=True, timed=True))


def apply(item: Item, fields: Fields) -> Item:
    """The item that asks for the caption."""
    return captioned(item, fields, TASK.name, QUESTION)


TASK = WritingTask(
    name="caption-dense",
    about="a caption with the times of all that is heard, from the facts of one clip",
    template="caption_dense",
    texts=(FIELD,),
    takes=not_dense,
    key=clip_key,
    material=caption_material,
    grammar=write,
    check=check,
    apply=apply,
)
