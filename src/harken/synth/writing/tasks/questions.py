"""What tasks about closed questions share: what is asked, and whether a text names the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harken.ask import words as w
from harken.ask.prompt import make_prompt
from harken.ask.score import score
from harken.item import HIDDEN, Item
from harken.models.base import PromptStyle, Reply
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.reading import read_text
from harken.synth.verify.truths import checked, truth_faults
from harken.synth.writing.phrasing import facts_text, options_text

_ASKED = re.compile(r'(?:the (?:sound|word|sentence) )?"[^"]+"')
_QUOTED = re.compile(r'"[^"]*"')
_IMPLIED = (("yes",), ("no",))
_SENTENCES = re.compile(r"(?<=[.!?])\s+")


def not_rewritten(item: Item) -> str:
    """Why a question is left as it is: the control, withheld answers, or a conversation."""
    if "leaky" in item.tags:
        return "its wording gives the answer away on purpose"
    if HIDDEN in item.tags or not item.answer:
        return "its answer is withheld"
    if item.dialogue is not None or not item.question.strip():
        return "it is part of a conversation"
    return ""


def not_explained(item: Item) -> str:
    """Why there is no text that leads to an item's answer: no rule says that the answer is true."""
    if why := not_rewritten(item):
        return why
    if not item.choices:
        return "it is an open question"
    if not item.facts:
        return "what is in its clips is not known"
    if not checked(item, Lexicon(names_of(item))):
        return f"no rule says whether an answer to {item.task or 'such a question'} is true"
    return ""


def names_of(item: Item) -> list[str]:
    """Names of sounds that an item holds: labels of its facts, and options that may be names."""
    labels = [s.label for f in item.facts for s in f.sources if s.label and s.kind != "speech"]
    spoken = any(facts.is_speech for facts in item.facts)
    options = [
        choice
        for choice in item.choices
        if not spoken and len(choice.split()) <= 4 and not _implied(choice) and '"' not in choice
    ]
    asked = [] if spoken else [text.strip('"') for text in re.findall(r'"[^"]+"', item.question)]
    return [*labels, *options, *(name for name in asked if len(name.split()) <= 5)]


def _implied(choice: str) -> bool:
    key = w.key(choice)
    return key in _IMPLIED or bool(read_text(choice, Lexicon()).clips) or choice.strip().isdecimal()


def asked_about(item: Item) -> str:
    """What the question quotes, as it stands there: the sound "dog bark"; ``""`` if nothing."""
    found = _ASKED.search(item.question)
    return found.group() if found else ""


def question_material(item: Item) -> Mapping[str, str]:
    """Question, options, answer and facts."""
    return {
        "question": item.question,
        "options": options_text(item),
        "answer": item.answer,
        "facts": facts_text(item.facts),
    }


def names_answer(item: Item, text: str, lexicon: Lexicon) -> bool:
    """Whether a text names the right option unmistakably, by the scoring of evaluations.

    An option that is the name of a sound may be named by other words that mean it.
    """
    prompt = make_prompt(item, PromptStyle(letters=False))
    if all(map(_implied, item.choices)):
        text = _QUOTED.sub(" ", text)  # a word that is asked about may be a number
    if score(item, prompt, Reply(text)).outcome == "correct":
        return True
    said = [one for one in lexicon.mentions(w.fold(text)) if not one.denied]
    named = [option for option in item.choices if any(one.names(option) for one in said)]
    return named == [item.answer] and all(f.is_sound for f in item.facts)


def conclusion(text: str) -> str:
    """The last sentence of a text."""
    parts = [part for part in _SENTENCES.split(text.strip()) if part.strip()]
    return parts[-1] if parts else ""


def truth(item: Item, lexicon: Lexicon) -> list[TextFault]:
    """Faults of the item's own answer; a text that explains a false answer is false."""
    return truth_faults(item, lexicon)


def empty(fields: Mapping[str, str], names: Sequence[str]) -> list[TextFault]:
    """A fault for every text that is empty."""
    return [TextFault("form", f"{name} is empty") for name in names if not fields[name].strip()]
