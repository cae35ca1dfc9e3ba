"""Texts in free English about four scenes, true and false, as models write them; by hand.

The grammar's own texts use the words of the verifier's list. These do not, so what the verifier
does with them says more about texts of models. `python tests/synth/verify/free_texts.py` prints it.
"""

from __future__ import annotations

from harken.facts import ClipFacts, SourceFacts
from harken.synth.verify.described import description_faults
from harken.synth.verify.lexicon import Lexicon

LEXICON = Lexicon(["dog bark", "rain", "siren", "baby cry", "piano", "church bells", "cat meow"])


def sound(label: str, onset: float, offset: float) -> SourceFacts:
    return SourceFacts("sound", label, onset, offset)


SCENES = {
    "dogs": ClipFacts(
        (
            sound("dog bark", 0.5, 1.2),
            sound("dog bark", 2.0, 2.8),
            sound("rain", 3.5, 7.0),
            SourceFacts("speech", "seven", 7.5, 8.2, transcript="seven"),
        ),
        9.0,
    ),
    "siren": ClipFacts((sound("siren", 0.0, 6.0), sound("baby cry", 2.0, 4.5)), 6.0),
    "piano": ClipFacts((SourceFacts("music", "piano", 1.0, 5.0),), 6.0),
    "bells": ClipFacts((sound("church bells", 0.2, 3.0), sound("cat meow", 4.0, 4.8)), 5.0),
}

TRUE = (
    ("dogs", 'Two barks ring out before a steady rain sets in, and a speaker then says "seven".'),
    ("dogs", 'A dog barks two times. Rainfall follows, and at the end a voice utters "seven".'),
    ("dogs", "The recording opens with a dog barking; later it rains."),
    ("dogs", "Rain can be heard between 3.5 and 7 seconds."),
    ("dogs", "Once the dog has barked twice, rain begins at about 3.5 seconds."),
    ("dogs", "There is barking, then rainfall, then speech. No music is played."),
    ("dogs", "A puppy woofs at 0:00.5 and again at 0:02."),
    ("dogs", "The second bark ends at 2.8 s, and the rain lasts for 3.5 seconds."),
    ("dogs", "You hear a dog and, after it, the rain. Neither bells nor a piano can be heard."),
    ("dogs", 'Someone says "seven" after the rain.'),
    ("siren", "A siren wails throughout while a baby cries."),
    ("siren", "An infant is crying over the sound of an ambulance siren."),
    ("siren", "The baby starts crying at 2 s, during the siren."),
    ("siren", "A siren runs from 0 to 6 seconds; a crying baby joins from 2.0 s until 4.5 s."),
    ("siren", "Two sounds overlap: a siren and a baby crying."),
    (
        "piano",
        "A piano plays a melody, beginning after one second and ending at the five second mark.",
    ),
    ("piano", "Only piano music is heard, without any voice."),
    ("piano", "The six-second clip contains a single piano."),
    ("bells", "Church bells toll first, and a cat meows afterwards."),
    ("bells", "After the tolling of the bells, a cat lets out a meow at 4 s."),
    ("bells", "Bells, followed by the meowing of a cat, and no dog at all."),
    ("bells", "The cat is heard last, for 0.8 seconds."),
)

FALSE = (
    ("dogs", "A dog barks three times before the rain sets in."),
    ("dogs", "Rain falls, and afterwards a dog begins to bark."),
    ("dogs", "A cat meows twice, followed by rain."),
    ("dogs", "The dog barks, thunder rolls, and rain starts."),
    ("dogs", "Rain can be heard between 1.5 and 4 seconds."),
    ("dogs", 'A speaker says "eleven" after the rain.'),
    ("dogs", "The dog barks while it is raining."),
    ("dogs", "There is no speech in this recording, just a dog and rain."),
    ("dogs", "The recording ends with rain."),
    ("dogs", 'A woman says "seven" once the rain is over.'),
    ("dogs", "It opens with someone speaking, then a dog barks."),
    ("dogs", "The rain lasts for six seconds."),
    ("siren", "A baby cries, and then a siren is heard."),
    ("siren", "A fire alarm rings while a baby cries."),
    ("siren", "A siren, and no baby is crying."),
    ("siren", "The baby cries from the start until 4.5 s, at 0 s to 4.5 s."),
    ("siren", "Three sounds overlap, among them a siren."),
    ("piano", "A guitar plays a short melody."),
    ("piano", "Two pianos play from 1 s to 5 s."),
    ("piano", "A piano plays for two seconds."),
    ("piano", "The ten-second clip contains a piano."),
    ("bells", "A cat meows first, and then church bells toll."),
    ("bells", "Church bells toll from 0.2 s to 5.0 s."),
    ("bells", "Bells toll, a cat meows, and a dog answers."),
    ("bells", "The bells are heard last."),
    ("bells", "A cat meows at 0.2 s and bells toll at 4.0 s."),
)


def verdicts() -> tuple[list[tuple[str, str, list[str]]], list[tuple[str, str]]]:
    """True texts that were rejected, with the reasons; false texts that were accepted."""
    wrongly = []
    for scene, text in TRUE:
        found = description_faults(text, [SCENES[scene]], LEXICON)
        if found:
            wrongly.append((scene, text, [f"{one.kind}: {one.found}" for one in found]))
    missed = [
        (scene, text)
        for scene, text in FALSE
        if not description_faults(text, [SCENES[scene]], LEXICON)
    ]
    return wrongly, missed


if __name__ == "__main__":
    rejected, accepted = verdicts()
    print(f"true: {len(TRUE) - len(rejected)} of {len(TRUE)} accepted")
    print(f"false: {len(FALSE) - len(accepted)} of {len(FALSE)} rejected")
    for line in (*rejected, *accepted):
        print(*line, sep=" | ")
