"""conflict: words and sounds agree in half of the items, and the question says which to go by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from staged_world import recording, staged_pool

from harken.corpora.base import Recording
from harken.item import Item
from harken.synth.families.conflict import forms, gendered, namesakes
from harken.synth.make import FAMILIES, draw
from harken.synth.pool import RecordingPool

SPOKEN = ("dog", "cat", "rain", "siren")
SENTENCES = {
    "F": ("she closed the window", "her letter came late", "the queen has gone"),
    "M": ("he closed the window", "his letter came late", "the king has gone"),
}


@cache
def talking_pool() -> RecordingPool:
    """`staged_pool`, with words that name its sounds, and sentences of women and men."""
    folder = Path(mkdtemp(prefix="harken-conflict-"))
    found: list[Recording] = list(staged_pool().recordings)
    for at, word in enumerate(SPOKEN):
        found += [
            recording(folder, "train", "speech", word, no, 500 + 40 * at, 0.3, "anna")
            for no in range(4)
        ]
    for sex, texts in SENTENCES.items():
        for at, text in enumerate((*texts, "she met him", "nobody came")):
            for no, reader in enumerate("FM"):
                hz = {"F": 300, "M": 700}[sex] + 20 * at
                one = recording(folder, "train", "speech", f"{sex}{at}", no, hz, 1.0, reader)
                found.append(replace(one, labels=(), transcript=text, sex=reader))
    return RecordingPool(found, "train")


@cache
def items() -> tuple[Item, ...]:
    return tuple(draw(talking_pool(), "train", "conflict", 96, 0))


def of(form: str) -> list[Item]:
    return [item for item in items() if item.plan["values"]["form"] == form]


def test_words_name_sounds_by_a_word_of_their_label() -> None:
    assert namesakes(talking_pool()) == {
        "cat": "cat", "dog": "dog bark", "rain": "rain", "siren": "siren"
    }  # fmt: skip
    assert forms(talking_pool()) == ("named", "number", "voice")
    assert forms(staged_pool()) == ("number",)
    few = RecordingPool([r for r in staged_pool().recordings if r.kind == "sound"], "train")
    assert "are needed" in FAMILIES.get("conflict").lacks(few)


def test_a_sentence_of_both_or_of_nobody_is_not_used() -> None:
    cells = gendered(talking_pool())
    assert {key: len(own) for key, own in cells.items()} == {
        (about, reader): 3 for about in "FM" for reader in "FM"
    }


def test_kinds_judges_and_conflicts_come_equally_often() -> None:
    counts = Counter((item.tags[-3], item.tags[-2], item.tags[-1]) for item in items())
    assert len(counts) == 3 * 2 * 2 and set(counts.values()) == {8}


def test_a_named_sound_is_said_over_a_sound() -> None:
    for item in of("named"):
        (facts,) = item.facts
        (voice,) = (s for s in facts.sources if s.kind == "speech")
        (sound,) = (s for s in facts.sources if s.kind != "speech")
        assert None not in (voice.onset_s, voice.offset_s, sound.onset_s, sound.offset_s)
        assert voice.onset_s < sound.offset_s and sound.onset_s < voice.offset_s  # type: ignore[operator]
        words = {label: word for word, label in namesakes(talking_pool()).items()}
        said, heard = voice.transcript, words[sound.label or ""]
        assert (said != heard) is ("conflict" in item.tags)
        assert item.answer == (said if "by-said" in item.tags else heard)
        assert {said, heard} <= {*item.choices} and len(item.choices) == 4
        assert item.need is not None
        assert item.need.caption_proof is ("conflict" in item.tags)
        own = voice if "by-said" in item.tags else sound
        assert item.need.window_s == round(own.offset_s - own.onset_s, 4)  # type: ignore[operator]


def test_the_voice_reads_of_a_man_or_a_woman() -> None:
    names = {"F": "a woman", "M": "a man"}
    by_id = {one.id: one for one in talking_pool().recordings}
    for item in of("voice"):
        read = by_id[item.recordings[0]]
        about = next(sex for sex, own in SENTENCES.items() if read.transcript in own)
        assert (about != read.sex) is ("conflict" in item.tags)
        assert item.answer == names[about if "by-said" in item.tags else read.sex]
        assert item.choices == ("a woman", "a man")


def test_the_question_says_what_to_go_by() -> None:
    """Each wording is of one judge alone, and the same words never go with both."""
    judges: dict[str, set[str]] = {}
    for item in items():
        judges.setdefault(item.question, set()).add(item.tags[-2])
    assert all(len(own) == 1 for own in judges.values())


def test_who_always_goes_by_the_sound_is_right_in_half_of_the_conflicts() -> None:
    right = Counter("by-heard" in item.tags for item in items() if "conflict" in item.tags)
    assert right == {True: 24, False: 24}
