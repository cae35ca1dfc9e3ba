"""Replies that are an answer and nothing else: a letter, an option's text, a letter with its text.

``rule`` is empty where a text is no such answer, so that the cascade of `parse` goes on.
"""

from __future__ import annotations

import re

from harken.ask import words as w
from harken.ask.cues import ARTICLE_LETTERS, REASONS
from harken.ask.mention import mentions
from harken.ask.options import Options
from harken.ask.wrapping import unwrapped

Read = tuple[int | None, str]
"""Shown position and rule, or None and why; an empty rule: go on."""

CONFLICT = "letter-text-conflict"
LONE = re.compile(r"[(\[]?([A-Za-z]{1,2})[)\]][.:,;]?")
"""A letter in brackets."""
SENTENCE = re.compile(r"(?<![\s(][A-Za-z])(?<!^[A-Za-z])[.!?](?:\s|$)|[\n。！？]")
"""The end of a sentence; the stop after a lone letter ends none."""

_LETTER_ONLY = re.compile(r"[(\[\"'{<]{0,2}([A-Za-z]{1,2})[)\]\"'}>]{0,2}\s{0,2}[.:,;!?。]{0,3}")
_LETTER_TEXT = re.compile(
    r"([(\[{\"']?)([A-Za-z]{1,2})([)\]}\"']?)(\s*[\).\]:,;]+\s*|\s+-+\s+|\s*[=-]>\s*|\s*\n\s*|\s+|(?<=[)\]}]))(\S.*)",
    re.S,
)
_PAIR = r"(?:or|and|/)[\s\"'*()]{0,3}"
_EITHER = re.compile(
    rf"\b(?:yes[\s\"'*()]{{0,3}}{_PAIR}no|no[\s\"'*()]{{0,3}}{_PAIR}yes)\b", re.IGNORECASE
)
_YES = frozenset({"yes", "yeah", "yep", "yup", "true"})
_NO = frozenset({"no", "nope", "nah", "false"})


def strict(text: str, options: Options) -> Read:
    """Read the whole text as an answer; ``rule`` is empty where it is not one."""
    text = text.strip()
    shown = options.same(text)
    if shown is not None:
        return shown, named_rule(text, shown, options)
    core = unwrapped(text)
    match = _LETTER_ONLY.fullmatch(core)
    if match and (shown := options.letter(match.group(1))) is not None:
        return shown, "letter"
    shown = options.stated(core)
    if shown is not None:
        return shown, "text"
    return _letter_then_text(text, options)


def named_rule(text: str, shown: int, options: Options) -> str:
    """The rule for a `text` that equals an option: its own label is a letter."""
    return "letter" if len(text) < 3 and options.plain[shown] != text else "text"


def _letter_then_text(text: str, options: Options) -> Read:
    """``B. dog bark``, ``(b) dog bark``, ``B dog bark``, ``B, because …``."""
    match = _LETTER_TEXT.fullmatch(text)
    if match is None or (shown := options.letter(match.group(2))) is None:
        return None, ""
    if begins_with_text(text, options):
        return None, ""
    opened, name, closed, gap, rest = match.groups()
    labelled = options.label(name)
    mark = closed + gap.strip() or ("\n" if "\n" in gap else "")
    line = rest.splitlines()[0]
    named = options.stated(rest)
    if named is not None and named == labelled and mark.strip():
        return named, "letter-and-text"
    if named is None:
        named = options.stated(line)
    article = name.upper() in ARTICLE_LETTERS and not mark.strip() and not opened
    if named is not None and article and not (named == shown and name.isupper()):
        return None, ""  # "A dog barks": an English word, not a choice
    if more_letters(rest, options, shown):
        return None, ""  # a list of letters: perhaps a copy of the choices, with the answer below
    if named is not None:
        if not mark and not name.isupper():
            return None, ""
        return (named, "letter-and-text") if named == labelled else (None, CONFLICT)
    word = rest.split()[0].lower().strip(".,")
    why = word in REASONS and name.isupper()
    spaced = gap[-1:].isspace() and (name.isupper() or mark[:1] in ".:)]")
    if not (why if not mark.strip() else opened or mark[0] in ")]}" or spaced):
        return None, ""  # "a.m.", "i.e.", "B flat"
    stop = "." if mark[:1] == "." else ""
    first = SENTENCE.split(rest.strip(), maxsplit=1)[0]
    return agreeing(shown, "letter-first", f"({name}){stop} {first}", options)


def agreeing(shown: int, rule: str, statement: str, options: Options) -> Read:
    """The letter that `statement` begins with, unless the statement says otherwise."""
    found = mentions(w.spell(statement), options)
    if shown in found.denied:
        return None, "only-negated"
    if found.texts and shown not in found.texts:
        return None, CONFLICT
    if found.letters - {shown} and not found.texts:
        return None, "several-letters"
    return shown, rule


def begins_with_text(text: str, options: Options) -> bool:
    """Whether the letter at the start of `text` is the first word of an option ("C major")."""
    if not any(len(form.words) > 1 and len(form.words[0]) < 3 for form in options.forms):
        return False
    found = mentions(w.spell(text[:200]), options).mentions
    longer = bool(found) and not found[0].lettered and found[0].end - found[0].start > 2
    return longer and not text[: found[0].start].strip("([\"' ")


def more_letters(rest: str, options: Options, shown: int) -> bool:
    """Whether `rest` lists other letters (``A, B``, ``A or B``, a copied list)."""
    pattern = (
        r"(?:^|\b(?:or|and|oder|und|ou|et|y|ed?|of|en|или|и)\s+(?:possibly\s+|maybe\s+|perhaps\s+)?|[,/&、或和]\s*)"
        r"[\(\[]?([A-Z]{1,2})(?![\w'#])(\s+[^\W\d_])?"
    )
    listed = [
        hit.group(1)
        for hit in re.finditer(pattern, rest)
        if not (hit.group(2) and hit.group(1) in ARTICLE_LETTERS)
    ]
    lines = re.findall(r"^\s*[\(\[]?([A-Za-z])[\).\]:]", rest, re.M)
    return any(options.letter(name) not in (None, shown) for name in listed + lines)


def without_both(text: str, options: Options) -> str:
    """`text` without "yes or no", which names both of these choices; unchanged for other ones."""
    return _EITHER.sub(" ", text) if sorted(options.keys) == [("no",), ("yes",)] else text


def polar(text: str, options: Options) -> int | None:
    """For the choices yes and no: the position of the one that the text begins with."""
    if sorted(options.keys) != [("no",), ("yes",)]:
        return None
    first = w.words(text)[:1]
    for side, family in (("yes", _YES), ("no", _NO)):
        if first and first[0] in family:
            return options.keys.index((side,))
    return None
