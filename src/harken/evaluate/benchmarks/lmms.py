"""How lmms-eval reads replies, so that its numbers can be told from those of the official scripts.

For MMAU, MMAR, MMSU and AIR-Bench it does not run the official rule: it looks for a letter, and
guesses where it finds none. A model that answers with letters has nothing by MMAU's own rule, which
compares words, and its usual score there. Here a guess counts by its expectation, so the number
does not vary. Read from its task files (EvolvingLMMs-Lab/lmms-eval, ``tasks/*/utils.py``):

1. one kind of outer punctuation after the other is stripped;
2. candidates are letters in brackets, "(A)"; else letters between spaces (MMAR and MMSU: a letter
   with a space after it, so the last letter of a word in capitals too); else letters with a full
   stop; else, for MMAR and MMSU, of replies of more than five words, options that occur in it;
3. of several, the one that stands last between spaces (in brackets, or as text, for MMAR and MMSU).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.types import key_of, options_of, share
from harken.item import Item
from harken.letters import letter

_STRIPPED = ",.!?;:'"
_WORDS = 5
"""A reply must have more words than this for its options to be looked for."""

_MAX_MMAU = 4
"""Its MMAU task knows the letters A to D, whatever the item has."""

WORDED = ("mmar", "mmsu")
"""Tasks that look for the options' texts too."""

TASKS = ("mmau", "air-bench", *WORDED)
"""The benchmarks here that lmms-eval reads by letters."""


def reading(
    name: str, items: Sequence[Item], predictions: Mapping[str, Any] | Predictions
) -> dict[str, Any] | None:
    """Accuracy as lmms-eval counts it, over all items; None for a benchmark that is not of `TASKS`.

    Returns:
        ``accuracy``; ``n``; ``guessed``, the share of replies without a letter.
    """
    if name not in TASKS or not items:
        return None
    given = Predictions.of(predictions)
    values, guesses = [], 0
    for item in items:
        value, read = worth(name, item, given.text(key_of(item)))
        guesses += not read
        values.append(value)
    return {"accuracy": share(values), "n": len(items), "guessed": guesses / len(items)}


def worth(name: str, item: Item, reply: str) -> tuple[float, bool]:
    """The expected score of a reply to an item of benchmark `name`, and whether it was read."""
    options = options_of(item)
    size = _MAX_MMAU if name == "mmau" else len(options)
    place = choice(reply, options, size, name in WORDED)
    right = [one.strip().lower() == item.answer.strip().lower() for one in options[:size]]
    if place is None:
        return sum(right) / size, False
    return float(place < len(right) and right[place]), True


def choice(reply: str, options: Sequence[str], size: int, worded: bool) -> int | None:
    """The position that lmms-eval takes a reply for; None where it guesses.

    Args:
        reply: the model's text.
        options: in the order of their letters.
        size: how many letters there are.
        worded: whether the task looks for texts too (MMAR, MMSU).
    """
    for sign in _STRIPPED:
        reply = reply.strip(sign)
    text = f" {reply} "
    names = [letter(place) for place in range(size)]
    alone = "{} " if worded else " {} "
    for form in ("({})", alone, "{}."):
        found = [place for place, name in enumerate(names) if form.format(name) in text]
        if found:
            last = "({})" if worded and form == "({})" else " {} "
            return max(found, key=lambda place: text.rfind(last.format(names[place])))
    if worded and len(text.split()) > _WORDS:
        low = text.lower()
        found = [place for place, one in enumerate(options) if one.lower() in low]
        if found:
            return max(found, key=lambda place: low.rfind(options[place].lower()))
    return None
