"""Which options a text mentions, by text, letter or place, and which of them it denies.

A word belongs to the longest option that covers it ("dog bark" is no mention of "dog"); plurals are
ignored as long as the options stay distinct; commas and stops end a mention unless the option has
them itself. A lone capital counts as a letter where the words around it show that it names one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harken.ask import words as w
from harken.ask.cues import ARTICLE_LETTERS, FILLERS, JOINERS, REASONS, points_at_letter
from harken.ask.negation import denied_after, denied_before, masked, without_idioms
from harken.ask.options import STOP, Options, WordAt
from harken.ask.options import tokens as tokens_of
from harken.ask.ordinals import ordinals

_END = re.compile(r"[,;.!\n。、؛،।](?!\d)|…")
_JOINED = re.compile(
    r"[)\]\"']?\s*(?:[,、/]\s*)?(?P<word>or|nor|and|oder|noch|und|ou|ni|et|o|y|e|of|en|или|ни|и|&|和|或|或者|や|か|と)?\s*"
    r"(?:(?:a|an|the|ein|eine|einen|der|die|das|un|une|una|el|la|le)\s+)?[(\[\"']?"
)
_WRONG = re.compile(
    r"\b(?:incorrect|wrong|false|excluded|eliminated|rejected|not|falsch|错误|排除)\s?$"
)
_NOUN = re.compile(r"\b(?:option|choice|letter|answer|alternative)\W{1,2}$")
_MOST = 400  # mentions judged, from the end: a reply with more is a loop


@dataclass(frozen=True, slots=True)
class Mention:
    """An option named at ``text[start:end]``.

    Attributes:
        option: shown position.
        lettered: by letter or place, not by its text.
        denied: the words around it deny it.
    """

    option: int
    start: int
    end: int
    lettered: bool
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a text says of the options; the last word on an option counts.

    Attributes:
        letters: options affirmed by letter or place.
        texts: options affirmed by text.
        denied: options denied and not affirmed after that.
        mentions: all mentions in order.
    """

    letters: frozenset[int]
    texts: frozenset[int]
    denied: frozenset[int]
    mentions: tuple[Mention, ...]

    @property
    def conflict(self) -> bool:
        """A letter and a text are affirmed, and of different options."""
        return bool(self.letters) and bool(self.texts) and not self.letters & self.texts

    def single(self) -> tuple[int | None, str]:
        """The only option affirmed, and the rule; else None and why."""
        if len(self.letters) > 1:
            return None, "several-letters"
        if self.conflict:
            return None, "letter-text-conflict"
        if self.letters:
            (one,) = self.letters
            return one, "letter-lenient"
        if len(self.texts) == 1:
            (one,) = self.texts
            return one, "text-mention"
        if self.texts:
            return None, "several-options"
        return None, "only-negated" if self.denied else "no-option"


def mentions(spelled: str, options: Options) -> Mentions:
    """All mentions in `spelled` (of `words.spell`)."""
    low = without_idioms(w.level(spelled))
    tokens = tokens_of(low)
    texts = _texts(tokens, spelled, options)
    taken = [(one.start, one.end) for one in texts]
    letters = _letters(tokens, spelled, low, options, taken)
    places = [
        Mention(place, start, end, True)
        for start, end, place in ordinals(low, len(options.texts))
        if not any(a < end and start < b and b - a > end - start for a, b in taken)
    ]
    found = sorted([*texts, *letters, *places], key=lambda one: (one.start, one.end))[-_MOST:]
    judged = _lists(*_judged(found, low), spelled)
    last: dict[int, Mention] = {}
    for one in judged:
        last[one.option] = one
    denied = frozenset(option for option, one in last.items() if one.denied)
    affirmed = [one for one in judged if not one.denied and one.option not in denied]
    return Mentions(
        frozenset(one.option for one in affirmed if one.lettered),
        frozenset(one.option for one in affirmed if not one.lettered),
        denied,
        tuple(judged),
    )


def _texts(tokens: list[WordAt], spelled: str, options: Options) -> list[Mention]:
    """Options mentioned by their text, from left to right, the longest at each place."""
    forms = options.forms
    plural = len({form.stems for form in forms}) < len({form.words for form in forms})
    names = [form.words if plural else form.stems for form in forms]
    starts: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        starts.setdefault(name[0] if name else "", []).append(i)
    words = [one.word if plural else w.stem(one.word) for one in tokens]
    found: list[Mention] = []
    at = 0
    while at < len(tokens):
        word = words[at]
        ends: dict[int, int] = {}
        if word in options.articles:
            at += 1
            continue
        for i in starts.get(word, ()):
            end = _match(tokens, words, at, names[i], forms[i].open_gaps, options.articles)
            if end is not None:
                ends[i] = end
        if not ends:
            at += 1
            continue
        most = max(len(names[i]) for i in ends)
        hits = [i for i in ends if len(names[i]) == most]
        last = ends[hits[0]]
        tail = forms[hits[0]].tail
        close = tokens[last].end
        if tail and spelled[close : close + len(tail)] == tail and close + len(tail) < len(spelled):
            close += len(tail)  # "Cooking dinner." as a part of a sentence
        span = _labelled_start(tokens[at].start, spelled, options.own_label(hits[0])), close
        alone = last + 1 == len(tokens) or tokens[last + 1].stop
        if names[hits[0]] not in (("no",), ("yes",)) or alone:  # elsewhere an ordinary word
            for i in _as_written(hits, span, spelled, options):
                found.append(Mention(i, *span, False))
        at = last + 1
    return found


def _labelled_start(start: int, spelled: str, label: str) -> int:
    """Where the option begins whose words begin at `start`: at its own label, if that is there."""
    if label and (hit := re.search(r"(\w{1,2})[.):\]]\s?$", spelled[max(0, start - 5) : start])):
        return start - len(hit.group()) if hit.group(1).lower() == label else start
    return start


def _match(
    tokens: list[WordAt],
    words: list[str],
    at: int,
    name: tuple[str, ...],
    gaps: frozenset[int],
    articles: frozenset[str],
) -> int | None:
    """The place of the last token of `name`, which begins at `at`; None if it is not there."""
    place = at
    for k in range(1, len(name)):
        place += 1
        stop = place < len(tokens) and tokens[place].stop
        while place < len(tokens) and words[place] in articles and words[place] != name[k]:
            place += 1
            stop = stop or (place < len(tokens) and tokens[place].stop)
        if place >= len(tokens) or (stop and k not in gaps):
            return None
        if words[place] != name[k]:
            return None
    return place


def _as_written(
    hits: list[int], span: tuple[int, int], spelled: str, options: Options
) -> Iterable[int]:
    """Of options with the same words, the one that is written so; else all."""
    hits = sorted({options.first(i) for i in hits})
    if len(hits) == 1:
        return hits
    around = "".join(spelled[max(0, span[0] - 4) : span[1] + 4].split())
    shown = {i: "".join(w.spell(options.bodies[i]).split()) for i in hits}
    exact = [i for i in hits if shown[i] in around]
    longest = max((len(shown[i]) for i in exact), default=0)
    best = [i for i in exact if len(shown[i]) == longest]
    return best if len(best) == 1 else hits


def _letters(
    tokens: list[WordAt], spelled: str, low: str, options: Options, taken: list[tuple[int, int]]
) -> list[Mention]:
    """Letters that name an option; those within a mentioned text are part of it."""
    covered, edges = iter(sorted(taken)), {edge for span in taken for edge in span}
    span = next(covered, None)
    clause = 0
    found: list[Mention] = []
    lone = [at for at, one in enumerate(tokens) if one.end - one.start < 3 and one.word.isalpha()]
    first = lone[-_MOST] if len(lone) > _MOST else 0
    for at, token in enumerate(tokens):
        clause = at if token.stop else clause
        if at < first:
            continue
        while span and span[1] <= token.start:
            span = next(covered, None)
        size = token.end - token.start
        name = spelled[token.start : token.end]
        if size > 2 or not (name.isascii() and name.isalpha()):
            continue
        within = span is not None and span[0] <= token.start < span[1]
        longer = span is not None and span[1] - span[0] > size
        if within and (longer or not _NOUN.search(low[max(0, token.start - 20) : token.start])):
            continue  # a word of an option's text
        option = (options.label if within else options.letter)(name)
        if option is not None and _named(tokens, at, clause, (spelled, low), options, edges):
            found.append(Mention(option, token.start, token.end, True))
    return found


def _named(
    tokens: list[WordAt],
    at: int,
    clause: int,
    text: tuple[str, str],
    options: Options,
    edges: set[int],
) -> bool:
    """Whether the letter ``tokens[at]`` names an option there; `edges`: of mentioned texts."""
    token, (spelled, low) = tokens[at], text
    name, size = spelled[token.start : token.end], len(spelled)
    left, right = spelled[token.start - 1 : token.start], spelled[token.end : token.end + 2]
    if (left in ("'", "&", "#", "@", "_", ".") and left) or right[:1] in ("'", "&", "#", "_"):
        return False
    if right[:1] in (".", "-", "/") and right[1:].isalnum() and right[:1] != "/":
        return False
    if left == "-" and token.start > 1 and spelled[token.start - 2].isalnum():
        return False
    before, after = low[max(0, token.start - 60) : token.start], low[token.end : token.end + 60]
    bracket = (
        left in ("(", "[", "{", "【", "「", "『", "《", "<")
        and left
        and right[:1] in ")]}】」』》>"
    )
    if bracket and token.end < size:
        return not (token.start > 1 and spelled[token.start - 2].isalpha() and name.islower())
    follows = at + 1 < len(tokens) and not tokens[at + 1].stop
    next_word = tokens[at + 1].word if follows else ""
    if not name.isupper():
        return bool(_NOUN.search(before)) and not (next_word and name == "a")
    joined = (
        after.lstrip()[:1] in ("&", "/", "+")
        or next_word in REASONS
        or next_word in JOINERS
        or not next_word.isalpha()
    )
    mark = re.match(r"[.):\]]\s|\s(?:-|=|→|->)\s|[.):]$", spelled[token.end : token.end + 4])
    if name in ARTICLE_LETTERS and next_word and not joined and not mark:
        other = any(next_word == form.words[0] for form in options.forms if form.words)
        return bool(_NOUN.search(before)) and not other
    pointed = points_at_letter("", after)
    if (
        right[:1]
        and re.match(f"[{w.SIGNS}]", right)
        and not pointed
        and right[0] not in "吧呢了的啊哦嘛"
    ):
        return False  # "B型"
    if pointed or points_at_letter(before, ""):
        return True
    near = [tokens[place] for place in (at - 1, at - 2) if place >= 0], tokens[at + 1 : at + 3]
    for pair in near:
        joined_by = len(pair) == 2 and pair[0].word in ("or", "and", "nor")
        if joined_by and (pair[1].start in edges or pair[1].end in edges):
            return True  # "C or A"
        twin = spelled[pair[1].start : pair[1].end] if joined_by else ""
        if len(twin) == 1 and twin.isupper() and options.letter(twin) is not None:
            return True
    line = low.rfind("\n", 0, token.start) + 1
    if not low[line : token.start].strip(" \t([\"'-"):
        if mark or not follows:
            return True
        texts = [form.words[0] for form in options.forms if form.words]
        if next_word in REASONS or next_word in texts:
            return True
    return _all_fillers(tokens, clause, options)


def _all_fillers(tokens: list[WordAt], clause: int, options: Options) -> bool:
    """Whether the clause that begins at `clause` holds small words and letters only."""
    for at in range(clause, min(len(tokens), clause + 16)):
        if at > clause and tokens[at].stop:
            break
        word = tokens[at].word
        if word not in FILLERS and (len(word) > 2 or options.letter(word) is None):
            return False
    return True


def _judged(found: list[Mention], low: str) -> tuple[list[Mention], list[str]]:
    """`found` with what its clause denies, and on which side the denial stands."""
    judged: list[Mention] = []
    sides: list[str] = []
    for k, one in enumerate(found):
        start = max(0, one.start - 160)
        cut = start
        for stop in STOP.finditer(low, start, one.start):
            if stop.group() == ":" and _WRONG.search(low, max(0, stop.start() - 20), stop.start()):
                continue  # "incorrect: A"
            if not any(m.start <= stop.start() < m.end for m in found[max(0, k - 3) : k]):
                cut = stop.end()
        before = masked(low, cut, one.start, ((m.start, m.end) for m in found[max(0, k - 12) : k]))
        ahead = found[k + 1].start if k + 1 < len(found) else len(low)
        end = _END.search(low, one.end, min(ahead, one.end + 90))
        after = low[one.end : end.start() if end else min(ahead, one.end + 90)]
        bounded = end is None and k + 1 < len(found) and ahead <= one.end + 90
        side = ""
        if denied_before(before):
            side = "before"
        elif denied_after(after, bounded=bounded):
            side = "after"
        sides.append(side)
        judged.append(replace(one, denied=bool(side)))
    return judged, sides


def _lists(judged: list[Mention], sides: list[str], spelled: str) -> list[Mention]:
    """Denials reach over a list: "not A, B or C", "A and B are wrong"."""
    start = 0
    while start < len(judged):
        end, word = start, False
        while end + 1 < len(judged):
            gap = _JOINED.fullmatch(spelled, judged[end].end, judged[end + 1].start)
            if gap is None or judged[end + 1].start - judged[end].end > 30:
                break
            word = word or bool(gap.group("word"))
            end += 1
        if word and (sides[start] == "before" or sides[end] == "after"):
            judged[start : end + 1] = [replace(one, denied=True) for one in judged[start : end + 1]]
        start = end + 1
    return judged
