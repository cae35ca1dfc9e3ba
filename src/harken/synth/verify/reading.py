"""What a text states, found by rules: mentions, quotations, times, numbers and clip numbers.

Everything has its place in one text, `ReadText.low`, folded. Quotations of what is said and times
are blanked out where other rules look: a spoken "seven" is no number and "2.5 s" no count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from harken.ask import words as w
from harken.ask.negation import denied_after, denied_before
from harken.ask.words import listed
from harken.synth.verify.lexicon import Lexicon, NameMention

COUNTS = {name: value for value, name in enumerate(
    listed(
    "zero one two three four five six seven eight nine ten eleven twelve"
)
)}  # fmt: skip
TIMES_OF = {"once": 1, "twice": 2, "thrice": 3}
AT_LEAST_TWO = frozenset(listed("several multiple many numerous various repeated"))
ONLY_ONE = frozenset(["single", "lone", "sole"])

_NUMBER_WORD = "|".join(COUNTS)
_UNIT = r"(?:seconds?|secs?|s|milliseconds?|ms)(?!\w)"
_CLOCK = r"\d+:\d{2}(?:\.\d+)?"
_DIGITS = r"\d+(?:\.\d+)?"
_T = rf"(?:{_CLOCK}|{_DIGITS})"
_SPELT = re.compile(rf"\b({_NUMBER_WORD})(?=[\s-](?:and a half )?(?:seconds?|secs?)\b)")
_SPAN = re.compile(
    rf"(?<![\w.:-])({_T})(\s*{_UNIT})?\s*(?:-|to|until|till|and|through|,)\s*({_T})(\s*{_UNIT})?(?!\w|[.:]\d)"
)
_POINT = re.compile(rf"(?<![\w.:-])(?:({_CLOCK})|({_DIGITS})[\s-]*({_UNIT}))(?![:\d])")
_ABOUT = r"(?:about|around|approximately|roughly|some|the|a|only|just|nearly|almost|exactly)?\s*"
_LENGTH_BEFORE = re.compile(
    r"\b(?:for|lasts?|lasting|lasted|duration(?: is)?(?: of)?|length(?: is)?(?: of)?|runs)\s*"
    rf"(?:for\s+)?{_ABOUT}$"
)
_LENGTH_AFTER = re.compile(
    r"\s*(?:long|in length|in duration|in total)\b|\s+(?:clip|recording|audio)\b"
)
_END_BEFORE = re.compile(
    r"\b(?:until|till|ends?|ending|ended|stops?|stopping|finish(?:es|ing)?|up to|by)\s*"
    rf"(?:at|by|around)?\s*{_ABOUT}$"
)
_START_BEFORE = re.compile(
    r"\b(?:at|after|from|starts?|starting|begins?|beginning|onset(?: of)?|since)\s*(?:at\s+)?"
    rf"{_ABOUT}$"
)
_QUOTE = re.compile(r'"([^"]{1,600})"')
_SAYS = re.compile(
    r"\b(?:say|says|saying|said|words?|speaks?|spoken|utters?|sentence|phrase|reads?)[\s:,]*$"
)
_OWN = re.compile(r"[\s,:]*(?:(?:the|a|an|that|words?|sentence)\s+)*")
_LIST = re.compile(r"[\s,]*(?:or|nor|and)?\s*")
_CLIP = re.compile(
    rf"\b(?:clip|recording|audio)\s*#?(\d+|{_NUMBER_WORD})\b"
    r"|\b(first|second|third|fourth|fifth|last)\s+(?:clip|recording)\b"
)
_PLACES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_NUMBER = re.compile(rf"(?<![\w.:-])(?:(\d+)(?![\w:]|\.\d)|({_NUMBER_WORD})(?![\w-]))")
_SENTENCE = re.compile(r"(?<!\d)[.!?;](?=\s|$|\")|(?<=\d)[.!?;](?=\s|$)|\n")


@dataclass(frozen=True, slots=True)
class TimeStated:
    """A time in a text at ``[start:end]``.

    Attributes:
        role: ``"span"`` (onset, offset), ``"length"``, ``"onset"``, ``"offset"`` or ``"point"``,
            which may be either end.
        seconds: one number, of a span two.
    """

    start: int
    end: int
    role: str
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NumberStated:
    """A whole number in a text at ``[start:end]``, in digits or words."""

    start: int
    end: int
    value: int


@dataclass(frozen=True, slots=True)
class QuoteStated:
    """A quotation in a text at ``[start:end]``, its marks included; `words` folded."""

    start: int
    end: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadText:
    """A text with what it states.

    Attributes:
        low: the folded text.
        bare: the same with quotations of speech and with times blanked; places are those of `low`.
        mentions: sounds named and voices quoted, in order.
        quotes: what is quoted of speech.
        times, numbers: times, and whole numbers that are no part of a time or of a clip's number.
        clips: (place, number of the clip from 1, or -1 for the last).
        sentences: (start, end) of each.
    """

    low: str
    bare: str
    mentions: tuple[NameMention, ...]
    quotes: tuple[QuoteStated, ...]
    times: tuple[TimeStated, ...]
    numbers: tuple[NumberStated, ...]
    clips: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[int, int], ...]


def read_text(
    text: str, lexicon: Lexicon, spoken: Collection[tuple[str, ...]] | None = ()
) -> ReadText:
    """What `text` states, by the names in `lexicon`.

    A quotation is of speech unless it is the name of a sound. One that is a name is of speech too
    after "says" and the like, and where its words are among the `spoken`; None: all are of speech.
    """
    low = _SPELT.sub(lambda m: str(COUNTS[m.group(1)]), w.fold(text))
    quotes, bare = [], low
    for hit in _QUOTE.finditer(low):
        words = tuple(w.WORD.findall(hit.group(1)))
        of_speech = spoken is None or words in spoken or _SAYS.search(low, 0, hit.start())
        if of_speech or not _is_name(hit.group(1), lexicon):
            quotes.append(QuoteStated(hit.start(), hit.end(), words))
            bare = _blanked(bare, hit.start(), hit.end())
    times = _times(bare)
    for time in times:
        bare = _blanked(bare, time.start, time.end)
    clips, plain = [], bare
    for clip in _CLIP.finditer(bare):
        clips.append((clip.start(), _clip_number(clip)))
        plain = _blanked(plain, clip.start(), clip.end())
    numbers = [
        NumberStated(m.start(), m.end(), int(m.group(1)) if m.group(1) else COUNTS[m.group(2)])
        for m in _NUMBER.finditer(plain)
    ]
    return ReadText(
        low,
        bare,
        tuple(_with_quotes(lexicon.mentions(bare), quotes, low)),
        tuple(quotes),
        tuple(times),
        tuple(numbers),
        tuple(clips),
        tuple(_sentences(bare)),
    )


def _with_quotes(
    mentions: Sequence[NameMention], quotes: Sequence[QuoteStated], low: str
) -> list[NameMention]:
    """The mentions and the quotations as one list; a voice right before a quotation is its own."""
    found = list(mentions)
    denied = False
    for k, quote in enumerate(quotes):
        start = quote.start
        before = [one for one in found if one.end <= start]
        while before and before[-1].is_speech and _OWN.fullmatch(low, before[-1].end, start):
            start = before[-1].start
            found.remove(before.pop())
        joined = denied and _LIST.fullmatch(low, quotes[k - 1].end, quote.start)
        clause = re.split(r"[.;:]", low[: quote.start])[-1]
        after = re.split(r'[.;:,"]', low[quote.end :])[0]
        denied = bool(joined) or denied_before(clause) or denied_after(after, bounded=False)
        none: frozenset[str] = frozenset()
        found.append(NameMention(start, quote.end, none, none, denied, quote.words))
        found.sort(key=lambda one: one.start)
    return found


def within(things: Iterable[NameMention], span: tuple[int, int]) -> list[NameMention]:
    """The mentions that begin in a span."""
    return [one for one in things if span[0] <= one.start < span[1]]


def _is_name(text: str, lexicon: Lexicon) -> bool:
    """Whether a quotation is the name of a sound and nothing else."""
    found = lexicon.mentions(text)
    return len(found) == 1 and found[0].start == 0 and not text[found[0].end :].strip(" .,")


def _times(low: str) -> list[TimeStated]:
    found: list[TimeStated] = []
    rest = low
    for hit in _SPAN.finditer(low):
        a, unit_a, b, unit_b = hit.groups()
        clocks = ":" in a and ":" in b
        bracketed = low[hit.start() - 1 : hit.start()] == "[" and low[hit.end() :][:1] == "]"
        if not (clocks or unit_a or unit_b or bracketed):
            continue
        if re.search(r"(?:and|,)\s*$", low[hit.end(1) : hit.start(3)]) and not re.search(
            r"\bbetween\s*$", low[: hit.start()]
        ):
            continue  # "at 1 s and 3 s" are two times
        start, end = _seconds(a, unit_a or unit_b), _seconds(b, unit_b or unit_a)
        found.append(TimeStated(hit.start(), hit.end(), "span", (start, end)))
        rest = _blanked(rest, hit.start(), hit.end())
    for hit in _POINT.finditer(rest):
        value = _seconds(hit.group(1) or hit.group(2), hit.group(3))
        role = _role(rest[max(0, hit.start() - 50) : hit.start()], rest[hit.end() :], hit.group())
        found.append(TimeStated(hit.start(), hit.end(), role, (value,)))
    return sorted(found, key=lambda one: one.start)


def _role(before: str, after: str, written: str) -> str:
    if _LENGTH_BEFORE.search(before) or _LENGTH_AFTER.match(after):
        return "length"
    if re.search(r"\d-s", written) and not re.match(r"\s*mark", after):
        return "length"
    if _END_BEFORE.search(before):
        return "offset"
    return "onset" if _START_BEFORE.search(before) else "point"


def _seconds(text: str, unit: str | None) -> float:
    if ":" in text:
        minutes, _, rest = text.partition(":")
        return 60 * int(minutes) + float(rest)
    value = float(text)
    return value / 1000 if unit and unit.strip(" -").startswith("m") else value


def _clip_number(hit: re.Match[str]) -> int:
    name = hit.group(1) or hit.group(2)
    if name in _PLACES:
        return _PLACES[name]
    return COUNTS[name] if name in COUNTS else int(name)


def _sentences(low: str) -> list[tuple[int, int]]:
    found, start = [], 0
    for stop in _SENTENCE.finditer(low):
        found.append((start, stop.end()))
        start = stop.end()
    found.append((start, len(low)))
    return [(a, b) for a, b in found if low[a:b].strip()]


def _blanked(text: str, start: int, end: int) -> str:
    """`text` with a part as one sign that belongs to no word; its length is kept."""
    return text[:start] + "·" * (end - start) + text[end:]
