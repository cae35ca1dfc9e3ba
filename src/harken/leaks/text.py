"""Questions that are in both sets: runs of words in common, template text excluded.

A question is normalised (`harken.ask.words`: case, accents, punctuation), its choices follow in
alphabetical order, so that reordering them changes nothing; the answer is not used. A match is

* at least `RUN` words in a row in common (13-grams: Brown et al., arXiv 2005.14165, app. C), or
* at least `SHARE` of the question's own 8-grams (Chowdhery et al., arXiv 2204.02311, sec. 8), or
* the same words throughout, for questions of fewer than 8.

Datasets are written from templates: an 8-gram in more than `COMMON` questions of the benchmark (or
0.5 % of them, if that is more) belongs to a template and is no evidence; nor are texts as common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harken.ask.words import words

GRAM = 8
RUN = 13
SHARE = 0.7
COMMON = 3
FEWEST = 4
"""Texts of fewer words are not compared: "yes or no" is no leak."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a text has in common with question `number` of the index.

    Attributes:
        share: of the question's own 8-grams; 1 for the same text.
        run: longest run of words in common.
        same: whether all words are the same.
    """

    number: int
    share: float
    run: int
    same: bool


def normalised(question: str, choices: Sequence[str] = ()) -> tuple[str, ...]:
    """The words of a question and its choices, the choices in alphabetical order."""
    shown = sorted(words(choice) for choice in choices)
    return (*words(question), *(word for choice in shown for word in choice))


class Questions:
    """An index of questions by their 8-grams.

    Attributes:
        generic: questions that are all template, or too short: never matched.
    """

    def __init__(self, texts: Iterable[tuple[str, ...]]) -> None:
        self._texts = list(texts)
        most = max(COMMON, len(self._texts) // 200)
        counts: Counter[str] = Counter()
        for text in self._texts:
            counts.update(dict.fromkeys(_grams(text), 1).keys())
        wholes = Counter(" ".join(text) for text in self._texts)
        self._own: list[int] = []
        self._places: dict[str, list[int]] = {}
        self._wholes: dict[str, list[int]] = {}
        for number, text in enumerate(self._texts):
            own = dict.fromkeys(gram for gram in _grams(text) if counts[gram] <= most)
            self._own.append(len(own))
            for gram in own:
                self._places.setdefault(gram, []).append(number)
            whole = " ".join(text)
            if len(text) >= FEWEST and wholes[whole] <= most:
                self._wholes.setdefault(whole, []).append(number)
        matched = {number for held in self._wholes.values() for number in held}
        self.generic = sum(
            not own and number not in matched for number, own in enumerate(self._own)
        )

    def find(self, text: tuple[str, ...]) -> list[Overlap]:
        """The questions that `text` repeats, by number."""
        hits: dict[int, set[str]] = {}
        runs: dict[int, tuple[int, int]] = {}  # question -> place of the last gram, grams in a row
        longest: dict[int, int] = {}
        for place, gram in enumerate(_grams(text)):
            for number in self._places.get(gram, ()):
                hits.setdefault(number, set()).add(gram)
                last, row = runs.get(number, (-2, 0))
                row = row + 1 if last == place - 1 else 1
                runs[number] = place, row
                longest[number] = max(longest.get(number, 0), row)
        same = set(self._wholes.get(" ".join(text), ()))
        found = []
        for number in sorted({*hits, *same}):
            share = len(hits.get(number, ())) / self._own[number] if self._own[number] else 0.0
            run = longest[number] + GRAM - 1 if number in longest else 0
            if number in same:
                found.append(Overlap(number, 1.0, len(text), True))
            elif run >= RUN or share >= SHARE:
                found.append(Overlap(number, share, run, False))
        return found


def _grams(text: Sequence[str]) -> list[str]:
    return [" ".join(text[at : at + GRAM]) for at in range(len(text) - GRAM + 1)]
