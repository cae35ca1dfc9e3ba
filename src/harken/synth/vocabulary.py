"""Which names are near to each other (hard distractors), and which may not stand side by side.

Two questions are asked of a pair of names:

- *clash*: could a recording of the one truthfully be said to hold the other ("dog" and "dog bark",
  "nine" and "nineteen", "to" and "two")? Such a pair never meets in one item, or its answer would
  not be true by construction.
- *affinity*: how easily is the one taken for the other? 0 is far; distractors are drawn from the
  upper end.
"""

from __future__ import annotations

import re

from harken.synth.tables import COMMON, GROUPS, HOMOPHONES

TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def tokens(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation."""
    return tuple(match.lower().replace("’", "'") for match in TOKEN.findall(text))


def stem(word: str) -> str:
    """`word` without the commonest endings: "crying", "cries" and "cry" are one."""
    for ending, instead in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    return word.removesuffix("e") if len(word) > 3 else word


def stems(name: str) -> frozenset[str]:
    """The stems of all words of a name."""
    return frozenset(stem(word) for word in tokens(name))


def group_of(name: str) -> str:
    """The coarse group a sound's name belongs to, by its words; ``""`` if none is known."""
    for word in stems(name):
        if word in _GROUP_OF:
            return _GROUP_OF[word]
    return ""


def sounds_clash(one: str, other: str) -> bool:
    """Whether one name's words are all among the other's: "guitar", "acoustic guitar"."""
    a, b = stems(one), stems(other)
    return a <= b or b <= a


def sound_affinity(one: str, other: str) -> float:
    """1 for each shared word, 1 for the same coarse group."""
    shared = len(stems(one) & stems(other))
    same = group_of(one) != "" and group_of(one) == group_of(other)
    return float(shared) + float(same)


def words_clash(one: str, other: str) -> bool:
    """Whether one word begins the other ("six", "sixteen") or both sound alike ("two", "too")."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= 3 and long.startswith(short):
        return True
    return one in _HOMOPHONE and _HOMOPHONE[one] == _HOMOPHONE.get(other)


def word_keys(word: str) -> tuple[str, ...]:
    """Keys of which two clashing words share at least one."""
    return (word[:3], _HOMOPHONE[word]) if word in _HOMOPHONE else (word[:3],)


def word_affinity(one: str, other: str) -> float:
    """Shared first and last letter, like length, and the share of common letters; 0 to about 2."""
    score = 0.6 * (one[:1] == other[:1]) + 0.4 * (one[-1:] == other[-1:])
    score += 0.3 * (abs(len(one) - len(other)) <= 1)
    a, b = set(one), set(other)
    return score + 0.7 * len(a & b) / max(1, len(a | b))


def telling(word: str) -> bool:
    """Whether a word of a sentence is worth asking for: long enough and not a function word."""
    return len(word) >= 4 and word not in COMMON and word.isalpha()


_GROUP_OF = {stem(word): group for group, words in GROUPS.items() for word in words.split()}
_HOMOPHONE = {word: " ".join(sorted(group)) for group in HOMOPHONES for word in group}
