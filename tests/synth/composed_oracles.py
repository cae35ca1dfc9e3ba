"""What is right of questions that join several facts or clips, from facts and question alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.families.over_refusal import UNTOLD

ORDINALS = ("first", "second", "third", "fourth")


def in_time(facts: ClipFacts) -> list[SourceFacts]:
    return sorted(facts.sources, key=lambda source: source.onset_s or 0.0)


def heard_names(facts: ClipFacts) -> list[str]:
    return [source.name or "" for source in in_time(facts)]


def asked(item: Item) -> list[str]:
    return re.findall(r'"([^"]+)"', item.question)


def follower(item: Item) -> set[str]:
    """What comes after X, if X is heard once and something comes after it."""
    names, (x,) = heard_names(item.facts[0]), asked(item)
    at = [n for n, name in enumerate(names) if name == x]
    if len(at) != 1 or at[0] + 1 == len(names):
        return {UNTOLD}
    return {names[at[0] + 1]}


def gone_by(item: Item) -> set[str]:
    """The number that is said, or how often X is heard."""
    (spoken,) = (s for s in item.facts[0].sources if s.kind == "speech")
    if "by-said" in item.tags:
        return {spoken.name or ""}
    others = [s.name for s in item.facts[0].sources if s is not spoken]
    return {("", "one", "two", "three", "four")[others.count(asked(item)[0])]}


def composed(item: Item) -> set[str]:
    """Of made-up tones, whose amplitude is told by the last digit of their recording's name."""
    sources = in_time(item.facts[0])
    names = [source.name or "" for source in sources]
    level = {
        name: (source.gain_db or 0.0) + 20 * math.log10(1 + int(pick["recording"][-1]) % 3)
        for name, source, pick in zip(names, sources, item.plan["picks"], strict=True)
    }
    length = {s.name or "": (s.offset_s or 0.0) - (s.onset_s or 0.0) for s in sources}
    step = 1 if re.search(r"\bafter\b", item.question) else -1
    if "between" in item.tags:
        one, other = sorted(names.index(name) for name in asked(item))
        return {str(other - one - 1)}
    if "beside-loudest" in item.tags:
        return {names[names.index(max(level, key=lambda name: level[name])) + step]}
    at = names.index(asked(item)[0])
    side = names[at + 1 :] if step > 0 else names[:at]
    by = level if "loudest-of" in item.tags else length
    ranked = sorted(side, key=lambda name: by[name])
    assert by[ranked[-1]] - by[ranked[-2]] > (7 if by is level else 0.3)
    assert max(by, key=lambda name: by[name]) != ranked[-1]  # but for X's side it would be another
    return {ranked[-1]}


def differing(item: Item) -> set[str]:
    """The options that are true of the two clips."""
    clips = [heard_names(facts) for facts in item.facts]
    return {one for one in item.choices if _holds(one, clips)}


def _holds(option: str, clips: list[list[str]]) -> bool:
    names = re.findall(r'"([^"]+)"', option)
    if option.startswith("the "):
        at = ORDINALS.index(option.split()[1])
        return [clip[at] if at < len(clip) else "" for clip in clips] == names
    (clip,) = (int(n) - 1 for n in re.findall(r"clip (\d)", option))
    own, other = (clips[n].count(names[0]) for n in (clip, 1 - clip))
    return own - other == 1 and (other == 0 if option.startswith("only") else other > 0)


COMPOSED: dict[str, Callable[[Item], set[str]]] = {
    "over-refusal": follower,
    "conflict": gone_by,
    "compose": composed,
    "changed": differing,
}
