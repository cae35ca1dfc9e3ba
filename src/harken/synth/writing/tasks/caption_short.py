"""caption-short: one sentence that names all that is heard, in order where that is known."""

from __future__ import annotations

import numpy as np

from harken.item import Item
from harken.synth.verify.described import TextRules
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writing.base import Fields, WritingTask
from harken.synth.writing.phrasing import (
    OFTEN,
    front_in_order,
    in_runs,
    joined,
    one_of,
    ordered,
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

QUESTION = "Describe the recording in one sentence."
LONGEST = 320
"""Most characters of a short caption, beside what is quoted of speech."""

_ALONE = ("{a}", "{a} can be heard", "here one hears {a}", "{a} is heard", "a recording of {a}")
_TWO = (
    "{a}, then {b}",
    "{a}, followed by {b}",
    "first {a}, then {b}",
    "{a} is heard before {b}",
    "{b} follows {a}",
    "after {a}, {b} is heard",
)
_MANY = ("{list}", "first {list}", "one hears {list}")
_UNORDERED = ("{list}", "{list} can be heard", "one can hear {list}", "a recording of {list}")


def write(item: Item, rng: np.random.Generator) -> Fields:
    """A sentence; how often is said of what is heard several times in a row."""
    facts = scene_of(item)
    front = front_in_order(facts)
    runs = in_runs(front)
    again = len({one.name for one, _ in runs}) < len(runs)
    parts = [
        source_phrase(one, rng) + (f" {OFTEN[n]}" if 1 < n <= max(OFTEN) and not again else "")
        for one, n in runs
    ]
    if len(parts) == 1:
        return {FIELD: sentence(one_of(rng, _ALONE).format(a=parts[0]))}
    if not ordered(facts):
        return {FIELD: sentence(one_of(rng, _UNORDERED).format(list=joined(parts)))}
    if len(parts) == 2:
        return {FIELD: sentence(one_of(rng, _TWO).format(a=parts[0], b=parts[1]))}
    between = one_of(rng, (", then ", ", followed by "))
    listed = between.join(parts[:-1]) + one_of(rng, (", and finally ", " and then ", ", then "))
    return {FIELD: sentence(one_of(rng, _MANY).format(list=listed + parts[-1]))}


def check(item: Item, fields: Fields, lexicon: Lexicon) -> list[TextFault]:
    """True, short, and nothing left out."""
    faults = caption_faults(fields, item, lexicon, TextRules(all_named=True))
    said = sum(len(one.transcript or "") for one in scene_of(item).front)
    if len(fields[FIELD]) > LONGEST + said:
        faults.append(TextFault("form", f"{len(fields[FIELD])} characters are too long"))
    return faults


def apply(item: Item, fields: Fields) -> Item:
    """The item that asks for the caption."""
    return captioned(item, fields, TASK.name, QUESTION)


TASK = WritingTask(
    name="caption-short",
    about="a caption of one sentence, from the facts of one clip",
    template="caption_short",
    texts=(FIELD,),
    takes=not_captioned,
    key=clip_key,
    material=caption_material,
    grammar=write,
    check=check,
    apply=apply,
)
