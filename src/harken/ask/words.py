"""Text to words for comparison: case, accents, articles, contractions, punctuation normalised.

Used by `parse` (which choice does a reply name?) and `score` (is an open-ended answer right?).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ARTICLES = frozenset({"a", "an", "the"})

_NUMBERS = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
    "thirteen": "13",
    "fourteen": "14",
    "fifteen": "15",
    "sixteen": "16",
    "seventeen": "17",
    "eighteen": "18",
    "nineteen": "19",
    "twenty": "20",
}
# Scripts written without spaces: each character is a word.
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# Numbers keep sign and decimals ("-3", "0.5", "12:30"); "c#" is not "c".
_WORD = re.compile(
    rf"(?<![^\W_])-?\d+(?:[.,:]\d+)*(?![^\W\d_])|[{_SIGNS}]|(?:(?![{_SIGNS}_])\w)+[#]*"
)
_QUOTES = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u2032": "'", "\u02bc": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-",
        "\u2212": "-", "\u266f": "#", "\u200b": None, "\ufeff": None, "\u00ad": None,
    }
)  # fmt: skip


def plain(text: str) -> str:
    """NFKC with straight quotes and dashes, invisible characters removed; case unchanged."""
    return unicodedata.normalize("NFKC", text).translate(_QUOTES)


def fold(text: str) -> str:
    """`plain`, case-folded, without Latin accents, contractions of "not" written out."""
    decomposed = unicodedata.normalize("NFKD", plain(text).casefold())
    bare = "".join(sign for sign in decomposed if not "\u0300" <= sign <= "\u036f")
    bare = unicodedata.normalize("NFKC", bare)
    bare = re.sub(r"\bcannot\b|\bcan't\b", "can not", bare)
    bare = re.sub(r"n't\b", " not", bare)
    return re.sub(r"(?<=\w)'(?=\w)", "", bare)


def words(text: str) -> tuple[str, ...]:
    """The words of `text`, folded, in order; other characters are dropped."""
    return tuple(_WORD.findall(fold(text)))


def number(word: str) -> str:
    """``"three"`` -> ``"3"``; other words unchanged."""
    return _NUMBERS.get(word, word)


def stem(word: str) -> str:
    """A word without a plural or third-person s, so that "barks" equals "bark"."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word.isalpha():
        return word[:-1]
    return word


@lru_cache(maxsize=4096)
def key(text: str) -> tuple[str, ...]:
    """Key of an answer for comparison: folded words without articles, numbers as digits.

    A text of articles or punctuation only is not reduced, so nothing equals the empty answer.
    """
    found = words(text)
    content = tuple(number(word) for word in found if word not in ARTICLES)
    return content or found or tuple(fold(text).split())
