"""How the tables of replies are read: rows of (options, the choice that is right, replies)."""

from __future__ import annotations

from harken.ask.parse import parse
from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.models.base import PromptStyle

REFUSED = "refused"
"""What a reply that declines to choose is read as."""


def cases(rows):
    """One (options, choice, reply) for every reply."""
    return [(choices, choice, text) for choices, choice, texts in rows for text in texts]


def read(text, choices, rotation=0, letters=True):
    """The position of the choice that is read, None, or `REFUSED`."""
    item = Item(question="What is heard?", answer=choices[0], choices=tuple(choices))
    found = parse(text, make_prompt(item, PromptStyle(letters=letters), rotation))
    assert found.rule and (found.choice is None or not found.abstained)
    return REFUSED if found.abstained else found.choice
