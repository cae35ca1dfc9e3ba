"""The 27 instruction-following rules of MMAU-Pro: pass or fail, by ``task_identifier``.

Parameters come in ``kwargs``; an absent one falls back to 0, 999 (upper ends of ranges) or the
empty text, as in the official script. A parameter that is present and null, as Parquet makes
them for keys of other rows, is *not* absent: in comparisons it stops the script, and here it raises
TypeError or AttributeError, which the caller reports. An unknown identifier fails.

Sentences: the script uses NLTK's punkt (``pip install harken[metrics]``, then once
``python -m nltk.downloader punkt_tab``). Without NLTK or its data harken's own rule stands in, and
results say so: a full stop, question or exclamation mark (or several) before a space or the end
closes a sentence, also behind an abbreviation, which punkt would know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Parameters = Mapping[str, Any]
Rule = Callable[[str, Parameters, str], bool]


def words(text: str) -> int:
    """White-space words."""
    return len(text.split())


@cache
def punkt() -> Callable[[str], list[str]] | None:
    """NLTK's splitter into sentences; None where NLTK or its data are not installed."""
    try:
        import nltk

        nltk.tokenize.sent_tokenize("It rains.")
    except (ImportError, LookupError):
        return None
    found: Callable[[str], list[str]] = nltk.tokenize.sent_tokenize
    return found


def sentences(text: str) -> int:
    """Sentences, by NLTK's punkt where it is installed with its data."""
    split = punkt()
    if split is not None:
        return len(split(text))
    return len([one for one in re.split(r"(?<=[.!?])[\"')\]]*\s+", text.strip()) if one])


def capitals(text: str) -> int:
    """White-space words that are upper-case."""
    return sum(word.isupper() for word in text.split())


def _only(text: str, kept: str) -> str:
    return re.sub(rf"[^{kept}]", "", text).lower()


def _listed(text: str, names: str) -> list[bool]:
    return [name.lower() in text.lower() for name in names.split(", ")]


def _frequency(text: str, own: Parameters, question: str) -> bool:
    keyword = re.escape(own.get("keyword", "").lower())
    return bool(len(re.findall(rf"\b{keyword}\b", text.lower())) == own.get("N", 0))


def _sections(text: str, own: Parameters, question: str) -> bool:
    splitter = re.escape(own.get("section_splitter", ""))
    pieces = re.split(rf"\s*{splitter}\s*", text.strip())
    return bool(len([piece for piece in pieces if piece.strip()]) == own.get("N", 0))


def _two(text: str, own: Parameters, question: str) -> bool:
    parts = text.split("******")
    return len(parts) == 2 and parts[0].lower().strip() != parts[1].lower().strip()


def _quoted(text: str, own: Parameters, question: str) -> bool:
    bare = text.strip()
    return bare.startswith('"') and bare.endswith('"')


def _at_least(count: Callable[[str], int]) -> Rule:
    return lambda text, own, question: bool(count(text) >= own.get("N", 0))


def _at_most(count: Callable[[str], int]) -> Rule:
    return lambda text, own, question: bool(count(text) <= own.get("N", 0))


def _exactly(count: Callable[[str], int]) -> Rule:
    return lambda text, own, question: bool(count(text) == own.get("N", 0))


def _within(count: Callable[[str], int]) -> Rule:
    return lambda text, own, question: bool(own.get("N1", 0) <= count(text) <= own.get("N2", 999))


def _found(pattern: str) -> Callable[[str], int]:
    return lambda text: len(re.findall(pattern, text))


def _paragraphs(text: str) -> int:
    return len([piece for piece in text.split("***") if piece.strip()])


RULES: Mapping[str, Rule] = {
    "Include Keywords": lambda text, own, _: all(_listed(text, own.get("keywords", ""))),
    "Keyword Frequency": _frequency,
    "Forbidden Words": lambda text, own, _: not any(_listed(text, own.get("forbidden_words", ""))),
    "Number Paragraphs": _exactly(_paragraphs),
    "Number Words (at least)": _at_least(words),
    "Number Words (at most)": _at_most(words),
    "Number Words (range)": _within(words),
    "Number Sentences (at least)": _at_least(sentences),
    "Number Sentences (at most)": _at_most(sentences),
    "Number Sentences (range)": _within(sentences),
    "Postscript": lambda text, own, _: (
        _only(own.get("postscript_marker", ""), "a-zA-Z") in _only(text, "a-zA-Z")
    ),
    "Number Placeholder": _at_least(_found(r"\[[^\]]+\]")),
    "Number Bullets": _exactly(_found(r"(?:^|\n)\s*\*\s+")),
    "Title": lambda text, own, _: re.search(r"<<[^>]+>>", text) is not None,
    "Minimum Number Highlighted Section": _at_least(_found(r"\*([^*]+)\*")),
    "Multiple Sections": _sections,
    "Repeat Prompt": lambda text, own, question: (
        text.strip().lower().startswith(question.strip().lower())
    ),
    "Two Responses": _two,
    "All Uppercase": lambda text, own, _: text.isupper(),
    "All Lowercase": lambda text, own, _: text.islower(),
    "All-capital Words (at least)": _at_least(capitals),
    "All-capital Words (at most)": _at_most(capitals),
    "All-capital Words (range)": _within(capitals),
    "Start Checker": lambda text, own, _: _only(text, "a-zA-Z ").startswith(
        _only(own.get("start_phrase", ""), "a-zA-Z ")
    ),
    "End Checker": lambda text, own, _: _only(text, "a-zA-Z ").endswith(
        _only(own.get("end_phrase", ""), "a-zA-Z ")
    ),
    "Quotation": _quoted,
    "No Commas": lambda text, own, _: "," not in text,
}
"""Identifier -> (reply, kwargs, the item's question) -> passed."""


def passes(identifier: str, text: str, parameters: Parameters | None, question: str) -> bool:
    """Whether `text` follows its instruction; an unknown identifier fails."""
    rule = RULES.get(identifier)
    return rule(text, parameters or {}, question) if rule else False
