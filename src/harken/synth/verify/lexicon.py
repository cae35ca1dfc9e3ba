"""Which sounds a text names: the names of a dataset, and what means the same by `synonyms`.

A mention is found by the roots of its words, in any order, with small words between ("the barking
of a dog"), the longest first. Words of a longer label name it too, where they name nothing else
("laser" for "zap laser"), unless they are general (`GENERIC`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harken.ask import words as w
from harken.ask.negation import denied_after, denied_before, masked, without_idioms
from harken.ask.words import listed
from harken.facts import SourceFacts
from harken.synth.verify.spoken import holds, said_words
from harken.synth.verify.synonyms import CONCEPTS, GENERIC, MUSIC, SEX, SPEECH
from harken.synth.vocabulary import stem

FILLERS = frozenset(
    listed("a an the of by some its their is are was were being that which his her")
)
_SMALL = FILLERS | frozenset(listed("and or in on at with to for from"))
_TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_STOP = re.compile(r"[^\w\s\-']")
_LONGEST = 5
_CLAUSE = re.compile(r"[.;:!?\n]|,\s*(?:but|while|and then|then)\b|\bbut\b")
_JOINED = re.compile(r"[\s,\"']*(?:or|nor|and)?[\s\"']*(?:(?:a|an|the)\s+)?[\"']?")
_SPEECH, _MUSIC = "(speech)", "(music)"


@dataclass(frozen=True, slots=True)
class NameMention:
    """A sound that a text names at ``[start:end]`` of the folded text.

    Attributes:
        roots: roots of the words that name it.
        concepts: phrases of `CONCEPTS` that it means.
        denied: the words around it say that it is not there.
        said: the words of a quotation, for a mention of who says them; else empty.
    """

    start: int
    end: int
    roots: frozenset[str]
    concepts: frozenset[str]
    denied: bool = False
    said: tuple[str, ...] = ()

    @property
    def is_speech(self) -> bool:
        """Whether it names speech as such: a voice, what is said."""
        return self.concepts == frozenset([_SPEECH])

    def means(self, other: NameMention) -> bool:
        """Whether both may name one sound, or quote the same."""
        if self.said or other.said:
            return self.said == other.said
        return _alike(self.roots, self.concepts, other.roots, other.concepts)

    def fits(self, source: SourceFacts) -> bool:
        """Whether it names this source."""
        if self.said:
            return holds(said_words(source), self.said)
        if _SPEECH in self.concepts and source.kind == "speech":
            return True
        if _MUSIC in self.concepts and source.kind == "music":
            return True
        if source.label is None or source.kind == "speech":
            return False
        return any(_alike(self.roots, self.concepts, *part) for part in name_parts(source.label))

    def names(self, label: str) -> bool:
        """Whether it names what this label names."""
        if self.said:
            return holds(w.words(label), self.said)
        return any(_alike(self.roots, self.concepts, *part) for part in name_parts(label))


class Lexicon:
    """The names that are looked for in texts: those of `CONCEPTS`, and of the items at hand.

    Args:
        names: labels of sounds of the dataset, whether in the scene at hand or not.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(sorted({*names}))
        self._forms: dict[frozenset[str], frozenset[str]] = dict(_concept_forms())
        weak: dict[frozenset[str], frozenset[str]] = {}
        for name in self.names:
            for roots, concepts in name_parts(name):
                self._forms[roots] = self._forms.get(roots, frozenset()) | concepts
                for one in sorted(roots - _general()):
                    weak.setdefault(frozenset([one]), frozenset())
        for roots, concepts in weak.items():
            self._forms.setdefault(roots, concepts)

    def mentions(self, low: str) -> list[NameMention]:
        """The mentions in a folded text (`harken.ask.words.fold`), in order."""
        tokens = [(m.start(), m.end(), m.group()) for m in _TOKEN.finditer(low)]
        found: list[NameMention] = []
        at = 0
        while at < len(tokens):
            hit = self._at(low, tokens, at)
            if hit is None:
                at += 1
                continue
            end, roots, concepts = hit
            found.append(NameMention(tokens[at][0], tokens[end][1], roots, concepts))
            at = end + 1
        return _judged(found, low)

    def _at(
        self, low: str, tokens: Sequence[tuple[int, int, str]], at: int
    ) -> tuple[int, frozenset[str], frozenset[str]] | None:
        """The last token, roots and concepts of the longest form that begins at token `at`."""
        if tokens[at][2] in _SMALL:
            return None
        best = None
        words: list[str] = []
        for place in range(at, len(tokens)):
            if place > at and _STOP.search(low, tokens[place - 1][1], tokens[place][0]):
                break
            word = tokens[place][2]
            if word in FILLERS:
                continue
            if word in _SMALL:
                break
            words += [root(part) for part in word.split("-")] if "-" in word else [root(word)]
            if len(words) > _LONGEST:
                break
            key = frozenset(words)
            if len(key) == len(words) and key in self._forms:
                best = place, key, self._forms[key]
        return best


def name_mention(name: str) -> NameMention | None:
    """A label as if a text named it with its own words; None for a label without words."""
    parts = name_parts(name)
    if not parts:
        return None
    roots, concepts = parts[0]
    return NameMention(0, 0, roots, concepts)


@lru_cache(maxsize=4096)
def name_parts(name: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """(roots, concepts) of a label; of one that joins several ("rain and thunder"), of each."""
    found = []
    for part in re.split(r"\s+and\s+|,\s*|/", w.fold(name)):
        roots = frozenset(root(word) for word in re.findall(r"[^\W_]+", part) if word not in _SMALL)
        if roots:
            own = [
                concept
                for form, concepts in _concept_forms().items()
                if form <= roots and (len(form) > 1 or form == roots or not _general() & form)
                for concept in sorted(concepts)
            ]
            exact = _concept_forms().get(roots)
            found.append((roots, exact or frozenset(own)))
    return tuple(found)


@lru_cache(maxsize=8192)
def root(word: str) -> str:
    """`harken.synth.vocabulary.stem`, with a doubled last consonant made single."""
    short = stem(word)
    if len(short) > 3 and short[-1] == short[-2] and short[-1] not in "aeiouszl":
        short = short[:-1]
    return short


@lru_cache(maxsize=1)
def phrases() -> tuple[tuple[str, frozenset[frozenset[str]]], ...]:
    """(phrase, the root sets of its forms) of every concept, in the order of the list."""
    found = []
    for line in CONCEPTS.strip().splitlines():
        phrase, _, forms = line.partition(":")
        found.append((phrase, frozenset(map(_roots, [phrase, *forms.split(";")]))))
    return tuple(found)


@lru_cache(maxsize=1)
def _concept_forms() -> dict[frozenset[str], frozenset[str]]:
    """Root set of a form -> the concepts that it means."""
    found: dict[frozenset[str], frozenset[str]] = {}
    for phrase, forms in phrases():
        for form in sorted(forms, key=sorted):
            found[form] = found.get(form, frozenset()) | {phrase}
    for text, concept in ((SPEECH, _SPEECH), (MUSIC, _MUSIC)):
        for words in text.split(";"):
            found[_roots(words)] = frozenset([concept])
    for words in SEX.split(";"):
        found.setdefault(_roots(words), frozenset())
    return found


@lru_cache(maxsize=1)
def _general() -> frozenset[str]:
    return frozenset(root(word) for word in GENERIC)


def _roots(text: str) -> frozenset[str]:
    return frozenset(
        root(word) for word in re.findall(r"[^\W_]+", text.lower()) if word not in _SMALL
    )


def _alike(
    one: frozenset[str], concepts: frozenset[str], other: frozenset[str], more: frozenset[str]
) -> bool:
    return bool(concepts & more) or one <= other or other <= one


def _judged(found: list[NameMention], low: str) -> list[NameMention]:
    """`found` with what the words around deny; a list is denied as a whole."""
    plain = without_idioms(low)
    judged: list[NameMention] = []
    for k, one in enumerate(found):
        cut = max([0, *(m.end() for m in _CLAUSE.finditer(plain, 0, one.start))])
        before = masked(plain, cut, one.start, ((m.start, m.end) for m in found[:k]))
        ahead = found[k + 1].start if k + 1 < len(found) else len(plain)
        stop = _CLAUSE.search(plain, one.end)
        end = min(ahead, stop.start() if stop else len(plain))
        after = plain[one.end : end]
        denied = denied_before(before) or denied_after(after, bounded=end == ahead < len(plain))
        judged.append(NameMention(one.start, one.end, one.roots, one.concepts, denied))
    return _lists(judged, plain)


def _lists(judged: list[NameMention], plain: str) -> list[NameMention]:
    """A denial before a list holds for all of it: "neither a dog nor a cat, or rain"."""
    for k in range(1, len(judged)):
        before, one = judged[k - 1], judged[k]
        between = plain[before.end : one.start]
        joined = _JOINED.fullmatch(between) and re.search(r"\b(?:or|nor)\b", between)
        if before.denied and joined and not one.denied:
            judged[k] = NameMention(one.start, one.end, one.roots, one.concepts, True)
    return judged
