"""Traits of speech: how they are named to people, shared by the families that ask about them.

A trait is what the corpus says of a recording: sex, age, accent, emotion, intent. Which corpora say
what stands in docs/scenes.md; any other can by a column of its manifest.
"""

from __future__ import annotations

from harken.corpora.base import TRAITS
from harken.synth.wording import quoted

SEXES = {"F": "a woman", "M": "a man"}

ASKED = (*TRAITS, "sex")
"""Traits that are asked about."""


def shown(trait: str, value: str) -> str:
    """A value as it stands in a question or an option."""
    return SEXES.get(value, value) if trait == "sex" else value


def holding(trait: str, value: str) -> str:
    """What holds of a clip whose speaker has that trait, after "in which clip"."""
    told = shown(trait, value)
    return {
        "sex": f"does {told} speak",
        "age": f"is the speaker in their {told}" if told.endswith("ies") else f"is the age {told}",
        "accent": f"does the speaker have the accent {quoted(told)}",
        "intent": f"is the intent {quoted(told)}",
    }.get(trait, f"does the speaker sound {told}")
