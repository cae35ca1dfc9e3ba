"""Whether the answers to questions about times and orders in one scene are true of its facts.

`RULES` has a rule for each kind of question (by task) that is read from wording and options. Of the
others all or several options are heard, and which is right depends on what is not read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harken.facts import SourceFacts
from harken.item import Item
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.named import asked_about, names_source, sources_of, wrong
from harken.synth.verify.reading import read_text

SLACK_S = 0.06
"""Times are told to a tenth of a second."""

NEVER = ("never",)

_CLOCK = re.compile(r"(?:(\d+):)?(\d+(?:\.\d+)?)")
"""Minutes, where there are any, and seconds."""


def _heard_at(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """At the time in the question the answer is heard, and no other option."""
    times = _CLOCK.findall(item.question)
    if len(times) != 1:
        return
    at_s = 60.0 * int(times[0][0] or 0) + float(times[0][1])
    for choice in item.choices:
        there = any(_during(s, at_s) for s in sources_of(choice, item.facts, lexicon))
        if there != (choice == item.answer):
            yield wrong(choice, there, f"heard at {at_s:g} s")


def _begins_at(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """What the question names begins at the time of the answer, or is not there if it is never."""
    asked = asked_about(item, lexicon)
    if asked is None:
        return
    onsets = [s.onset_s for f in item.facts for s in f.sources if asked.fits(s)]
    for choice in item.choices:
        times = read_text(choice, lexicon).times
        if choice in NEVER:
            right = not onsets
        elif len(times) == 1:
            at_s = times[0].seconds[0]
            right = any(abs((one or 0.0) - at_s) <= SLACK_S for one in onsets)
        else:
            return
        if right != (choice == item.answer):
            yield wrong(choice, right, "when it begins")


def _within(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """What the question names is heard in the stretch of the answer, and in no other."""
    asked = asked_about(item, lexicon)
    if asked is None:
        return
    there = [s for f in item.facts for s in f.sources if asked.fits(s)]
    for choice in item.choices:
        times = read_text(choice, lexicon).times
        if len(times) != 1 or len(times[0].seconds) != 2:
            return
        begin_s, end_s = times[0].seconds
        inside = [begin_s <= (s.onset_s or 0.0) < end_s for s in there]
        if any(inside) != (choice == item.answer) or any(inside) != all(inside):
            yield wrong(choice, any(inside), "where it is heard")


def _in_order(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """The answer lists all that is heard, each once, in order, and no other option does."""
    heard: dict[str | None, SourceFacts] = {}
    for source in (s for f in item.facts for s in f.front):
        heard.setdefault(source.name, source)
    for choice in item.choices:
        names = choice.split(", then ")
        right = len(names) == len(heard) and all(
            names_source(name, source, lexicon)
            for name, source in zip(names, heard.values(), strict=False)
        )
        if right != (choice == item.answer):
            yield wrong(choice, right, "the order")


def _during(source: SourceFacts, at_s: float) -> bool:
    if source.onset_s is None or source.offset_s is None or source.kind == "background":
        return False
    return source.onset_s - SLACK_S <= at_s <= source.offset_s + SLACK_S


RULES: dict[str, Callable[[Item, Lexicon], Iterator[TextFault]]] = {
    "at-time": _heard_at,
    "needle": _heard_at,
    "say-when": _begins_at,
    "when": _within,
    "sub-scene": _within,
    "in-order": _in_order,
    "segment-order": _in_order,
}
