"""reasoning: how the answer is found, in three parts, and in short (AudioMCQ, 2509.21060).

Kind of question, what is heard, and which options are ruled out; then the same in one or two
sentences. Both end in the answer. What passes is graded (`harken.synth.writing.critic`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from harken.item import Item
from harken.synth.verify.described import TextRules, description_faults
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.wording import listed, quoted
from harken.synth.writing.base import Fields, WritingTask
from harken.synth.writing.phrasing import (
    front_in_order,
    joined,
    one_of,
    ordered,
    sentence,
    source_phrase,
)
from harken.synth.writing.tasks.questions import (
    asked_about,
    conclusion,
    empty,
    names_answer,
    not_explained,
    question_material,
    truth,
)

FIELDS = ("type", "audio", "selection", "short")

KINDS = {
    "identify": "which of several sounds is in the clip",
    "word": "which of several words is said",
    "presence": "whether a sound is in the clip",
    "which-clip": "in which clip something is heard",
    "count": "in how many clips something is heard",
    "first": "which of two comes first",
    "same-sound": "whether two clips have one kind of sound",
    "same-word": "whether two clips have one word",
    "same-speaker": "whether two clips have one speaker",
}


def takes(item: Item) -> str:
    """Why nothing is explained: no rule for the question, or the voices are told by no name."""
    if why := not_explained(item):
        return why
    return "" if item.task in _SELECTIONS else f"{item.task or 'such a question'} is not explained"


def write(item: Item, rng: np.random.Generator) -> Fields:
    """The four texts."""
    ending = f"So the answer is {_shown(item)}."
    why, brief = _SELECTIONS[item.task](item)
    kind = one_of(rng, ("It is asked {x}.", "The question is {x}.", "One has to find out {x}."))
    return {
        "type": kind.format(x=KINDS[item.task]),
        "audio": heard(item, rng),
        "selection": f"{sentence(why)} {ending}",
        "short": f"{sentence(brief)} {ending}",
    }


def heard(item: Item, rng: np.random.Generator) -> str:
    """What is heard in each clip, in order where that is known."""
    texts = []
    for number, facts in enumerate(item.facts, 1):
        parts = [source_phrase(one, rng) for one in front_in_order(facts)]
        said = ", then ".join(parts) if ordered(facts) else joined(parts)
        texts.append(
            sentence(f"clip {number}: {said}" if len(item.facts) > 1 else f"one hears {said}")
        )
    return " ".join(texts)


def _shown(item: Item) -> str:
    named = item.task in ("identify", "word", "first")
    return quoted(item.answer) if named else item.answer


def _among(item: Item) -> tuple[str, str]:
    a, others = quoted(item.answer), [quoted(c) for c in item.choices if c != item.answer]
    verb = "said" if item.task == "word" else "heard"
    ruled_out = f"neither {' nor '.join(others)} is {verb}"
    return f"{ruled_out}, but {a} is", f"of what can be chosen, {a} alone is {verb}"


def _presence(item: Item) -> tuple[str, str]:
    x = asked_about(item)
    if item.answer == "yes":
        return f"{x} is among what is heard", f"{x} is heard"
    return f"{x} is not among what is heard", f"{x} is not heard"


def _which(item: Item) -> tuple[str, str]:
    x, a = asked_about(item), item.answer
    others = listed([choice for choice in item.choices if choice != a])
    return f"{x} is in {a}. It is not in {others}", f"{x} is in {a}"


def _count(item: Item) -> tuple[str, str]:
    x = asked_about(item)
    return f"the clips with {x} are counted. There are {item.answer}", f"what is counted is {x}"


def _first(item: Item) -> tuple[str, str]:
    a = quoted(item.answer)
    others = listed([quoted(choice) for choice in item.choices if choice != item.answer])
    return f"{a} is heard before {others}", f"{a} is heard first"


def _same(item: Item) -> tuple[str, str]:
    what = {"same-sound": "kind of sound", "same-word": "word", "same-speaker": "speaker"}[
        item.task
    ]
    if item.answer == "yes":
        return f"both clips have the same {what}", f"it is the same {what} twice"
    return f"the clips do not have the same {what}", f"it is not the same {what}"


_SELECTIONS: dict[str, Callable[[Item], tuple[str, str]]] = {
    "identify": _among,
    "word": _among,
    "presence": _presence,
    "which-clip": _which,
    "count": _count,
    "first": _first,
    "same-sound": _same,
    "same-word": _same,
    "same-speaker": _same,
}


def check(item: Item, fields: Fields, lexicon: Lexicon) -> list[TextFault]:
    """All parts are there, say only what is heard, and both forms end in the answer."""
    faults = empty(fields, FIELDS)
    faults += description_faults(fields["audio"], item.facts, lexicon)
    rules = weighing(item)
    for name in ("selection", "short"):
        faults += description_faults(reason(fields[name]), item.facts, lexicon, rules)
        if not names_answer(item, conclusion(fields[name]), lexicon):
            faults.append(TextFault("answer", f"{name} does not end in {item.answer!r}"))
    return list(dict.fromkeys(faults)) or truth(item, lexicon)


def weighing(item: Item) -> TextRules:
    """Rules of a text that weighs the options, and names what is asked about."""
    names = (*item.choices, asked_about(item))
    return TextRules(named=tuple(name for name in names if name and name != item.answer))


def reason(text: str) -> str:
    """A text without its last sentence, which states the answer and nothing that is heard."""
    end = conclusion(text)
    return text.strip().removesuffix(end)


def structured(fields: Fields) -> str:
    """The three parts as one text."""
    return (
        f"Question type: {fields['type'].strip()}\nAudio: {fields['audio'].strip()}\n"
        f"Selection: {fields['selection'].strip()}"
    )


def apply(item: Item, fields: Fields) -> Item:
    """The item with the reasoning in both forms as its rationales, the short one last."""
    return replace(item, rationales=(structured(fields), fields["short"].strip()))


TASK = WritingTask(
    name="reasoning",
    about="how the answer is found: structured, then in short; graded by a critic",
    template="reasoning",
    texts=FIELDS,
    takes=takes,
    key=lambda item: item.id,
    material=question_material,
    grammar=write,
    check=check,
    apply=apply,
    graded=True,
)
