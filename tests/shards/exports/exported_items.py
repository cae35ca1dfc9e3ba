"""Items of every kind that an export must hold or keep apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harken.audio.clip import Clip, silence
from harken.audio.load import load, write_wav
from harken.facts import ClipFacts, SourceFacts
from harken.item import HIDDEN, Contribution, Dialogue, Exchange, Item
from made_items import tone

COMMON = {"split": "train", "licence": "CC0-1.0"}


def items(folder: Path) -> dict[str, Item]:
    """One item of each kind, by what it is."""
    one, two = tone(folder / "one.wav", 300.0), tone(folder / "two.flac", 500.0)
    cut = Clip(path=one.path, sha256=one.sha256, start_s=0.1, duration_s=0.2)
    dog = SourceFacts("sound", label="dog", onset_s=0.1, offset_s=0.3, azimuth_deg=30.0)
    said = SourceFacts("speech", transcript="hello", speaker="ann")
    facts = (ClipFacts((dog, said), duration_s=0.5),)
    label = Contribution("strong", "bits", 1.0)
    return {
        "closed": Item("Which animal?", "dog", ("cat", "dog", "two\nlines"), (one,), "identify",
                       ("bark",), ("It barks.",), contribution=label, facts=facts, **COMMON),
        "open": Item("What is heard?", "a dog", clips=(cut,), task="name", **COMMON),
        "several": Item("Which clip is higher?", "second", ("first", "second"), (one, two),
                        "which-clip", split="test"),
        "pair": Item("What is it?", "a dog", clips=(two,), task="name", rejected="a cat", **COMMON),
        "none": Item("What is 1 + 1?", "2", task="text", split="dev"),
        "silent": Item("Is there a sound?", "no", ("yes", "no"), (silence(0.5),), "presence"),
        "dialogue": Item(
            "And then this one?", "a cat", clips=(one, cut), task="talk",
            dialogue=Dialogue("Be brief.", (Exchange("What is this?", "a dog"),), ((0, 0), (1, 9))),
            **COMMON),
        "hidden": Item("Which?", "", ("a", "b"), (one,), tags=(HIDDEN,)),
    }  # fmt: skip


def foa(folder: Path) -> Item:
    """A question about a first-order ambisonic clip with two sources."""
    sources = (
        SourceFacts(
            "sound", label="wolf", azimuth_deg=-90.0, elevation_deg=0.0, distance_m=2.0, onset_s=0.0
        ),
        SourceFacts(
            "sound", label="cat, wild", azimuth_deg=45.0, elevation_deg=10.0, distance_m=1.0
        ),
    )
    rng = np.random.default_rng(0)
    write_wav(folder / "foa.wav", 0.1 * rng.standard_normal((4, 4000)), 8000)
    facts = ClipFacts(sources, duration_s=0.5, layout="foa")
    clip = Clip(path=str(folder / "foa.wav"))
    return Item(
        "Where is the wolf?", "right", ("left", "right"), (clip,), "direction", facts=(facts,)
    )


def heard(item: Item) -> list[bytes]:
    """The samples of all clips, rounded to 16 bits."""
    return [np.rint(load(clip, 8000) * 32768).astype(np.int32).tobytes() for clip in item.clips]
