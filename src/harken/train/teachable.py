"""Whether the answer of an item can be taught: what tokenizer and prompt format leave of it.

An answer that cannot be taught trains without an error, and towards something else: an unknown
token, an end of turn in the middle, two options that are one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from harken.ask.prompt import make_prompt, target
from harken.item import HIDDEN, Item
from harken.models.learner import Learner


def unteachable(learner: Learner, item: Item, *, answers: bool = True) -> list[str]:
    """Why an item cannot be taught; empty if it can.

    Args:
        learner: has the tokenizer and the style of prompts.
        item: with its answer.
        answers: its answer is trained on; else (rewards) only its choices are looked at.
    """
    found = choice_faults(learner, item.choices)
    if not answers:
        return found
    if item.choices and item.answer not in item.choices:
        withheld = " (its source withholds it)" if HIDDEN in item.tags else ""
        return [*found, f"the answer {_shown(item.answer)} is not among the choices{withheld}"]
    prompt = make_prompt(item, learner.style)
    return [*found, *answer_faults(learner, target(item, prompt))]


def answer_faults(learner: Learner, answer: str) -> list[str]:
    """Why a text cannot be the target of training; empty if it can."""
    tokenizer = learner.tokenizer
    ids = tokenizer.encode(answer)
    if not answer.strip() or not ids or not tokenizer.decode(ids):
        return [f"the answer {_shown(answer)} has no tokens"]
    found = []
    if tokenizer.unknown in ids:
        found.append(
            f"the answer {_shown(answer)} has {ids.count(tokenizer.unknown)} tokens that the "
            f"tokenizer does not know ({tokenizer.token(tokenizer.unknown)})"
        )
    back = tokenizer.decode(ids)
    meant = answer if tokenizer.times is None else tokenizer.times.as_tokens(answer)
    if not found and _letters(back) != _letters(meant):
        found.append(f"the answer {_shown(answer)} is {_shown(back)} in its {len(ids)} tokens")
    control = sorted({*learner.prompt_tokenizer.control_tokens} - {*tokenizer.time_ids})
    control = [token for token in control if token in answer]
    if control:
        found.append(
            f"the answer {_shown(answer)} holds {', '.join(control)}, which only the prompt format "
            "may write"
        )
    return found


def choice_faults(learner: Learner, choices: Sequence[str]) -> list[str]:
    """Choices that are different texts and the same tokens, in pairs."""
    first: dict[tuple[int, ...], str] = {}
    found = []
    for text in choices:
        other = first.setdefault(learner.tokenizer.encode(text), text)
        if other is not text:
            found.append(f"the choices {_shown(other)} and {_shown(text)} have the same tokens")
    return found


def _letters(text: str) -> str:
    """Letters and digits without case and accents: what every tokenizer must keep."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def _shown(text: str) -> str:
    """A text in quotes, cut after 60 characters."""
    return repr(text if len(text) <= 60 else text[:59] + "…")
