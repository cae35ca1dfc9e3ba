"""The options of a prompt as a reply may name them: letter, own label, text, words.

One rule for a name that fits two options: the text as written goes before the letter. Where the
options are themselves letters (keys of music, say), ``C`` is the option "C", wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from harken.ask import words as w
from harken.letters import letter
from harken.models.base import Prompt

_LABEL = re.compile(r"\s*[(\[]?([A-Za-z]|\d{1,2})(?:[)\]]\s*|[.:、]\s+)(\S.*)", re.S)
_LONE = re.compile(r"[(\[\"'{]{0,2}[A-Za-z][)\]\"'}]{1,2}\s{0,2}[.:,;]?")
_NO_ARTICLE = re.compile(r"(?<![\w'])A(?![ \t]+[\"']?\w|[\w'#-])|^\W*a\s?[)\].:]|[(\[]a[)\]]")
STOP = re.compile(r"[,;.!?:\n。、؛،।](?!\d)|\s--?\s|…")
"""A comma or stop, which ends a clause; "0.5" and "12:30" hold none."""
_KEYED = re.compile(r"(?<![\w'])A(?=[:#/+-])")
_EDGES = " \t\n.,;:!?\"'()[]{}。、"
# Words before a noun in other languages, which a reply may change or leave out.
_DETERMINERS = frozenset(
    w.listed(
        "der die das den dem ein eine einen einem le la les l un une des el los las una unos"
        " unas il lo gli uno o os as um uma de het een en ett"
    )
)


# "one" as a pronoun
_ONE_BEFORE = re.compile(
    r"\b(?:this|that|the|each|every|which|no|any|some|\w+st|second|third|another|other|only|right|last)\s$"
)
_ONE_AFTER = re.compile(r"\s(?:of|that|who|which|can|could|might|may|must|would|has|hears?)\b")


@dataclass(frozen=True, slots=True)
class WordAt:
    """A word of a folded text; `stop`: a comma or stop stands before it."""

    word: str
    start: int
    end: int
    stop: bool


def tokens(low: str) -> list[WordAt]:
    """The words of `low` (folded), numbers as digits; "one" only where it is no pronoun."""
    found: list[WordAt] = []
    end = 0
    for hit in w.WORD.finditer(low):
        word, start = hit.group(), hit.start()
        stop = bool(found) and bool(STOP.search(low, end, start + 1))
        end = hit.end()
        pronoun = word == "one" and (
            _ONE_BEFORE.search(low, max(0, start - 12), start) or _ONE_AFTER.match(low, end)
        )
        found.append(WordAt(word if pronoun else w.number(word), start, end, stop))
    return found


@dataclass(frozen=True)
class Option:
    """One option as words.

    Attributes:
        words: folded words without articles, numbers as digits.
        stems: the same without a plural s.
        open_gaps: places before which the option itself has a comma or stop.
        tail: signs after its last word.
    """

    words: tuple[str, ...]
    stems: tuple[str, ...]
    open_gaps: frozenset[int]
    tail: str


@dataclass(frozen=True)
class Options:
    """The options shown.

    Attributes:
        texts: as shown.
        letters: whether the prompt showed letters.
    """

    texts: tuple[str, ...]
    letters: bool

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """The texts in `words.plain`, without space around them."""
        return tuple(w.plain(text).strip() for text in self.texts)

    @cached_property
    def _labelled(self) -> tuple[tuple[str, str], ...]:
        """(own label, text without it) of every option; empty unless they run A, B, C or 1, 2."""
        found = [_LABEL.fullmatch(text) for text in self.plain]
        pairs = [(hit.group(1).upper(), hit.group(2).strip()) for hit in found if hit]
        names = {name for name, _ in pairs}
        size = len(self.texts)
        runs = [{letter(i) for i in range(size)}, {str(i + 1) for i in range(size)}]
        return tuple(pairs) if len(pairs) == size and names in runs else ()

    def own_label(self, position: int) -> str:
        """The label that the option carries itself, in lower case; empty without one."""
        return self._labelled[position][0].lower() if self._labelled else ""

    @cached_property
    def bodies(self) -> tuple[str, ...]:
        """The texts without labels of their own."""
        return tuple(body for _, body in self._labelled) or self.plain

    @cached_property
    def forms(self) -> tuple[Option, ...]:
        """The words of every body."""
        return tuple(_option(body, self.articles) for body in self.bodies)

    @cached_property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """`words.key` of every body."""
        return tuple(self._key(body) for body in self.bodies)

    @cached_property
    def articles(self) -> frozenset[str]:
        """Words that count for nothing; beside "C major" or "speaker B", "A" counts."""
        longer = [text for text in self.bodies if len(text) > 2]
        lone = [set(re.findall(r"(?<![\w'])([A-H])[b#]?(?![\w'])", text)) for text in longer]
        letters: set[str] = set().union(*lone)
        counts = "A" in letters and (len(letters) > 1 or any(map(_KEYED.search, longer)))
        return w.ARTICLES - {"a"} if counts else w.ARTICLES

    def _key(self, text: str) -> tuple[str, ...]:
        if self.articles == w.ARTICLES:
            return w.key(text)
        return tuple(w.number(word) for word in w.words(text) if word not in self.articles)

    def first(self, position: int) -> int:
        """The first position with the same text as `position`."""
        return self.plain.index(self.plain[position])

    def letter(self, name: str) -> int | None:
        """The position called `name` (any case): as text, else by `label`."""
        as_text = [i for i, text in enumerate(self.plain) if text.casefold() == name.casefold()]
        exact = [i for i in as_text if self.plain[i] == name]
        if self.letters and (exact or (as_text and name.islower())):
            return (exact or as_text)[0]
        return self.label(name)

    def label(self, name: str) -> int | None:
        """The position that `name` labels: as the option's own label, or as shown letter.

        None where label and shown letter name different options.
        """
        own = [label for label, _ in self._labelled]
        found = {own.index(name.upper())} if name.upper() in own else set()
        if self.letters:
            names = [letter(i) for i in range(len(self.texts))]
            found |= {names.index(name.upper())} if name.upper() in names else set()
        return min(found) if len(found) == 1 else None

    def same(self, text: str) -> int | None:
        """The only position whose text equals `text`: as written, else in case, else in words."""
        written = w.plain(text).strip()
        if not written:
            return None
        label = self.letter(written) if self._labelled and len(written) < 3 else None
        if label is not None:
            return label
        shown_letter = self.letters and written.isupper() and self.label(written) is not None
        for level in range(len(self._levels)):
            if level in (1, 2) and shown_letter:
                continue  # "A" is the letter, not the option "a"
            if self.letters and level == 3 and _LONE.fullmatch(written):
                return None  # "(C)"
            if level == 3 and "a" in self.articles and _NO_ARTICLE.search(written):
                return None  # "A. cat", "cat (A)": a letter
            own = self._levels[level](written)
            if not own:
                continue
            hits = {self.first(i) for i, names in enumerate(self._names) if own in names[level]}
            if hits:
                return min(hits) if len(hits) == 1 else None
        return None

    @cached_property
    def _levels(self) -> tuple[Callable[[str], object], ...]:
        return (str, str.casefold, _squashed, self._key, lambda text: _loose(self._key(text)))

    @cached_property
    def _names(self) -> list[list[set[object]]]:
        return [
            [{as_level(text), as_level(body)} for as_level in self._levels]
            for text, body in zip(self.plain, self.bodies, strict=True)
        ]

    def stated(self, text: str) -> int | None:
        """`same`, with stops, quotes and brackets around `text` aside."""
        found = self.same(text)
        return self.same(text.strip(_EDGES)) if found is None else found


def _squashed(text: str) -> str:
    return re.sub(r"\s", "", w.spell(text))


def _loose(found: tuple[str, ...]) -> tuple[str, ...]:
    """Words without what may be left out: an article of another language, "percent"."""
    if len(found) > 1 and found[0] in _DETERMINERS:
        found = found[1:]
    return found[:-1] if len(found) > 1 and found[-1] == "percent" else found


def _option(body: str, articles: frozenset[str]) -> Option:
    spelled = w.fold(body)
    found = tokens(spelled)
    content = [one for one in found if one.word not in articles] or found
    gaps = {
        place
        for place in range(1, len(content))
        if STOP.search(spelled, content[place - 1].end, content[place].start + 1)
    }
    names = tuple(one.word for one in content)
    tail = spelled[content[-1].end :].strip() if content else ""
    return Option(names, tuple(w.stem(word) for word in names), frozenset(gaps), tail)


@lru_cache(maxsize=1024)
def _prepared(texts: tuple[str, ...], letters: bool) -> Options:
    return Options(texts, letters)


def shown_options(prompt: Prompt) -> Options:
    """The options that `prompt` showed."""
    return _prepared(tuple(prompt.choices), prompt.style.letters)
