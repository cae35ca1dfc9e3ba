"""Times that a text states, which mention each is about, and whether the facts have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harken.facts import SourceFacts
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import NameMention
from harken.synth.verify.reading import ReadText, TimeStated, within
from harken.synth.verify.scene import Scene

_SPLIT = re.compile(
    r",|;|:|\(|\)|\bthen\b|\bfollowed by\b|\bwhile\b|\band\b|\bbefore\b|\bbut\b|\bafter which\b"
)
_OF_CLIP = re.compile(r"\b(?:clip|recording|audio|scene|in total|altogether|overall)\b")
_ITS_LENGTH = re.compile(r"[\s-]*(?:long\s+)?(?:clip|recording|audio|scene)\b")
_AGAIN = re.compile(r"\s*(?:and\s+)?(?:again|once more|another time|a second time)\b")


def time_faults(read: ReadText, scene: Scene, tolerance_s: float) -> Iterator[TextFault]:
    """Faults of all times in a text, each compared with what it is about."""
    last: NameMention | None = None
    for span in read.sentences:
        times = [one for one in read.times if span[0] <= one.start < span[1]]
        own = [one for one in within(read.mentions, span) if not one.denied]
        for time, about in paired(read.bare, span, times, own, last):
            written = read.low[time.start : time.end]
            if about is None:
                yield from _clip_time(time, written, read, scene, span, tolerance_s)
                continue
            name = read.low[about.start : about.end]
            there = scene.meant(about)
            known = [s for s in there if s.onset_s is not None and s.offset_s is not None]
            if there and not known:
                yield TextFault(
                    "time", f"{written} is said of {name!r}, and its times are not known"
                )
            elif there and not any(time_fits(time, s, tolerance_s) for s in known):
                yield TextFault("time", f"{written} is not a time of {name!r}")
        last = own[-1] if own else last


def paired(
    bare: str,
    span: tuple[int, int],
    times: Sequence[TimeStated],
    own: Sequence[NameMention],
    last: NameMention | None,
) -> list[tuple[TimeStated, NameMention | None]]:
    """The times of a sentence, each with the mention that it is about.

    In a clause with a mention it is the nearest one, those before it first. A clause without one
    belongs to the next clause where times come first in the sentence, else to the one before. In
    a sentence without a mention it is the last one (`last`), or the clip, which is None.
    """
    cuts = [span[0], *(m.end() for m in _SPLIT.finditer(bare, *span)), span[1]]
    clauses = list(pairwise(cuts))
    times_first = bool(times and own and times[0].start < own[0].start)
    found: list[tuple[TimeStated, NameMention | None]] = []
    for time in times:
        if _ITS_LENGTH.match(bare, time.end):
            found.append((time, None))
            continue
        clause = next((c for c in clauses if c[0] <= time.start < c[1]), span)
        inside = within(own, clause)
        ahead = [one for one in own if one.start > time.start]
        behind = [one for one in own if one.start < time.start]
        here = [one for one in inside if one.start < time.start] or inside[:1]
        added = bare[clause[0] - 1 : clause[0]] == "(" or _AGAIN.match(bare, clause[0])
        if here:
            found.append((time, here[-1]))
        elif behind and added:
            found.append((time, behind[-1]))
        elif time.role == "length" and _OF_CLIP.search(bare, *clause):
            found.append((time, None))
        elif own:
            first, other = (ahead[:1], behind[-1:]) if times_first else (behind[-1:], ahead[:1])
            found.append((time, (first or other)[0]))
        else:
            of_clip = time.role == "length" and _OF_CLIP.search(bare, *span)
            found.append((time, None if of_clip else last))
    return found


def time_fits(time: TimeStated, source: SourceFacts, tolerance_s: float) -> bool:
    """Whether a time is true of a source whose onset and offset are known."""
    onset, offset = source.onset_s or 0.0, source.offset_s or 0.0

    def near(a: float, b: float) -> bool:
        return abs(a - b) <= tolerance_s + 1e-9

    first, *rest = time.seconds
    if time.role == "span":
        return near(first, onset) and near(rest[0], offset)
    if time.role == "length":
        return near(first, offset - onset)
    if time.role == "onset":
        return near(first, onset)
    if time.role == "offset":
        return near(first, offset)
    return near(first, onset) or near(first, offset)


def _clip_time(
    time: TimeStated,
    written: str,
    read: ReadText,
    scene: Scene,
    span: tuple[int, int],
    tolerance_s: float,
) -> Iterator[TextFault]:
    """A time of the clip itself: its length."""
    lengths = scene.lengths(scene.clip_at(span[0]) if read.clips else None)
    if not lengths:
        yield TextFault("time", f"{written} is said, and nothing of that is known")
    elif not any(abs(time.seconds[-1] - length) <= tolerance_s + 1e-9 for length in lengths):
        yield TextFault("time", f"{written} is not the length of the clip")
