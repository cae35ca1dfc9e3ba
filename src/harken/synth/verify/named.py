"""Which sources options and questions name, and the fault of an option that is not as it should."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harken.ask import words as w
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon, NameMention
from harken.synth.verify.reading import read_text
from harken.synth.verify.spoken import holds, said_words


def names_source(text: str, source: SourceFacts, lexicon: Lexicon) -> bool:
    """Whether an option names a source: as a sound, or as what is said."""
    quoted = re.findall(r'"([^"]+)"', w.fold(text))
    if source.kind == "speech":
        said = [w.words(one.rstrip("… ")) for one in quoted or [text]]
        return any(holds(said_words(source), one) for one in said)
    found = lexicon.mentions(w.fold(text))
    return bool(found) and all(one.fits(source) for one in found)


def sources_of(text: str, facts: Sequence[ClipFacts], lexicon: Lexicon) -> list[SourceFacts]:
    """The sources that an option names."""
    return [s for f in facts for s in f.sources if names_source(text, s, lexicon)]


def asked_about(item: Item, lexicon: Lexicon) -> NameMention | None:
    """What the question names; None if that is not found in the wording."""
    speech = all(facts.is_speech for facts in item.facts)
    read = read_text(item.question, lexicon, None if speech else ())
    return next((one for one in read.mentions if not one.is_speech), None)


def wrong(choice: str, true: bool, what: str) -> TextFault:
    """The fault of an option that is true and not the answer, or the answer and not true."""
    if true:
        return TextFault("options", f"{choice!r} is {what} too, and is not the answer")
    return TextFault("options", f"the answer {choice!r} is not {what}")
