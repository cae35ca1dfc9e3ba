"""Which choices a text mentions: longest match, plurals ignored, negated mentions distinct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harken.ask import words as w

_NEGATIONS = frozenset(
    {"not", "no", "never", "without", "neither", "nor", "isnt", "instead", "except", "excluding"}
)
_BOUNDARIES = frozenset(
    {"but", "however", "rather", "though", "yet", "it", "is", "its", "actually", "because"}
)
_FREE = w.ARTICLES | {"or", "nor", "and", "any", "of", "than"}
_REJECTED = frozenset(
    {"not", "wrong", "incorrect", "absent", "false", "ruled", "missing", "excluded"}
)
_STOPS = ",;.!?:\n"


@dataclass(frozen=True, slots=True)
class Mentions:
    """Shown positions by how they are mentioned: affirmed, or only negated."""

    affirmed: frozenset[int]
    denied: frozenset[int]


def mentioned(text: str, choices: Sequence[str]) -> Mentions:
    """Find every choice in `text`.

    Plurals are ignored ("dog barks" mentions "dog bark") as long as the choices stay distinct;
    otherwise words must match exactly. "yes" and "no" count only at the end of a
    clause: elsewhere "no" is an ordinary word.
    """
    clauses = _clauses(text)
    keys = [w.key(choice) for choice in choices]
    stems = [tuple(w.stem(word) for word in key) for key in keys]
    distinct = len(set(stems)) == len(set(keys))
    affirmed: set[int] = set()
    denied: set[int] = set()
    for clause in clauses:
        if distinct:
            _scan([w.stem(word) for word in clause], stems, affirmed, denied)
        else:  # "dog" and "dogs" are both choices
            _scan(clause, keys, affirmed, denied)
    return Mentions(frozenset(affirmed), frozenset(denied - affirmed))


def single(found: Mentions) -> tuple[int | None, str]:
    """The only affirmed choice and the rule; else None and why."""
    if len(found.affirmed) == 1:
        (one,) = found.affirmed
        return one, "text-mention"
    if found.affirmed:
        return None, "several-options"
    return None, "only-negated" if found.denied else "no-option"


def _clauses(text: str) -> list[list[str]]:
    """Words by clause: a negation does not reach over a comma or a full stop.

    Numbers keep their decimal points: the text is cut only at a stop that no digit follows.
    """
    flat = w.fold(text)
    cuts = [
        i
        for i, sign in enumerate(flat)
        if sign in _STOPS and not (i + 1 < len(flat) and flat[i + 1].isdigit())
    ]
    edges = [0, *(cut + 1 for cut in cuts), len(flat)]
    return [
        [w.number(word) if word != "one" else word for word in w.words(flat[a:b])]
        for a, b in pairwise(edges)
    ]


def _scan(
    clause: list[str], keys: Sequence[tuple[str, ...]], affirmed: set[int], denied: set[int]
) -> None:
    """Add the choices found in one clause; a word belongs to the longest choice that covers it."""
    content = [(i, word) for i, word in enumerate(clause) if word not in w.ARTICLES]
    at = 0
    while at < len(content):
        here = [word for _, word in content[at:]]
        best = max((len(key) for key in keys if key and tuple(here[: len(key)]) == key), default=0)
        if not best:
            at += 1
            continue
        hits = [i for i, key in enumerate(keys) if key == tuple(here[:best])]
        first, last = content[at][0], content[at + best - 1][0]
        if keys[hits[0]] in (("no",), ("yes",)) and last + 1 < len(clause):
            at += best
            continue
        negated = _negated(clause, first, last, keys)
        (denied if negated else affirmed).update(hits)
        at += best


def _negated(clause: list[str], first: int, last: int, keys: Sequence[tuple[str, ...]]) -> bool:
    """Whether the words around ``clause[first..last]`` deny it ("not a dog", "dog is wrong")."""
    option_words = {word for key in keys for word in key}
    reach = 3
    for word in reversed(clause[:first]):
        if word in _NEGATIONS:
            return True
        if word in _FREE or word in option_words:
            continue
        if word in _BOUNDARIES or reach == 0:
            break
        reach -= 1
    after = clause[last + 1 : last + 3]
    return len(after) == 2 and after[0] in ("is", "was", "are") and after[1] in _REJECTED
