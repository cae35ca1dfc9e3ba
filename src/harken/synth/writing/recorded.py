"""Items of recordings as they are: one open question each, to have captions written about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from harken.corpora.base import Recording
from harken.corpora.fields import split_name
from harken.item import Item
from harken.synth.known import facts_of

QUESTION = "Describe the recording in one sentence."

DESCRIBED = "described"
"""Key of an item's plan: what the publisher of its recording writes about it."""


def recorded_items(recordings: Iterable[Recording]) -> Iterator[Item]:
    """An item a recording, without an answer yet: its labels as facts, its description in the plan.

    The words of the file's name stand before the description, where it has any.
    """
    for one in recordings:
        told = f"{file_words(one.clip.path)} {one.description}".strip()
        yield Item(
            QUESTION,
            "",
            clips=(one.clip,),
            task="recorded",
            tags=("single",),
            recordings=(one.id,),
            speakers=(one.speaker,) if one.speaker else (),
            split=one.split,
            licence=one.licence,
            plan={"maker": "harken.synth.writing.recorded", DESCRIBED: told},
            facts=(facts_of(one),),
        )


def described(item: Item) -> str:
    """What the publisher of an item's recording writes about it; empty where that is not kept."""
    return str(item.plan.get(DESCRIBED, ""))


def file_words(path: str) -> str:
    """The words of a file's name, as a sentence; empty if it has none of three letters or more.

    Names of splits are no words: a file ``train_17.wav`` is not of a train.
    """
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", PurePath(path).stem).lower()
    words = [word for word in re.findall(r"[^\W\d_]{3,}", spaced) if not split_name(word)]
    return f"{' '.join(words)}." if words else ""
