"""Text to words for comparison: case, accents, articles, contractions, punctuation normalised.

Used by `parse` (which choice does a reply name?) and `score` (is an open-ended answer right?).
`spell` writes contractions, numbers and accidentals in one way and keeps case; `level` maps what it
gives to lower case without accents, sign by sign, so that a place in one is a place in the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from harken.times import times_as_text

ARTICLES = frozenset({"a", "an", "the"})


def listed(text: str) -> tuple[str, ...]:
    """The words of a table, which stand in lines."""
    return tuple(text.split())


_COUNTS = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS = {name: str(value) for value, name in enumerate(_COUNTS)}
# Scripts written without spaces: each character is a word.
SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# Numbers keep sign and decimals ("-3", "0.5", "12:30"); "c#" is not "c".
WORD = re.compile(rf"(?<![^\W_])-?\d+(?:[.,:]\d+)*(?![^\W_])|[{SIGNS}]|(?:(?![{SIGNS}_])\w)+[#]*")
_QUOTES = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u2032": "'", "\u02bc": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-",
        "\u2212": "-", "\u266f": "#", "\u266d": "b", "\u266e": None,
        "\u200b": None, "\u200c": None, "\u200d": None, "\u200e": None, "\u200f": None,
        "\u2060": None, "\ufeff": None, "\u00ad": None, "\ufe0f": None,
        "\U0001f170": "A", "\U0001f171": "B",
    }
)  # fmt: skip
_GROUPED = re.compile("(?<=\\d)[\u00a0\u202f\u2009'\u2019](?=\\d{3}(?!\\d))")  # 1 000, 1'000

_UNITS = "khz|mhz|ghz|hz|dbfs|db|ms|secs?|s|mins?|bpm|cm|mm|km|kg|kbps|fps"


_Replace = Callable[[re.Match[str]], str]


def _digits(match: re.Match[str]) -> str:
    return match.group(1).replace(",", "")


def _elided(match: re.Match[str]) -> str:
    return match.group(1).lower() + " "  # "C'est" holds no letter C


def _negative(match: re.Match[str]) -> str:
    return "-" + _NUMBERS[match.group(1).lower()]


def _key_signature(sign: str) -> _Replace:
    return lambda match: (match.group(1) or match.group(2)) + sign


_AUXILIARY = "do|does|did|is|was|are|were|would|could|should|has|have|had"
_ELIDED = "[nldcjmst]|qu|un|dell|all|nell|sull"
_MINUS = ("minus", "negative", "负")
_MUSIC = r"\b([b-g])[ -]{0}\b|\b(?-i:(A))[ -]{0}\b(?=[ -](?:major|minor)|\W{{0,3}}$)"
# (what the text must hold for it to apply, pattern, replacement)
_SPELLING: tuple[tuple[tuple[str, ...], re.Pattern[str], str | _Replace], ...] = tuple(
    (signs, re.compile(pattern, re.I), by)
    for signs, pattern, by in (
        (("won",), r"\bwon't\b|\bwont\b", "will not"),
        (("can",), r"\bcannot\b|\bcan't\b|\bcant\b", "can not"),
        (("ain't",), r"\bain't\b", "is not"),
        (("n't",), r"n't\b", " not"),
        (("nt",), rf"\b({_AUXILIARY})nt\b", r"\1 not"),
        # l'eau, n'est, c'è, qu'il; not "C's"
        (("'",), rf"\b({_ELIDED})'(?!(?:s|t|d|m|ll|re|ve)\b)(?=\w)", _elided),
        (("'",), r"(?<=\w)'(?=\w)", ""),
        (("ß",), "ß", "ss"),
        # 1,000 is 1000 and 1,5 is 1.5; 1.000 may be either and stays
        ((",",), r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])", _digits),
        ((",",), r"(?<![\d.,:])(\d+),(\d{1,2}|\d{4,})(?![\d,:])", r"\1.\2"),
        ((".",), r"(?<![\w.,])\.(?=\d)", "0."),
        (_MINUS, r"\b(?:minus|negative)\s{1,3}(?=\.?\d)|负(?=\d)", "-"),
        (_MINUS, rf"\b(?:minus|negative)\s{{1,3}}({'|'.join(_COUNTS)})\b", _negative),
        (tuple("0123456789"), rf"(?<=\d)(?<!\b\d{{4}})(?=(?:{_UNITS})\b)", " "),
        (("%", "per"), r"\s?%|\bper\s?cent\b", " percent"),
        (("<", "≤", "fewer"), r"(?:<=?|≤)(?=\s?-?\d)|\bfewer than\b", " less than "),
        (
            (">", "≥", "greater"),
            r"(?<![-=])(?:>=?|≥)(?=\s?-?\d)|\bgreater than\b",
            " more than ",
        ),
        (("flat",), _MUSIC.format("flat"), _key_signature("b")),
        (("sharp",), _MUSIC.format("sharp"), _key_signature("#")),
    )
)


def plain(text: str) -> str:
    """NFKC with straight quotes and dashes, invisible characters removed; case unchanged.

    Time tokens (``<|1.12|>``) are written as times (``1.12s``), flat and sharp signs as "b" and
    "#"; digits in groups of three by a narrow space or an apostrophe are joined.
    """
    shown = times_as_text(text) if "<|" in text else text
    return unicodedata.normalize("NFKC", _GROUPED.sub("", shown)).translate(_QUOTES)


@lru_cache(maxsize=128)
def spell(text: str) -> str:
    """`plain` with contractions, numbers, units and accidentals in one spelling; keeps case."""
    return _spelled(text)


def _spelled(text: str) -> str:
    found = plain(text)
    lower = found.lower()
    for signs, pattern, by in _SPELLING:
        if any(sign in lower for sign in signs):
            found = pattern.sub(by, found)
    if found.isascii():
        return found
    return "".join(sign for sign in found if not "\u0300" <= sign <= "\u036f")


def level(spelled: str) -> str:
    """`spelled` (of `spell`) in lower case without Latin accents, sign by sign."""
    return "".join(map(_level_sign, spelled)) if not spelled.isascii() else spelled.lower()


@lru_cache(maxsize=8192)
def _level_sign(sign: str) -> str:
    base = unicodedata.normalize("NFKD", sign)[:1] if not _compound(sign) else sign
    folded = base.casefold()
    return folded if len(folded) == 1 else base


def _compound(sign: str) -> bool:
    """Whether taking `sign` apart loses more than an accent: Hangul syllables, voiced kana."""
    parts = unicodedata.normalize("NFKD", sign)
    return any(not "\u0300" <= part <= "\u036f" for part in parts[1:])


def fold(text: str) -> str:
    """`spell` and `level`: how text is compared."""
    return level(spell(text))


def words(text: str) -> tuple[str, ...]:
    """The words of `text`, folded, in order; other characters are dropped."""
    return tuple(WORD.findall(level(_spelled(text))))


def number(word: str) -> str:
    """``"three"`` -> ``"3"``, ``"3.0"`` -> ``"3"``; other words unchanged.

    Three decimals stay: ``1.000`` is a thousand to some.
    """
    if "." in word and word.replace(".", "").lstrip("-").isdecimal() and word.count(".") == 1:
        whole, decimals = word.split(".")
        if len(decimals) != 3 or not whole.strip("-0"):
            return f"{whole}.{decimals.rstrip('0')}".rstrip(".")
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
