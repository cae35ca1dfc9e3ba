"""Rotations of an item's clips, with every "clip 2" in its texts renumbered.

A cyclic rotation by r shows clip (i + r) mod n at position i, as rotations of choices do. The right
answer stays right because numbers follow their clips: under r = 1 of three clips, "clip 1" becomes
"clip 3". So a model without position bias over clips answers the same in every order
(permutational self-consistency, MUGEN, arXiv 2603.09714).

Only "clip 2" and the like are renumbered. Where anything else may refer to a position or describe a
development over the clips ("the second", "before", a bare "2", "B", "from sad to happy", another
language), the item is asked in one order only, with the reason: excluding an item costs a little
statistical power, renumbering it wrongly would score a wrong answer as right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from harken.item import Item

_SOUND = r"(?:clip|audio|recording|sound|sample|track|excerpt|segment)"
_COUNT = r"(?:one|two|three|four|five|six|seven|eight|nine|ten)"
_NUMBERED = re.compile(rf"\b({_SOUND}s?[\s#-]*)([0-9]+)\b", re.I)
_LISTED = re.compile(rf"\b{_SOUND}s?\s[0-9]+(?:\s?(?:,|/|and|&|or|to|vs\.?|-|–)\s?[0-9]+)+", re.I)
_PLACED = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|latter|former|next"
    r"|previous|preced|follow|before|after|earlier|later|initial|final|subsequent|prior|opening"
    r"|closing|begin|start|end(?:s|ed|ing)?\b|then\b|respective|order|sequen|consecutive|successive"
    r"|transition|chang|becom|became|evol|progress|shift|continu|other one|[0-9]+(?:st|nd|rd|th)\b)"
    rf"|\b{_SOUND}s?[\s(:_-]*(?:[A-H]|I{{1,3}}|I?V|VI|{_COUNT})\b"
    r"|\bfrom\b.+\bto\b|->|=>|→",
    re.I,
)
_LETTERED = re.compile(r"\b(?:[B-H]|II|III|IV|VI)\b")
_LABEL = re.compile(
    rf"(?:the )?(?:\w+ )?(?:\(?[a-h]\)?|i{{1,3}}|i?v|vi|{_COUNT})(?: one)?\.?", re.I
)
_COUNTING = re.compile(r"\b(?:how many|how often|number of|count)\b", re.I)
_NUMBER = re.compile(rf"[0-9]+|{_COUNT}|none|zero", re.I)
_ENGLISH = re.compile(
    r"\b(?:the|which|what|how|are|does|where|who|would|both|and|than"
    r"|same|there|this|you)\b",
    re.I,
)
# "in the audio 2 people speak", "audio 2 times": the number counts what follows it
_DETERMINED = re.compile(
    r"\b(?:the|this|that|an?|each|every|both|your|his|her)\s+(?:(?!in|of|from|for|on|to)\w+\s+)?$",
    re.I,
)
_COUNTED = re.compile(
    r"[.,:]?[0-9]|\s?%|[\s-]+(?!(?:is|was|has|does|contains|holds|features|sounds|differs|plays|vs)\b)"
    r"(?:[a-z]+s|people|men|women|children|different|more|other|k?hz|db|bpm|ms|min|h)\b",
    re.I,
)  # fmt: skip


def reorder(item: Item, by: int) -> Item | str:
    """`item` with its clips rotated by `by` positions, or why that might change the question."""
    size = len(item.clips)
    if not by % max(1, size):
        return item
    fault = _fault(item, size)
    if fault:
        return fault
    choices = tuple(renumber(text, by, size) for text in item.choices)
    return replace(
        item,
        clips=item.clips[by % size :] + item.clips[: by % size],
        facts=item.facts[by % size :] + item.facts[: by % size],
        question=renumber(item.question, by, size),
        choices=choices,
        answer=choices[item.gold] if item.gold >= 0 else item.answer,
    )


def renumber(text: str, by: int, size: int) -> str:
    """`text` with each clip number 1..size replaced by the clip's new number."""

    def moved(match: re.Match[str]) -> str:
        return f"{match.group(1)}{(int(match.group(2)) - 1 - by) % size + 1}"

    return _NUMBERED.sub(moved, text)


def _fault(item: Item, size: int) -> str | None:
    """Why the texts of `item` may not fit another order of its `size` clips; None if they do."""
    if item.dialogue and (item.dialogue.earlier or item.dialogue.places):
        return "its clips stand within a text, or earlier turns may refer to them"
    texts = [item.question, *item.choices]
    if not _ENGLISH.search(item.question):
        return "the question may not be English, and only English is renumbered"
    for text in texts:
        if found := _foreign(text) or _misnumbered(text, size) or _placed(text):
            return found
    if found := _number(item.question, size):
        return f"{found!r} in the question may be the number of a clip"
    nouns = {re.sub(r"\W", "", m.group(1)).lower().rstrip("s")
             for text in texts for m in _NUMBERED.finditer(text)}  # fmt: skip
    if len(nouns) > 1:
        return f"numbers go with several words: {', '.join(sorted(nouns))}"
    counting = bool(_COUNTING.search(item.question))
    for text in item.choices:
        if counting and _NUMBER.fullmatch(text.strip()):
            continue
        if _LABEL.fullmatch(text.strip()) or _number(text, size):
            return f"the option {text!r} may name a clip by its position"
    return _listing(item.choices) if item.choices else _open(item.answer)


def _foreign(text: str) -> str | None:
    """The first letter or digit of a script in which words for positions are not recognised."""
    for sign in text:
        foreign = sign.isalpha() and not unicodedata.name(sign, "").startswith(("LATIN", "MICRO"))
        if foreign or (sign.isnumeric() and not "0" <= sign <= "9"):
            return f"{sign!r} belongs to a script that is not renumbered"
    return None


def _misnumbered(text: str, size: int) -> str | None:
    listed = _LISTED.search(text)
    if listed:
        return f"{listed.group(0)!r} lists clips in a way that cannot be renumbered safely"
    for match in _NUMBERED.finditer(text):
        number = match.group(2)
        if not 1 <= int(number) <= size or number.startswith("0"):
            return f"{match.group(0)!r} is none of the {size} clips"
        if _DETERMINED.search(text[: match.start()]) or _COUNTED.match(text, match.end()):
            return f"the number in {match.group(0)!r} may count what follows it"
    return None


def _placed(text: str) -> str | None:
    placed = _PLACED.search(text) or _LETTERED.search(text)
    return f"{placed.group(0)!r} may refer to an order of the clips" if placed else None


def _number(text: str, size: int) -> str | None:
    """A bare number that could be a clip's; "the 2 clips" is none."""
    bare = _NUMBERED.sub(" ", text)
    for match in re.finditer(r"(?<![0-9.,])[0-9]+(?![0-9]|[.,][0-9])", bare):
        counts = re.match(rf"\s(?:different\s|audio\s)?{_SOUND}s\b", bare[match.end() :], re.I)
        if int(match.group(0)) <= size and not counts:
            return match.group(0)
    return None


def _listing(choices: Sequence[str]) -> str | None:
    """Why the choices may list the content of the clips in order; None if they do not."""
    bare = [text for text in choices if not _NUMBERED.search(text)]
    if bare and all(re.search(r"[,;/]", text) for text in bare):
        return "the options may list something for each clip in turn"
    seen = [tuple(sorted(re.findall(r"\w+", text.lower()))) for text in bare]
    if len(set(seen)) < len(seen):
        return "options differ in the order of their words alone"
    return None


def _open(answer: str) -> str | None:
    if _NUMBERED.search(answer) or re.search(r"[0-9]", answer):
        return "the open answer may number the clips"
    if re.search(r"[,;/\n]|\band\b", answer, re.I) or _placed(answer):
        return "the open answer may list something for each clip in turn"
    return None
