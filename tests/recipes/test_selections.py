"""What stages of recipes take: openly asked questions, times of scenes, mixtures with shares."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.recipes import selections
from harken.shards.read import read_items
from harken.synth.families import word
from harken.synth.known import facts_of

sys.path.insert(0, str(Path(__file__).parent))
from small_corpus import made


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return list(read_items(made(tmp_path_factory.mktemp("s"), count=20)))


def test_transcripts_and_names_are_told_apart_and_open(items: list[Item]) -> None:
    spoken, heard = selections.transcripts(items), selections.names(items)
    assert spoken and heard
    for item in (*spoken, *heard):
        assert not item.choices and len(item.clips) == 1
    words = {item.answer for item in items if item.task == "word"}
    labels = {item.answer for item in items if item.task == "identify"}
    assert words <= {item.answer for item in spoken}
    assert labels <= {item.answer for item in heard}
    assert not {item.id for item in spoken} & {item.id for item in heard}
    opened = next(item for item in spoken if item.question == selections.TRANSCRIBE)
    assert opened.history[-1].note in {item.id for item in items}
    assert {item.answer for item in selections.digits(items)} <= {item.answer for item in spoken}


def test_a_word_of_a_sentence_is_no_transcript() -> None:
    def asked(said: str) -> Item:
        clip = Clip(path=f"{said}.wav", sha256="ab" * 32)
        recording = Recording(clip=clip, id=said, kind="speech", transcript=said)
        made = word.build(
            0, {"answer": "red", "choices": ["red", "read", "rid", "rod"]}, [recording]
        )
        return Item(made.question, made.answer, made.choices, made.clips, "word", made.tags,
                    facts=(facts_of(recording),))  # fmt: skip

    found = selections.transcripts([asked("red"), asked("the red door")])
    assert [item.clips[0].path for item in found] == ["red.wav"]


def test_items_of_other_sets_are_taken_as_they_are() -> None:
    clip = Clip(path="a.wav", sha256="ab" * 32)
    one = Item("Say it.", "hello", clips=(clip,))
    two = Item("Both?", "a, b", clips=(clip, clip))
    closed = Item("Which?", "a", ("a", "b"), (clip,))
    assert selections.transcripts([one, two, closed]) == [one]
    assert selections.open_ended([one, two, closed]) == [one, two]


def test_times_of_a_clip_are_those_of_its_facts(items: list[Item]) -> None:
    clip = Clip(path="a.wav", sha256="cd" * 32)
    dog = SourceFacts("sound", "dog", onset_s=0.5, offset_s=1.75)
    cat = SourceFacts("sound", "cat", onset_s=2.0, offset_s=2.5)
    rain = SourceFacts("background", "rain", onset_s=0.0, offset_s=3.0)
    asked = Item("Order?", "dog, cat", clips=(clip,), facts=(ClipFacts((rain, dog, cat)),))
    for unknown in (replace(dog, onset_s=None), replace(dog, offset_s=None)):
        assert not selections.timed([replace(asked, facts=(ClipFacts((unknown, cat)),))])
    (found,) = selections.timed([asked])
    assert found.answer == "dog 0.50s to 1.75s, cat 2.00s to 2.50s"
    assert found.question == selections.WHEN
    given = Item("When?", "from 1.12s to 2.5 s", clips=(clip,))
    assert selections.timed([given, Item("Q?", "no time", clips=(clip,))]) == [given]
    real = selections.timed(items)
    assert real
    for item in real:
        plan = item.clips[0].plan
        assert plan is not None and len(plan.parts) == item.answer.count(" to ")


def test_a_mixture_has_the_shares_of_its_parts() -> None:
    a, b, c = ([Item(f"{n}{i}?", "x", task=n) for i in range(size)]
               for n, size in (("a", 3), ("b", 50), ("c", 7)))  # fmt: skip
    found = selections.mixed([(a, 0.6), (b, 0.25), (c, 0.15), ([], 0.5)], 100, 7)
    assert Counter(item.task for item in found) == {"a": 60, "b": 25, "c": 15}
    assert Counter(Counter(item.id for item in found if item.task == "a").values()) == {20: 3}
    assert found == selections.mixed([(a, 0.6), (b, 0.25), (c, 0.15)], 100, 7)
    assert found != selections.mixed([(a, 0.6), (b, 0.25), (c, 0.15)], 100, 8)
    assert selections.mixed([(a, 1.0), ([], 1.0)], 4, 0) and not selections.mixed([], 4, 0)


def test_items_of_unknown_kind_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    clip = Clip(path="a.wav", sha256="ab" * 32)
    known = Item("Say it.", "one", clips=(clip,), facts=(ClipFacts((SourceFacts("speech"),)),))
    closed = Item("Which?", "a", ("a", "b"), (clip,))
    foreign = [Item(f"Say {i}.", "hello", clips=(clip,)) for i in range(2)]
    assert selections.transcripts([known, closed]) == [known] and not told
    assert len(selections.transcripts([known, *foreign, closed])) == 3
    assert told[-1].startswith("2 of 3 items taken as transcripts")
    assert len(selections.names([known, *foreign])) == 2
    assert told[-1].startswith("2 of 2 items taken as names of sounds")
    selections.open_ended([known, *foreign])
    assert len(told) == 2  # these are open-ended, whatever their kind
