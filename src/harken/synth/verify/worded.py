"""Whether a question that was reworded asks for the same, and does not give the answer away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from harken.ask import words as w
from harken.ask.words import listed
from harken.item import Item
from harken.synth.tables import COMMON
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon, NameMention
from harken.synth.verify.reading import ReadText, read_text
from harken.synth.verify.spoken import holds

LONGEST = 400
"""Most characters of a question."""

_TURNS = {
    "the last": r"last|later|latest|after|ends?|ending|final(?:ly)?|follows|following|followed",
    "the first": r"first|earlier|earliest|before|begins?|beginning|starts?|opens?",
    "a difference": r"differ(?:s|ent|ence|ently)?|distinct|unlike|other than",
    "a denial": r"not|no|never|without|absent|missing|lacks?|neither|nor|none|except|fails?",
    "the same": r"same|identical|alike|equal|match(?:es|ing)?|twice|the one|one (?:and the same"
    r"|person|voice|name|kind|word|speaker)",
    "a number": r"how many|count|number of|how often|how much",
    "all": r"each|every|all",
}
"""What a question can turn on -> the words for it; a rewording has the turns of the original."""

_MAY_CHANGE = ("all",)
_LEADS = re.compile(
    r"\b(?:given that|since|because|knowing|as you can (?:hear|tell)|clearly|obviously|of course"
    r"|considering that|hint|spoiler|the (?:right|correct) (?:answer|one|option)|the answer is"
    r"|it is|this is|that is|which is)\b"
)
_LISTED = re.compile(
    r"(?:^|\n|\s)(?:[A-H][.)]|\(?[a-h]\))\s|\boptions?\s*:|\bchoices?\s*:|\banswer\s*:"
)
_WH = re.compile(r"\W*(?:which|what|who|whose|where|when|how|why)\b")


def wording_faults(before: Item, question: str, lexicon: Lexicon) -> list[TextFault]:
    """What is wrong with `question` as another wording of that of `before`."""
    if not question.strip():
        return [TextFault("form", "there is no question")]
    faults = [*_form(before, question)]
    old, new = read_text(before.question, lexicon), read_text(question, lexicon)
    faults += leak_faults(before, question, lexicon)
    faults += _turns(before, old, new)
    faults += _named(old, new)
    faults += _numbers(before, old, new)
    return list(dict.fromkeys(faults))


def option_faults(before: Item, options: Sequence[str], lexicon: Lexicon) -> list[TextFault]:
    """What is wrong with `options` as other wordings of the choices of `before`, in their order."""
    if len(options) != len(before.choices):
        return [TextFault("form", f"{len(options)} options for {len(before.choices)}")]
    faults = []
    if len({w.key(one) for one in options}) < len(options):
        faults.append(TextFault("form", "two options are the same"))
    for old, new in zip(before.choices, options, strict=True):
        if not _same_option(old, new, lexicon):
            faults.append(TextFault("options", f"{new!r} is not {old!r} in other words"))
    return faults


def leak_faults(before: Item, question: str, lexicon: Lexicon) -> list[TextFault]:
    """Where the wording has the answer, or a clause that tells it, which the original has not."""
    old, new = read_text(before.question, lexicon), read_text(question, lexicon)
    faults = []
    lead = _LEADS.search(new.low)
    if lead and lead.group() not in old.low:
        faults.append(TextFault("leak", f"it tells something: {lead.group()!r}"))
    answers = lexicon.mentions(w.fold(before.answer))
    for one in new.mentions:
        known = any(one.means(other) for other in old.mentions)
        if not known and any(one.means(answer) for answer in answers):
            faults.append(
                TextFault("leak", f"it names the answer: {new.low[one.start : one.end]!r}")
            )
    own, earlier = w.words(question), w.words(before.question)
    implied = bool(read_text(before.answer, Lexicon()).clips)
    told = [word for word in w.words(before.answer) if len(word) > 3 and word not in COMMON]
    if (
        told
        and not implied
        and not answers
        and all(word in own and word not in earlier for word in told)
    ):
        faults.append(TextFault("leak", f"it has the answer: {before.answer!r}"))
    short = w.words(before.answer)
    quoted = any(holds(quote.words, short) for quote in new.quotes)
    if quoted and not any(holds(quote.words, short) for quote in old.quotes):
        faults.append(TextFault("leak", f"it quotes the answer: {before.answer!r}"))
    return list(dict.fromkeys(faults))


def _form(before: Item, question: str) -> Iterator[TextFault]:
    if len(question) > LONGEST:
        yield TextFault("form", f"{len(question)} characters, more than {LONGEST}")
    if "\n" in question.strip() or _LISTED.search(question):
        yield TextFault("form", "more than a question: it lists options or has several lines")
    yes_no = [w.key(choice) for choice in before.choices] in (
        [("yes",), ("no",)],
        [("no",), ("yes",)],
    )
    if yes_no and _WH.match(question.lower()):
        yield TextFault("meaning", "it is to be answered by yes or no")
    asks = "?" in question or _imperative(question) or bool(_WH.match(question.lower()))
    if not asks:
        yield TextFault("form", "it asks nothing")


def _imperative(question: str) -> bool:
    words = w.words(question)
    verbs = {*listed(
    "name list write say tell choose pick find give count identify listen describe "
    "put select state transcribe decide compare go determine report"
)}  # fmt: skip
    return any(word in verbs for word in words)


def _turns(before: Item, old: ReadText, new: ReadText) -> Iterator[TextFault]:
    for name, pattern in _TURNS.items():
        had = bool(re.search(rf"\b(?:{pattern})\b", _blank(old)))
        has = bool(re.search(rf"\b(?:{pattern})\b", _blank(new)))
        if had == has or name in _MAY_CHANGE:
            continue
        if name in ("the first", "the last", "a denial", "a difference", "the same", "a number"):
            verb = "lacks" if had else "has"
            yield TextFault("meaning", f"it {verb} {name}, unlike the original")
    commas = "comma" in old.low
    if commas and "comma" not in new.low:
        yield TextFault("missing", "it does not say that commas separate the names")


def _blank(read: ReadText) -> str:
    """The text without the names in it, whose words turn nothing."""
    text = read.bare
    for one in read.mentions:
        text = text[: one.start] + "·" * (one.end - one.start) + text[one.end :]
    return text


def _named(old: ReadText, new: ReadText) -> Iterator[TextFault]:
    for one in old.mentions:
        if not (one.is_speech or one.said) and not any(one.means(other) for other in new.mentions):
            yield TextFault("missing", f"{old.low[one.start : one.end]!r} is not mentioned")
    for one in new.mentions:
        if one.is_speech or one.said:
            continue
        if not any(one.means(other) for other in old.mentions):
            yield TextFault("label", f"{new.low[one.start : one.end]!r} is not in the original")
        elif one.denied and not any(_denies(one, other) for other in old.mentions):
            yield TextFault("meaning", f"it denies {new.low[one.start : one.end]!r}")
    for quote in old.quotes:
        if not any(holds(other.words, quote.words) for other in new.quotes) and not holds(
            w.WORD.findall(new.low), quote.words
        ):
            yield TextFault("missing", f"the quotation {' '.join(quote.words)!r} is not there")
    for quote in new.quotes:
        if not holds(w.WORD.findall(old.low), quote.words):
            yield TextFault(
                "label", f"the quotation {' '.join(quote.words)!r} is not in the original"
            )


def _denies(one: NameMention, other: NameMention) -> bool:
    return other.denied and one.means(other)


def _numbers(before: Item, old: ReadText, new: ReadText) -> Iterator[TextFault]:
    """Numbers and clip numbers of the new wording are those of the original, or of the clips."""
    allowed = Counter(one.value for one in old.numbers)
    for number in new.numbers:
        if number.value in allowed:
            continue
        if number.value in (1, len(before.clips), len(before.choices)):
            continue  # "one of them", "the two clips", "the four names"
        yield TextFault("count", f"the number {number.value} is not in the original")
    named, added = _clips_named(old, before), _clips_named(new, before)
    if named != added:
        gold = _clips_named(read_text(before.answer, Lexicon()), before)
        kind = "leak" if gold & added and not gold & named else "meaning"
        yield TextFault(kind, "the clips that it names are not those of the original")


def _clips_named(read: ReadText, item: Item) -> frozenset[int]:
    """The numbers of the clips that a text names; to name all is to name none."""
    found = frozenset(number if number > 0 else len(item.clips) for _, number in read.clips)
    return frozenset() if len(found) == len(item.clips) > 1 else found


def _same_option(old: str, new: str, lexicon: Lexicon) -> bool:
    if w.key(old) == w.key(new):
        return True
    if not new.strip():
        return False
    names, others = lexicon.mentions(w.fold(old)), lexicon.mentions(w.fold(new))
    if names:
        return (
            bool(others)
            and not any(one.denied for one in others)
            and all(any(one.means(other) for other in names) for one in others)
            and all(any(one.means(other) for one in others) for other in names)
        )
    key = w.key(old)
    if key in (("yes",), ("no",)) or all(word.isdecimal() for word in key):
        return False
    return holds(w.key(new), key) and not others
