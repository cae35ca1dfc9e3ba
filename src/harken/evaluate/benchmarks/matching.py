"""Official ways to read a reply that more than one benchmark uses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

CHOICES = ("choice_a", "choice_b", "choice_c", "choice_d")
"""Where MMSU and AIR-Bench have the options of a row."""


def choice_letter(row: Mapping[str, Any], text: str) -> str:
    """The letter of the first of `CHOICES` with this text."""
    return next(name[-1].upper() for name in CHOICES if str(row.get(name)) == text)


def tokens(text: str) -> set[str]:
    """The set of lower-case word tokens (runs of word characters)."""
    return set(re.findall(r"\w+", text.lower()))


def token_set_match(gold: str, reply: str, options: Sequence[str]) -> bool:
    """The rule of MMAU and MMAR: all gold words are there, and none that only wrong options have.

    Order, repetition and option letters are ignored; an option with the gold's very token set
    counts as the gold; an empty reply is wrong.

    Raises:
        AttributeError: for a reply that is not text, as in the scripts.
    """
    words, right = tokens(reply), tokens(gold)
    wrong: set[str] = set()
    for option in options:
        own = tokens(option)
        if own != right:
            wrong |= own - right
    return bool(words) and right <= words and not words & wrong


def letter_by_place(reply: str, letters: str = "ABCD") -> str | None:
    """The rule of MMSU and AIR-Bench: the first character, else the last but one, if in `letters`.

    The caller has stripped the reply and removed line breaks. "A dog" is the letter A, and so is
    "Both" the letter B: that is the rule.
    """
    if reply[0] in letters:
        return reply[0]
    if len(reply) > 1 and reply[-2] in letters:
        return reply[-2]
    return None
