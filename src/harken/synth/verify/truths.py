"""Whether an item's answer is true of its facts, and every other option false.

For the kinds of question that `harken.synth` makes, known by their task. What they ask about is
read from the wording and the options, not from the item's plan. Of other tasks with one clip and
options that name sounds, one option has to be there and the others not; of families about staged
scenes that settles nothing, since their wrong options are in the scene too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harken.ask import words as w
from harken.facts import ClipFacts
from harken.item import Item
from harken.synth.make import FAMILIES
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.named import asked_about, names_source, sources_of, wrong
from harken.synth.verify.reading import COUNTS, read_text
from harken.synth.verify.scene_truths import RULES
from harken.synth.verify.spoken import said_words

_YES_NO: dict[tuple[str, ...], bool] = {("yes",): True, ("no",): False}
_SAME = {"same-sound": "label", "same-word": "said", "same-speaker": "speaker"}


def truth_faults(item: Item, lexicon: Lexicon) -> list[TextFault]:
    """What of an item's answer and options is not as the facts say; [] where nothing is found.

    Items without facts, and kinds of question without a rule (`checked`), have no faults.
    """
    rule = _rule(item, lexicon)
    return [] if rule is None else list(dict.fromkeys(rule(item, lexicon)))


def checked(item: Item, lexicon: Lexicon) -> bool:
    """Whether there is a rule for the item, and facts to apply it to."""
    return _rule(item, lexicon) is not None


Rule = Callable[[Item, Lexicon], Iterator[TextFault]]


def _rule(item: Item, lexicon: Lexicon) -> Rule | None:
    if not item.facts or not all(facts.sources for facts in item.facts):
        return None
    if item.task in _RULES and (item.choices or item.task in ("order", "name", "transcribe")):
        return _RULES[item.task]
    if item.task in FAMILIES and FAMILIES.get(item.task).made_with != "recordings":
        return None
    named = [lexicon.mentions(w.fold(choice)) for choice in item.choices]
    if len(item.facts) == 1 and item.choices and all(len(found) == 1 for found in named):
        return _identify
    return None


def _identify(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """One clip: the answer is in it, and no other option is."""
    for choice in item.choices:
        there = _is_there(choice, item.facts, lexicon)
        if there != (choice == item.answer):
            yield wrong(choice, there, "in the clip")


def _presence(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """yes: what the question names is there."""
    asked = [m for m in lexicon.mentions(w.fold(item.question)) if not m.is_speech]
    yes = _YES_NO.get(w.key(item.answer))
    if not asked or yes is None:
        return
    # A denial in the wording ("Is there no dog?") is a fault of the wording, not of the answer.
    there = all(any(one.fits(s) for f in item.facts for s in f.sources) for one in asked)
    if there != yes:
        yield TextFault("options", f"the answer is {item.answer!r}, and that is false")


def _which_clip(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """What the question names is in the clip of the answer, and in no other."""
    found = _asked(item, lexicon)
    if found is None:
        return
    for choice in item.choices:
        place = _clip_of(choice, len(item.facts))
        if place is None:
            return
        there = found(item.facts[place])
        if there != (choice == item.answer):
            yield wrong(choice, there, "where it is heard")


def _count(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """The answer is the number of clips with what the question names."""
    found = _asked(item, lexicon)
    if found is None:
        return
    number = sum(found(facts) for facts in item.facts)
    for choice in item.choices:
        key = w.key(choice)
        value = COUNTS.get(key[0], key[0]) if key else ""
        right = str(value) == str(number)
        if right != (choice == item.answer):
            yield wrong(choice, right, "the number")


def _first(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """The answer begins before every other option, and all are there."""
    onsets: dict[str, float] = {}
    for choice in item.choices:
        times = [s.onset_s for s in sources_of(choice, item.facts, lexicon)]
        known = [time for time in times if time is not None]
        if not known:
            yield TextFault("options", f"{choice!r} is not in the clip, or not known when")
            return
        onsets[choice] = min(known)
    for choice in item.choices:
        earliest = onsets[choice] == min(onsets.values())
        if earliest != (choice == item.answer):
            yield wrong(choice, earliest, "first")


def _same(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """yes: label, words or speaker of all clips are the same."""
    yes = _YES_NO.get(w.key(item.answer))
    names = [_one_name(facts, _SAME[item.task]) for facts in item.facts]
    if yes is None or None in names or len(names) < 2:
        return
    if (len({*names}) == 1) != yes:
        yield TextFault("options", f"the answer is {item.answer!r}, and that is false")


def _order(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """The answer lists all that is heard, in order."""
    front = [source for facts in item.facts for source in facts.front]
    names = [part.strip() for part in item.answer.split(",")]
    if not all(map(str.strip, names)):
        return
    if len(names) != len(front) or not all(
        names_source(name, source, lexicon) for name, source in zip(names, front, strict=False)
    ):
        yield TextFault("options", f"{item.answer!r} is not the order")


def _name(item: Item, lexicon: Lexicon) -> Iterator[TextFault]:
    """The answer is what is heard."""
    if not _is_there(item.answer, item.facts, lexicon):
        yield TextFault("options", f"{item.answer!r} is not in the clip")


_RULES: dict[str, Rule] = {
    "identify": _identify,
    "word": _identify,
    "presence": _presence,
    "which-clip": _which_clip,
    "count": _count,
    "first": _first,
    "order": _order,
    "name": _name,
    "transcribe": _name,
    **dict.fromkeys(_SAME, _same),
    **RULES,
}


def _asked(item: Item, lexicon: Lexicon) -> Callable[[ClipFacts], bool] | None:
    """Whether a clip has what the question asks about; None if that is not found in the wording."""
    asked = asked_about(item, lexicon)
    if asked is None:
        return None
    return lambda facts: any(asked.fits(source) for source in facts.sources)


def _is_there(text: str, facts: Sequence[ClipFacts], lexicon: Lexicon) -> bool:
    return bool(sources_of(text, facts, lexicon))


def _one_name(facts: ClipFacts, what: str) -> str | None:
    if len(facts.front) != 1:
        return None
    (source,) = facts.front
    if what == "said":
        return " ".join(said_words(source)) or None
    return source.speaker if what == "speaker" else source.label


def _clip_of(choice: str, clips: int) -> int | None:
    """Position of the clip that an option names: "clip 2", "the second recording"."""
    read = read_text(choice, _NO_NAMES)
    numbers = [number for _, number in read.clips] or [one.value for one in read.numbers]
    if len(numbers) != 1 or not 1 <= numbers[0] <= clips:
        return None
    return numbers[0] - 1


_NO_NAMES = Lexicon()
