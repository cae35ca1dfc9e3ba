"""Which order and which overlaps a text states, and whether the facts have them.

Statements are read between neighbouring mentions ("a dog barks, then rain"), at the beginning of
sentences ("Then …"), and of one mention alone ("rain comes first", "it ends with rain").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from harken.facts import SourceFacts
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import NameMention
from harken.synth.verify.reading import ReadText, within

Positioned = Callable[[NameMention], list[tuple[int, SourceFacts]]]
"""A mention -> the sources that it can mean, each with the position of its clip."""

EQUAL_S = 0.02
"""Onsets no further apart than this, in seconds, have no order."""

_EARLIER = re.compile(
    r"\b(?:then|followed by|followed|afterwards?|next|later|before|prior to|subsequently"
    r"|precedes?|preceding|precede|after (?:that|which|this|it)|gives? way to"
    r"|turns? into|leads? (?:in)?to|and finally"
    r"|ahead of|earlier than|until)\b|->|→"
)
_LATER = re.compile(
    r"\b(?:after(?! (?:that|which|this|it)\b)|follows?(?!\s*(?:[,.;]|and\b))|following"
    r"|preceded by|later than|succeeds?|comes? after)\b"
)
_TOGETHER = re.compile(
    r"\b(?:while|at the same time(?: as)?|simultaneous(?:ly)?|overlap(?:s|ping)?(?: with)?"
    r"|meanwhile|during|concurrent(?:ly)?|over the|on top of|together with|in the background of)\b"
)
_OPENS = re.compile(
    r"[\s\"'(-]*(?:and\s+)?(?:then|next|after (?:that|this|it)|afterwards?|later|finally|"
    r"subsequently|second|secondly|third|lastly|at last|in the end|it is followed by|"
    r"this is followed by|that is followed by)\b"
)
_FRONTED = re.compile(
    r"[\s\"'(-]*(?:(?:just|right|shortly|immediately)\s+)?(after|before|following)\s"
)
_FOLLOWS = re.compile(r"\s+(?:then\s+|soon\s+)?follows?\s*(?:[,.;]|and\b|$)")
_FIRST = re.compile(
    r"\b(?:first|firstly|begins? with|starts? with|beginning with|starting with|opens? with"
    r"|initially|earliest|at the (?:start|beginning))\b"
)
_LAST = re.compile(
    r"\b(?:last|lastly|finally|ends? with|ending with|closes? with|concludes? with|latest"
    r"|at the end|in the end)\b"
)
_AFFIRMS_ALONE = re.compile(r"\s+(?:\w+\s+){0,2}?(?:first|last|earliest|latest)\b")
_BREAK = re.compile(r"[;.]|\bthen\b|\bfollowed\b|\bbefore\b|\bafter\b")


def order_faults(read: ReadText, positioned: Positioned, front: Positioned) -> Iterator[TextFault]:
    """What the text says of order and overlap that the facts do not have.

    `front` gives all sources beside which a mention can be the first or the last.
    """
    last: NameMention | None = None
    for span in read.sentences:
        own = [one for one in within(read.mentions, span) if not one.denied and positioned(one)]
        if not own:
            continue
        head = read.bare[span[0] : own[0].start]
        follows = _FOLLOWS.match(read.bare, own[0].end)
        if last is not None and (_OPENS.match(head) or follows):
            yield from _fault(read, last, own[0], positioned)
        fronted = _FRONTED.match(head)
        if fronted and len(own) > 1 and re.search(r",", read.bare[own[0].end : own[1].start]):
            pair = (own[1], own[0]) if fronted.group(1) == "before" else (own[0], own[1])
            yield from _fault(read, *pair, positioned)
            pairs = list(pairwise(own[1:]))
        else:
            pairs = list(pairwise(own))
        for one, other in pairs:
            yield from _between(read, one, other, positioned)
        yield from _ends(read, span, own, positioned, front)
        last = own[-1]


def _between(
    read: ReadText, one: NameMention, other: NameMention, positioned: Positioned
) -> Iterator[TextFault]:
    gap = read.bare[one.end : other.start]
    if _TOGETHER.search(gap):
        yield from _apart(read, one, other, positioned)
    elif _LATER.search(gap) and not _EARLIER.search(gap):
        yield from _fault(read, other, one, positioned)
    elif _EARLIER.search(gap):
        yield from _fault(read, one, other, positioned)


def _ends(
    read: ReadText,
    span: tuple[int, int],
    own: Sequence[NameMention],
    positioned: Positioned,
    front: Positioned,
) -> Iterator[TextFault]:
    """Mentions that are said to come first or last of all that is heard."""
    for k, one in enumerate(own):
        start = own[k - 1].end if k else span[0]
        before = _BREAK.split(read.bare[start : one.start])[-1]
        before = before.rpartition(",")[2] if k else before
        after = read.bare[one.end : own[k + 1].start if k + 1 < len(own) else span[1]]
        alone = _AFFIRMS_ALONE.match(re.split(r"[,;.:]", after)[0])
        first = bool(_FIRST.search(before)) or bool(alone and _FIRST.search(alone.group()))
        end = bool(_LAST.search(before)) or bool(alone and _LAST.search(alone.group()))
        if first == end:
            continue
        name, all_heard = read.low[one.start : one.end], front(one)
        others = [other for other in all_heard if other not in positioned(one)]
        if not others:
            continue
        if not _comparable([*positioned(one), *others]):
            yield TextFault("order", f"{name!r} is put {'first' if first else 'last'}, and the "
                            "order is not known")  # fmt: skip
        elif not any(
            all(_is_before(*((source, other) if first else (other, source))) for other in others)
            for source in positioned(one)
        ):
            yield TextFault("order", f"{name!r} is not {'first' if first else 'last'}")


def _comparable(placed: Sequence[tuple[int, SourceFacts]]) -> bool:
    """Whether the order of all is known: their onsets, or one a clip."""
    one_a_clip = len({clip for clip, _ in placed}) == len(placed)
    return one_a_clip or all(source.onset_s is not None for _, source in placed)


def _fault(
    read: ReadText, earlier: NameMention, later: NameMention, positioned: Positioned
) -> Iterator[TextFault]:
    """A fault if no source of `earlier` begins before one of `later`."""
    pairs = [(a, b) for a in positioned(earlier) for b in positioned(later) if a != b]
    names = (
        f"{read.low[earlier.start : earlier.end]!r} before {read.low[later.start : later.end]!r}"
    )
    if not pairs:
        return
    known = [
        (a, b)
        for a, b in pairs
        if a[0] != b[0] or (a[1].onset_s is not None and b[1].onset_s is not None)
    ]
    if not known:
        yield TextFault("order", f"{names} is said, and their order is not known")
    elif not any(_is_before(a, b) for a, b in known):
        yield TextFault("order", f"{names} is said, and it is not so")


def _is_before(a: tuple[int, SourceFacts], b: tuple[int, SourceFacts]) -> bool:
    if a[0] != b[0]:
        return a[0] < b[0]
    return (a[1].onset_s or 0.0) < (b[1].onset_s or 0.0) + EQUAL_S


def _apart(
    read: ReadText, one: NameMention, other: NameMention, positioned: Positioned
) -> Iterator[TextFault]:
    """A fault if no source of one is heard while one of the other is."""
    names = f"{read.low[one.start : one.end]!r} and {read.low[other.start : other.end]!r}"
    pairs = [(a, b) for a in positioned(one) for b in positioned(other) if a != b]
    timed = [
        (a[1], b[1])
        for a, b in pairs
        if a[0] == b[0] and None not in (a[1].onset_s, a[1].offset_s, b[1].onset_s, b[1].offset_s)
    ]
    if pairs and not timed:
        yield TextFault("order", f"{names} are said to overlap, and that is not known")
    elif pairs and not any(
        (a.onset_s or 0) < (b.offset_s or 0) and (b.onset_s or 0) < (a.offset_s or 0)
        for a, b in timed
    ):
        yield TextFault("order", f"{names} are said to overlap, and they do not")
