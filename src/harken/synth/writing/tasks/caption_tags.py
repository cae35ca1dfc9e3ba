"""caption-tags: a caption of one sentence from weak tags: labels, file name, description.

After WavCaps (arXiv 2303.17395), where a language model turns what publishers write about their
sounds into captions, and three filters drop the rest: what describes no sound (``nothing``), names,
places, devices, dates and numbers that are left in (``particular``), and captions that are too
short (``short``). Here a caption is compared with what is known besides: it names at least one of
the labels, and no sound that neither they nor the description name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from harken.ask import words as w
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.verify.described import description_faults
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon, NameMention
from harken.synth.verify.reading import read_text
from harken.synth.writing.base import Fields, WritingTask
from harken.synth.writing.phrasing import joined, one_of, sentence, source_phrase
from harken.synth.writing.recorded import QUESTION, described
from harken.synth.writing.tasks.captions import FIELD, captioned, clip_key

LEAST_WORDS = 3
LONGEST = 240
"""Least words and most characters of a caption."""

MOST_NAMED = 4
"""Most sounds that the grammar names."""

_FORMS = (
    "{x} can be heard",
    "one can hear {x}",
    "a recording of {x}",
    "in the recording, {x} can be heard",
    "{x} can be heard in the recording",
)

_DEVICES = re.compile(
    r"\b(?:zoom|tascam|olympus|sony|rode|sennheiser|shure|neumann|iphones?|android|audacity"
    r"|ableton|freesound|youtube|microphones?|mics?|hydrophones?|preamps?"
    r"|recorded (?:with|on|at|in|by|using)"
    r"|wav|mp3|flac|aiff?|ogg|khz|hz|bpm|kbps|bit|stereo|mono|https?|www)\b",
    re.I,
)
_NAME = re.compile(r"(?<=[\w,;:] )(?!I\b)[A-Z][\w'-]*")
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_SENTENCES = re.compile(r"[.!?]+(?:\s|$)")


def takes(item: Item) -> str:
    """Why there is no caption: several clips, speech, or no sound that is named."""
    if len(item.clips) != 1:
        return "captions are of one clip"
    if any(source.kind == "speech" for facts in item.facts for source in facts.sources):
        return "what is said is no sound to describe"
    return "" if weak_facts(item).front else "no sound is described"


def weak_facts(item: Item) -> ClipFacts:
    """What may be in the clip: its labels, and the sounds that its description names."""
    known = item.facts[0] if item.facts else ClipFacts()
    sources = [source for source in known.sources if source.label is not None]
    text = w.fold(described(item))
    for one in _concepts().mentions(text):
        if one.concepts and not one.denied and not any(one.fits(source) for source in sources):
            sources.append(_source(one, text))
    untimed = (SourceFacts(one.kind, one.label) for one in sources)
    return ClipFacts(tuple(untimed), known.duration_s)


@lru_cache(maxsize=1)
def _concepts() -> Lexicon:
    return Lexicon()


def _source(mention: NameMention, text: str) -> SourceFacts:
    """The source that a description names."""
    if mention.is_speech:
        return SourceFacts("speech")
    name = text[mention.start : mention.end]
    return SourceFacts("music" if "(music)" in mention.concepts else "sound", name)


def material(item: Item) -> Mapping[str, str]:
    """Labels and description."""
    labels = [one.label for facts in item.facts for one in facts.sources if one.label]
    return {"labels": ", ".join(dict.fromkeys(labels)) or "none",
            "described": described(item) or "none"}  # fmt: skip


def write(item: Item, rng: np.random.Generator) -> Fields:
    """A sentence that names what labels and description name."""
    named = []
    for one in weak_facts(item).front[:MOST_NAMED]:
        named.append("music" if one.label == "music" else source_phrase(one, rng))
    return {FIELD: sentence(one_of(rng, _FORMS).format(x=joined(list(dict.fromkeys(named)))))}


def check(item: Item, fields: Fields, lexicon: Lexicon) -> list[TextFault]:
    """One sentence of sounds that are named, without particulars, and with a label."""
    text = fields[FIELD].strip()
    if not _WORD.search(text) or text.lower().strip(" .") in ("none", "failure", "n/a", "unknown"):
        return [TextFault("nothing", "no sound is described")]
    faults = _form_faults(text) + particulars(text, item)
    facts = weak_facts(item)
    faults += description_faults(text, [facts], lexicon)
    labelled = [one for one in (item.facts[0].front if item.facts else ()) if one.label]
    said = [one for one in read_text(text, lexicon).mentions if not one.denied]
    if not any(one.fits(source) for one in said for source in labelled or facts.front):
        faults.append(TextFault("missing", "none of the labels is named"))
    return list(dict.fromkeys(faults))


def _form_faults(text: str) -> list[TextFault]:
    faults = []
    if len(_WORD.findall(text)) < LEAST_WORDS:
        faults.append(TextFault("short", f"under {LEAST_WORDS} words"))
    if len(text) > LONGEST:
        faults.append(TextFault("form", f"{len(text)} characters are too long"))
    if "?" in text:
        faults.append(TextFault("form", "a caption asks nothing"))
    if len([one for one in _SENTENCES.split(text) if one.strip()]) > 1:
        faults.append(TextFault("form", "more than one sentence"))
    return faults


def particulars(text: str, item: Item) -> list[TextFault]:
    """What a caption says of this one recording, beyond its sounds; labels are no particulars."""
    bare = text
    for label in sorted({s.label for f in item.facts for s in f.sources if s.label}, key=len)[::-1]:
        bare = re.sub(re.escape(label), " ", bare, flags=re.I)
    found = [hit.group() for hit in re.finditer(r"\d[\w:.-]*", bare)]
    found += [hit.group() for hit in _DEVICES.finditer(bare)]
    found += [hit.group() for hit in _NAME.finditer(bare)]
    names = names_in(described(item))
    found += [word for word in _WORD.findall(bare) if word.lower().removesuffix("'s") in names]
    return [TextFault("particular", f"{one!r} is left in") for one in dict.fromkeys(found)]


def names_in(text: str) -> frozenset[str]:
    """Names in a description: capitals within a sentence that is not written in capitals."""
    found = set()
    for part in _SENTENCES.split(text):
        tokens = _WORD.findall(part)
        capital = [word for word in tokens[1:] if word[0].isupper()]
        if 2 * len(capital) <= len(tokens):
            found |= {word.lower().removesuffix("'s") for word in capital if len(word) > 1}
    return frozenset(word for word in found if not _concepts().mentions(word))


def apply(item: Item, fields: Fields) -> Item:
    """The item that asks for the caption."""
    return captioned(item, fields, TASK.name, QUESTION)


TASK = WritingTask(
    name="caption-tags",
    about="a caption of one sentence from labels, file name and description (after WavCaps)",
    template="caption_tags",
    texts=(FIELD,),
    takes=takes,
    key=clip_key,
    material=material,
    grammar=write,
    check=check,
    apply=apply,
)
