"""TextFault: one way in which a text does not agree with the facts, and the kinds there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

KINDS = {
    "label": "names what is not in the clips, denies what is, or quotes what is not said",
    "missing": "leaves out what has to be mentioned",
    "count": "a number of sounds, voices or clips that is not theirs, or is not known",
    "order": "an order or an overlap that is not theirs, or is not known",
    "time": "a time that is not theirs, or is not known",
    "leak": "the wording of the question gives the answer away",
    "meaning": "the question asks for something else than the one that it rewords",
    "options": "not one option is right: the answer is false, or a second option is true",
    "answer": "the text does not lead to the answer",
    "form": "the text has not the form that was asked for",
    "nothing": "no sound is described",
    "particular": "a name, a place, a device, a date, a number or a format is left in",
    "short": "the text is too short",
}
"""Kinds of faults, and what each means; rejections are counted by them."""


@dataclass(frozen=True, slots=True)
class TextFault:
    """A fault of a text.

    Attributes:
        kind: one of `KINDS`.
        found: what was found, in a sentence that a writer can act on.
    """

    kind: str
    found: str


def reasons(faults: Sequence[TextFault]) -> str:
    """The faults as one line, for histories and for the writer."""
    return "; ".join(f"{one.kind}: {one.found}" for one in faults)


def kinds(faults: Sequence[TextFault]) -> list[str]:
    """The kinds that occur, each once, in the order of `KINDS`."""
    there = {one.kind for one in faults}
    return [kind for kind in KINDS if kind in there]
