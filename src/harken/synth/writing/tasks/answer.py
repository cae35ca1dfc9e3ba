"""answer: an open question and a whole sentence that answers it, from a question with options."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from harken.item import Item
from harken.synth.verify.described import TextRules, description_faults
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.worded import leak_faults
from harken.synth.wording import capital, quoted
from harken.synth.writing.base import Fields, WritingTask
from harken.synth.writing.phrasing import one_of, sentence, sound_phrase
from harken.synth.writing.tasks.questions import (
    asked_about,
    empty,
    names_answer,
    not_explained,
    question_material,
    truth,
)

_LISTS = re.compile(
    r"\b(?:these|those|the following|options?|choices?|below|of the two (?:sounds|words))\b", re.I
)

_POLAR = re.compile(r"\s*(?:yes|no)\b[,.:;!]\s*", re.I)

OPEN_QUESTIONS = {
    "identify": ("What is heard in the clip?", "What do you hear?", "What was recorded here?"),
    "first": ("What is heard first?", "What comes first in the recording?"),
    "word": ("Which word is spoken in the clip?", "What does the speaker say?"),
}
"""Of questions that list their options; the others need none and stay as they are."""


def takes(item: Item) -> str:
    """Why there is no open form: as for reasoning, or captions that are chosen."""
    if why := not_explained(item):
        return why
    if item.task in OPEN_QUESTIONS or item.task in _ANSWERS:
        return ""
    return f"{item.task or 'such a question'} has no open form"


def write(item: Item, rng: np.random.Generator) -> Fields:
    """The question without options, and a sentence."""
    asked = OPEN_QUESTIONS.get(item.task)
    question = one_of(rng, asked) if asked else item.question
    return {"question": question, "answer": sentence(_ANSWERS[item.task](item, rng))}


def _identify(item: Item, rng: np.random.Generator) -> str:
    x = one_of(rng, (sound_phrase(item.answer), f"the sound {quoted(item.answer)}"))
    return one_of(rng, ("{x} is heard", "one can hear {x}", "in the clip, {x} is heard")).format(
        x=x
    )


def _presence(item: Item, rng: np.random.Generator) -> str:
    x = asked_about(item)
    if item.answer == "yes":
        return one_of(rng, ("yes, {x} is in it", "yes, {x} can be heard")).format(x=x)
    return one_of(rng, ("no, {x} is not in it", "no, {x} is not heard")).format(x=x)


def _which(item: Item, rng: np.random.Generator) -> str:
    x = asked_about(item)
    return one_of(rng, ("{x} is in {a}", "it is {a} that has {x}", "{a} has {x}")).format(
        x=x, a=item.answer
    )


def _count(item: Item, rng: np.random.Generator) -> str:
    x, n = asked_about(item), item.answer
    return one_of(rng, ("{x} is in {n} of them", "{n} of them have {x}")).format(x=x, n=n)


def _first(item: Item, rng: np.random.Generator) -> str:
    x = quoted(item.answer)
    return one_of(rng, ("{x} is heard first", "first, {x} is heard", "it begins with {x}")).format(
        x=x
    )


def _word(item: Item, rng: np.random.Generator) -> str:
    x = quoted(item.answer)
    return one_of(rng, ("the speaker says {x}", "a voice says {x}", "one hears {x}")).format(x=x)


def _same(yes: str, no: str) -> Callable[[Item, np.random.Generator], str]:
    return lambda item, rng: f"yes, {yes}" if item.answer == "yes" else f"no, {no}"


_ANSWERS: dict[str, Callable[[Item, np.random.Generator], str]] = {
    "identify": _identify,
    "presence": _presence,
    "which-clip": _which,
    "count": _count,
    "first": _first,
    "word": _word,
    "same-sound": _same("both are of the same kind", "they are of different kinds"),
    "same-word": _same("both say the same", "they say different things"),
    "same-speaker": _same("both clips have the same speaker", "the speakers are not the same"),
}


def check(item: Item, fields: Fields, lexicon: Lexicon) -> list[TextFault]:
    """No options and no answer in the question; a true sentence that names the right option."""
    faults = empty(fields, TASK.texts) or leak_faults(item, fields["question"], lexicon)
    if _LISTS.search(fields["question"]):
        faults.append(TextFault("form", "the question speaks of options, and there are none"))
    if "?" not in fields["question"] and fields["question"] != item.question:
        faults.append(TextFault("form", "the question asks nothing"))
    asked = (*item.choices, asked_about(item))
    rules = TextRules(named=tuple(name for name in asked if name != item.answer and name))
    stated = _POLAR.sub("", fields["answer"])
    faults += description_faults(stated, item.facts, lexicon, rules)
    if not faults and not names_answer(item, fields["answer"], lexicon):
        faults.append(TextFault("answer", f"the sentence does not say {item.answer!r}"))
    return faults or truth(item, lexicon)


def apply(item: Item, fields: Fields) -> Item:
    """The open question and its answer."""
    return replace(
        item,
        question=fields["question"].strip(),
        answer=capital(fields["answer"].strip()),
        choices=(),
        tags=(*item.tags, "open"),
        rejected="",
        contribution=None,
    )


TASK = WritingTask(
    name="answer",
    about="a question without options, and its answer in a sentence",
    template="answer",
    texts=("question", "answer"),
    takes=takes,
    key=lambda item: item.id,
    material=question_material,
    grammar=write,
    check=check,
    apply=apply,
)
