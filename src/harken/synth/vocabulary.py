"""Which names are similar (hard distractors), and which may not be in one item.

Two relations between a pair of names:

- *clash*: a recording of one could correctly be labelled with the other ("dog" and "dog bark",
  "nine" and "nineteen", "to" and "two"). Such a pair is never in one item, or its answer would not
  be true by construction.
- *affinity*: how easily one is confused with the other. 0 is not at all; distractors are drawn with
  a preference for high values.
"""

from __future__ import annotations

import re
from functools import lru_cache

from harken.synth.tables import COMMON, GROUPS, HOMOPHONES

TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def tokens(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation."""
    return tuple(match.lower().replace("’", "'") for match in TOKEN.findall(text))


def stem(word: str) -> str:
    """`word` without the most common endings: "crying", "cries" and "cry" give the same stem."""
    for ending, instead in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    return word.removesuffix("e") if len(word) > 3 else word


@lru_cache(maxsize=1 << 16)
def stems(name: str) -> frozenset[str]:
    """The stems of all words of a name."""
    return frozenset(stem(word) for word in tokens(name))


def group_of(name: str) -> str:
    """The coarse group of a sound's name, by its words; ``""`` if none is known."""
    for word in map(stem, tokens(name)):  # in the order of the words, not that of a set
        if word in _GROUP_OF:
            return _GROUP_OF[word]
    return ""


def sounds_clash(one: str, other: str) -> bool:
    """Whether all words of one name are in the other: "guitar", "acoustic guitar"."""
    a, b = stems(one), stems(other)
    return a <= b or b <= a


def sound_affinity(one: str, other: str) -> float:
    """1 for each shared word, 1 for the same coarse group."""
    shared = len(stems(one) & stems(other))
    same = group_of(one) != "" and group_of(one) == group_of(other)
    return float(shared) + float(same)


@lru_cache(maxsize=1 << 16)
def words_clash(one: str, other: str) -> bool:
    """Whether one word is a prefix of the other ("six", "sixteen") or both are homophones."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= 3 and long.startswith(short):
        return True
    return one in _HOMOPHONE and _HOMOPHONE[one] == _HOMOPHONE.get(other)


def word_keys(word: str) -> tuple[str, ...]:
    """Keys of a word; two clashing words share at least one."""
    return (word[:3], _HOMOPHONE[word]) if word in _HOMOPHONE else (word[:3],)


def word_affinity(one: str, other: str) -> float:
    """Same first and last letter, similar length, and share of common letters; 0 to 2."""
    score = 0.6 * (one[:1] == other[:1]) + 0.4 * (one[-1:] == other[-1:])
    score += 0.3 * (abs(len(one) - len(other)) <= 1)
    a, b = set(one), set(other)
    return score + 0.7 * len(a & b) / max(1, len(a | b))


def is_content_word(word: str) -> bool:
    """Whether a word of a sentence can be asked for: at least 4 letters, not in `COMMON`."""
    return len(word) >= 4 and word not in COMMON and word.isalpha()


_GROUP_OF = {stem(word): group for group, words in GROUPS.items() for word in words.split()}
_HOMOPHONE = {word: " ".join(sorted(group)) for group in HOMOPHONES for word in group}
