"""What the two captions share: which items, how the caption becomes an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harken.facts import ClipFacts
from harken.item import Item
from harken.synth.verify.described import TextRules, description_faults
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writing.base import Fields
from harken.synth.writing.phrasing import facts_text

FIELD = "caption"


def not_captioned(item: Item) -> str:
    """Why an item's clip is not captioned: several clips, or sources without a name."""
    if len(item.clips) != 1:
        return "captions are of one clip"
    if not item.facts or not item.facts[0].front:
        return "what is in the clip is not known"
    if any(one.name is None and one.kind != "speech" for one in item.facts[0].front):
        return "a source has no name"
    return ""


def clip_key(item: Item) -> str:
    """One caption a clip."""
    return item.clips[0].key


def caption_material(item: Item) -> Mapping[str, str]:
    """The facts as lines."""
    return {"facts": facts_text(item.facts)}


def caption_faults(
    fields: Fields, item: Item, lexicon: Lexicon, rules: TextRules
) -> list[TextFault]:
    """What is wrong with a caption."""
    text = fields[FIELD]
    faults = [] if text.strip() else [TextFault("form", "the caption is empty")]
    if text.count("?"):
        faults.append(TextFault("form", "a caption asks nothing"))
    return [*faults, *description_faults(text, item.facts, lexicon, rules)]


def captioned(item: Item, fields: Fields, task: str, question: str) -> Item:
    """The open question that the caption answers, about the same clip."""
    return replace(
        item,
        question=question,
        answer=fields[FIELD].strip(),
        choices=(),
        task=task,
        tags=("single", "caption"),
        rationales=(),
        rejected="",
        dialogue=None,
        contribution=None,
    )


def scene_of(item: Item) -> ClipFacts:
    """The facts of the one clip."""
    return item.facts[0]
