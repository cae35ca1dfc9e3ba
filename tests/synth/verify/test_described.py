"""Texts about a scene, one statement at a time."""

from __future__ import annotations

import pytest

from harken.facts import ClipFacts, SourceFacts
from harken.synth.verify.described import TextRules, description_faults
from harken.synth.verify.lexicon import Lexicon

LEXICON = Lexicon(["dog bark", "rain", "zap laser", "church bells", "cat meow"])
SCENE = (
    ClipFacts(
        (
            SourceFacts("sound", "dog bark", 0.1, 2.1),
            SourceFacts("sound", "dog bark", 2.5, 3.5),
            SourceFacts("sound", "rain", 4.0, 6.0),
            SourceFacts("speech", "seven", 6.2, 7.0, transcript="seven"),
        ),
        7.2,
    ),
)
UNTIMED = (ClipFacts((SourceFacts("sound", "dog bark"), SourceFacts("sound", "rain")), 5.0),)
CLIPS = (
    ClipFacts((SourceFacts("sound", "dog bark"),), 2.0),
    ClipFacts((SourceFacts("sound", "rain"),), 3.0),
)


def kinds(text: str, facts: tuple[ClipFacts, ...] = SCENE, **rules: object) -> set[str]:
    found = description_faults(text, facts, LEXICON, TextRules(**rules))  # type: ignore[arg-type]
    return {one.kind for one in found}


@pytest.mark.parametrize(
    "text",
    [
        "A dog barks twice, then it rains.",
        "Rain follows the barking of a dog; no church bell is heard.",
        "Neither cat nor bells, but rain is heard before a voice.",
        "From 0.1 s to 2.1 s a dog barks, again from 2.5 to 3.5 s, then rain (4.0-6.0 s).",
        "The clip lasts 7.2 s and begins with a dog. Rain starts at 4 s and lasts two seconds.",
        'Four sounds: two dog barks, rain, and a voice saying "seven".',
        "Not only a dog but also rain can be heard.",
        'After two dog barks, rain falls. Finally someone says "seven".',
    ],
)
def test_what_is_true_passes(text: str) -> None:
    assert kinds(text) == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A laser is heard, then rain.", "label"),
        ("A violin plays.", "label"),  # in no label of the dataset, but in the list of synonyms
        ("No rain is heard.", "label"),
        ('A voice says "eight".', "label"),
        ("A man speaks.", "label"),  # who speaks is not known
        ("A dog barks three times.", "count"),
        ("There is a single dog bark.", "count"),
        ("Several voices are heard, and two voices speak.", "count"),
        ("Rain, then a dog barks.", "order"),
        ("It begins with rain.", "order"),
        ("A dog barks while it rains.", "order"),
        ("A dog barks from 1.5 s to 2.1 s.", "time"),
        ("The clip lasts 9 seconds.", "time"),
    ],
)
def test_what_is_false_is_found(text: str, kind: str) -> None:
    assert kind in kinds(text)


def test_times_are_right_to_the_tolerance() -> None:
    assert kinds("Rain starts at 4.25 s.") == set()
    assert kinds("Rain starts at 4.26 s.") == {"time"}
    assert kinds("Rain starts at 4.9 s.", tolerance_s=1.0) == set()


def test_what_is_not_known_cannot_be_said() -> None:
    assert kinds("A dog barks and rain falls.", UNTIMED) == set()
    assert kinds("A dog barks, then rain falls.", UNTIMED) == {"order"}
    assert kinds("Rain falls at 2 s.", UNTIMED) == {"time"}


def test_what_has_to_be_named_is_missed() -> None:
    assert kinds("Rain, and a voice is heard.", all_named=True) == {"missing"}
    assert kinds("A dog, rain and a voice.", all_named=True) == set()


def test_numbered_clips_have_their_own_facts() -> None:
    assert kinds("Clip 1: dog bark. Clip 2: rain.", CLIPS) == set()
    assert kinds("Clip 1: rain. Clip 2: dog bark.", CLIPS) == {"label"}
    assert kinds('"rain" is in 1 of the 2 clips.', CLIPS) == set()
    assert kinds('"rain" is in 2 of the 2 clips.', CLIPS) == {"count"}


def test_options_may_be_denied_or_weighed_but_not_stated() -> None:
    named = ("cat meow", "church bells")
    assert kinds("Neither cat nor bells are heard.", named=named) == set()
    assert kinds("The options are a cat, bells and a dog.", named=named) == set()
    assert kinds("A cat is heard.", named=named) == {"label"}


def test_a_quoted_word_that_is_also_a_sound_is_speech() -> None:
    said = (ClipFacts((SourceFacts("speech", "rain", transcript="rain"),)),)
    assert kinds('A voice says "rain".', said) == set()
    assert kinds("Rain falls.", said) == {"label"}
