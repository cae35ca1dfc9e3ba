"""reword: the question, and its options, in other words; what is asked and what is true stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harken.item import Item
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import truth_faults
from harken.synth.verify.worded import option_faults, wording_faults
from harken.synth.wording import capital
from harken.synth.writing.base import Fields, WritingTask
from harken.synth.writing.phrasing import named_sound, one_of, options_text, sound_phrase
from harken.synth.writing.tasks.questions import asked_about, not_rewritten

_OPEN = {
    1: ("", "", "Listen to the clip. ", "Listen carefully. ", "Here is a recording. "),
    2: ("", "", "Listen to the clips. ", "Listen carefully. ", "Here are some recordings. "),
}

CORES = {
    "identify": (
        "which of these can be heard?",
        "which of the sounds below is in the recording?",
        "what do you hear in the clip?",
        "what was recorded here?",
        "which name fits what you hear?",
        "which of these is to be heard in the clip?",
    ),
    "presence": (
        "can you hear {x}?",
        "is {x} somewhere in the recording?",
        "does {x} sound in the clip?",
        "is {x} to be heard in it?",
        "do you notice {x} in the recording?",
        "would you say that {x} is in the clip?",
    ),
    "which-clip": (
        "which one contains {x}?",
        "in which of the clips is {x}?",
        "where do you hear {x}?",
        "which recording has {x}?",
        "{X} is in only one clip. Which?",
        "name the clip in which {x} is heard.",
    ),
    "count": (
        "how many of the clips have {x}?",
        "in how many recordings is {x} heard?",
        "what is the number of clips with {x}?",
        "count the recordings in which you hear {x}. How many are there?",
    ),
    "first": (
        "which one is heard first?",
        "what comes first?",
        "which of the two is the first that you hear?",
        "what do you hear first in the recording?",
    ),
    "same-sound": (
        "do you hear the same kind of sound in both?",
        "are both of the same kind?",
        "is the sound of one clip the same as that of the other?",
        "would the same name fit both?",
    ),
    "same-word": (
        "do both voices say the same word?",
        "is the same word said in both clips?",
        "do you hear the same word in one clip and in the other?",
    ),
    "same-speaker": (
        "do both clips have the same speaker?",
        "is the same person speaking in both?",
        "do you hear the same voice in one clip and in the other?",
    ),
    "word": (
        "which of these words do you hear?",
        "what is said in the clip?",
        "which word does the voice say?",
        "which of the words below is spoken?",
    ),
    "name": (
        "what is this sound called?",
        "what do you hear in the clip?",
        "name what was recorded.",
    ),
    "transcribe": (
        "what does the voice say? Write it down.",
        "write down what you hear the speaker say.",
        "which words are spoken in the clip?",
    ),
}
"""Wordings of the grammar, by task; other questions get an opening only."""

_OPTION = ("{x}", "{x}", "the sound of {x}", "a recording of {x}")


def takes(item: Item) -> str:
    """Why an item is not reworded; open questions are."""
    return not_rewritten(item)


def write(item: Item, rng: np.random.Generator) -> Fields:
    """An opening and a wording of its task; the options all in one form."""
    about = asked_about(item)
    cores = [c for c in CORES.get(item.task, ()) if about or ("{x}" not in c and "{X}" not in c)]
    if item.task in ("presence", "which-clip", "count") and not about:
        cores = []
    x = _other_name(about, rng)
    core = one_of(rng, cores).format(x=x, X=capital(x)) if cores else item.question
    opening = one_of(rng, _OPEN[min(2, len(item.clips))] if item.clips else ("",))
    return {"question": opening + capital(core), "options": _options(item, rng)}


def _other_name(about: str, rng: np.random.Generator) -> str:
    """What is asked about, by its name or, of a sound, by the phrase that means it."""
    if not about.startswith("the sound "):
        return about
    label = about.partition('"')[2].rstrip('"')
    return one_of(rng, (about, named_sound(label), sound_phrase(label)))


def _options(item: Item, rng: np.random.Generator) -> list[str]:
    if item.task not in ("identify", "first") or not all(f.is_sound for f in item.facts):
        return list(item.choices)
    phrases = [sound_phrase(choice) for choice in item.choices]
    if rng.random() < 0.4 and len({*phrases}) == len(phrases):
        return phrases
    pattern = one_of(rng, _OPTION)
    return [pattern.format(x=choice) for choice in item.choices]


def check(item: Item, fields: Fields, lexicon: Lexicon) -> list[TextFault]:
    """The same question, without the answer, and the same options; one of them true."""
    faults = wording_faults(item, fields["question"], lexicon)
    faults += option_faults(item, fields["options"], lexicon)
    return faults or truth_faults(apply(item, fields), lexicon)


def apply(item: Item, fields: Fields) -> Item:
    """The item with the new wording; the answer is the option at its place."""
    options = tuple(one.strip() for one in fields["options"])
    return replace(
        item,
        question=fields["question"].strip(),
        choices=options,
        answer=options[item.gold] if options else item.answer,
        rejected=options[item.choices.index(item.rejected)]
        if item.rejected in item.choices
        else item.rejected,
        contribution=None,
    )


TASK = WritingTask(
    name="reword",
    about="the question and its options in other words",
    template="reword",
    texts=("question",),
    lists=("options",),
    takes=takes,
    key=lambda item: item.id,
    material=lambda item: {"question": item.question, "options": options_text(item)},
    grammar=write,
    check=check,
    apply=apply,
)
