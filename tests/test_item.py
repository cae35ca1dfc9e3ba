"""Items and clips: round trips, identity, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harken.audio.clip import Clip, Part, ScenePlan, noise, silence
from harken.errors import DataError
from harken.facts import KINDS, ClipFacts, SourceFacts, TimedWord
from harken.item import (
    Contribution,
    Dialogue,
    Exchange,
    HistoryEntry,
    Item,
    items_digest,
    of_split,
)

text = st.text(max_size=12)
words = st.lists(text, max_size=3).map(tuple)
seconds = st.floats(0, 1000, allow_nan=False)
sha = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
file_clips = st.builds(
    Clip,
    path=st.text("abc/é", min_size=1, max_size=8),
    start_s=seconds,
    duration_s=st.none() | seconds,
    sha256=sha,
)
plans = st.builds(
    ScenePlan,
    parts=st.lists(
        st.builds(Part, clip=file_clips, at_s=seconds, gain_db=st.floats(-60, 20)), max_size=3
    ).map(tuple),
    duration_s=seconds,
)
clips = st.one_of(
    file_clips,
    st.builds(silence, seconds),
    st.builds(lambda plan: Clip(kind="plan", plan=plan, duration_s=plan.duration_s), plans),
)
contributions = st.builds(
    Contribution,
    label=st.sampled_from(["weak", "strong", "undecided"]),
    rule=st.just("bits"),
    bits=st.none() | st.floats(-20, 20),
    voters=st.lists(st.tuples(text, st.floats(-20, 20)), max_size=2).map(tuple),
    text_only_right=st.integers(0, 9),
    text_only_asked=st.integers(0, 9),
    shapley=st.lists(st.floats(-20, 20), max_size=2).map(tuple),
    interaction=st.none() | st.floats(-20, 20),
)


@st.composite
def dialogues(draw: st.DrawFn, question: str, count: int) -> Dialogue | None:
    """Anything that may stand around a question with so many clips; None where nothing does."""
    earlier = draw(st.lists(st.builds(Exchange, text, text), max_size=2).map(tuple))
    sizes = [*(len(turn.question) for turn in earlier), len(question)]
    place = st.integers(0, len(earlier)).flatmap(
        lambda turn: st.tuples(st.just(turn), st.integers(0, sizes[turn]))
    )
    places = draw(st.just([]) | st.lists(place, min_size=count, max_size=count))
    return Dialogue.from_dict(Dialogue(draw(text), earlier, tuple(sorted(places))).to_dict())


time_s = st.none() | st.floats(0, 100).map(lambda x: round(x, 3))
timed_words = st.builds(TimedWord, text, st.just(0.5), st.floats(0.5, 2.0))
source_facts = st.builds(
    SourceFacts,
    st.sampled_from(KINDS),
    label=st.none() | text,
    onset_s=time_s,
    azimuth_deg=st.none() | st.floats(-180, 180),
    distance_m=time_s,
    snr_db=st.none() | st.floats(-20, 20),
    speaker=st.none() | text,
    transcript=st.none() | text,
    words=st.none() | st.lists(timed_words, max_size=2).map(tuple),
)
clip_facts = st.builds(
    ClipFacts,
    st.lists(source_facts, max_size=2).map(tuple),
    time_s,
    rt60_s=time_s,
    layout=st.none() | st.just("foa"),
)


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Any item that can be asked."""
    choices = draw(st.lists(text, max_size=4, unique=True).map(tuple))
    question = draw(text.filter(str.strip))
    sounds = draw(st.lists(clips, max_size=3).map(tuple))
    answer = draw(st.sampled_from(choices)) if choices else draw(text)
    return Item(
        question=question,
        answer=answer,
        choices=choices,
        rejected=draw(st.just("") | text.filter(lambda other: other != answer)),
        clips=sounds,
        dialogue=draw(st.none() | dialogues(question, len(sounds))),
        task=draw(text),
        tags=draw(words),
        rationales=draw(words),
        recordings=draw(words),
        speakers=draw(words),
        split=draw(st.sampled_from(["", "train", "dev", "test"])),
        licence=draw(text),
        contribution=draw(st.none() | contributions),
        history=draw(st.lists(st.builds(HistoryEntry, text, text), max_size=2).map(tuple)),
        facts=draw(st.just(()) | st.tuples(*[clip_facts] * len(sounds))),
        plan=draw(st.dictionaries(text, st.integers() | words.map(list), max_size=2)),
    )


quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(items())
def test_an_item_survives_plain_values_and_json(item: Item) -> None:
    there = json.loads(json.dumps(item.to_dict()))
    assert Item.from_dict(there) == item
    assert there["id"] == item.id


@quick
@given(clips)
def test_a_clip_survives_plain_values_and_keeps_its_key(clip: Clip) -> None:
    back = Clip.from_dict(json.loads(json.dumps(clip.to_dict())))
    assert back == clip
    assert back.key == clip.key


@quick
@given(items(), text.filter(str.strip))
def test_the_id_is_of_the_content_alone(item: Item, other: str) -> None:
    around = replace(item, split="x", licence=other, tags=(other,), plan={"a": 1}, facts=())
    assert around.with_history("step", other).id == item.id
    assert replace(item, question=item.question + "?").id != item.id
    plain = replace(item, dialogue=None)
    assert plain.with_clips((*item.clips, silence(1.0))).id != plain.id
    assert replace(item, dialogue=Dialogue(system="another")).id not in (item.id, plain.id)
    assert replace(item, rejected=item.answer + "x" + item.rejected).id != item.id


@quick
@given(file_clips.filter(lambda clip: clip.sha256 is not None))
def test_a_hashed_clip_is_itself_wherever_it_is_stored(clip: Clip) -> None:
    assert replace(clip, path="somewhere/else").key == clip.key
    embedded = replace(clip, kind="shard", path="s.parquet", row=3, slot=0, origin=clip.key)
    assert embedded.key == clip.key
    assert replace(clip, start_s=clip.start_s + 1).key != clip.key


def test_a_scene_is_known_by_its_sounds_not_by_their_paths() -> None:
    def scene(path: str, gain_db: float = 0.0) -> str:
        sound = Clip(path=path, sha256="ab" * 32)
        return Clip(kind="plan", plan=ScenePlan((Part(sound, 0.5, gain_db),), 2.0)).key

    assert scene("a.wav") == scene("b.wav")
    assert scene("a.wav") != scene("a.wav", -6.0)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"question": " ", "answer": "a"}, "empty question"),
        ({"question": "q", "answer": "A", "choices": ("dog", "cat")}, "not among the choices"),
        ({"question": "q", "answer": "a", "choices": ("a", "a")}, "repeat"),
        ({"question": "", "answer": "a", "dialogue": Dialogue(system="s")}, "empty question"),
        (
            {"question": "q", "answer": "a", "clips": (silence(1),) * 2}
            | {"dialogue": Dialogue(places=((0, 0),))},
            "1 places for 2 clips",
        ),
        (
            {"question": "q", "answer": "a", "clips": (silence(1),)}
            | {"dialogue": Dialogue(places=((0, 2),))},
            "no place 2 in turn 0",
        ),
        (
            {"question": "q", "answer": "a", "clips": (silence(1),)}
            | {"dialogue": Dialogue(places=((1, 0),))},
            "no place 0 in turn 1",
        ),
        (
            {"question": "qq", "answer": "a", "clips": (silence(1),) * 2}
            | {"dialogue": Dialogue(places=((0, 2), (0, 1)))},
            "not in the order",
        ),
        ({"question": "q", "answer": "a", "rejected": "a"}, "the answer itself"),
        ({"question": "q", "answer": "a", "facts": (ClipFacts(),)}, "facts of 1 clips"),
        (
            {"question": "q", "answer": "a", "choices": ("a", "b"), "rejected": "a"},
            "the answer itself",
        ),
    ],
)
def test_what_cannot_be_asked_or_scored_is_refused(values: dict[str, object], found: str) -> None:
    with pytest.raises(DataError, match=found):
        Item(**values)  # type: ignore[arg-type]


def test_an_id_that_does_not_fit_is_refused() -> None:
    raw = Item("q", "a").to_dict()
    with pytest.raises(DataError, match="hashes to"):
        Item.from_dict({**raw, "answer": "b"})


def test_items_without_a_rejected_answer_keep_the_ids_they_had() -> None:
    """Ids are in datasets, runs and records on disk."""
    assert Item("q", "a", choices=("a", "b"), task="t").id == "2e408291ceb953f5"
    assert Item("q", "a", choices=("a", "b"), task="t", rejected="b").id != "2e408291ceb953f5"


def test_gold_is_a_position_and_never_a_letter() -> None:
    assert Item("q", "b", choices=("a", "b")).gold == 1
    assert Item("q", "b").gold == -1


@pytest.mark.parametrize(
    ("splits", "train", "test"),
    [
        (("", "", ""), 3, 3),  # a list by hand
        (("train", "test", ""), 1, 1),
        (("test", "test", "dev"), 0, 2),
        ((), 0, 0),
    ],
)
def test_a_split_is_all_where_none_is_named(splits: tuple[str, ...], train: int, test: int) -> None:
    items = [Item(f"q{n}", "a", split=split) for n, split in enumerate(splits)]
    assert len(of_split(items)) == train and len(of_split(items, "test")) == test


@pytest.mark.parametrize(
    "change",
    [
        {"contribution": Contribution("weak", "bits", 1.0)},
        {"licence": "CC0"},
        {"rationales": ("since",)},
        {"tags": ("scene",)},
        {"split": "test"},
        {"facts": (ClipFacts(),)},
        {"recordings": ("another",)},
        {"plan": {"seed": 1}},
        {"history": (HistoryEntry("mended"),)},
    ],
)
def test_what_is_said_of_an_item_is_in_the_digest_and_not_in_its_id(change: dict[str, Any]) -> None:
    item = Item("What is it?", "a", ("a", "b"), (noise(1.0, 3),), task="t", split="train")
    other = replace(item, **change)
    assert other.id == item.id and items_digest([other]) != items_digest([item])


def test_the_digest_of_items_has_their_order_and_not_where_clips_lie() -> None:
    first = Item("What?", "a", clips=(Clip(path="x/a.wav", sha256="0" * 64),))
    moved = replace(first, clips=(Clip(path="y/a.wav", sha256="0" * 64),))
    second = Item("What?", "b")
    assert items_digest([first]) == items_digest([moved])
    assert items_digest([first, second]) != items_digest([second, first])
    assert items_digest([first, second]) != items_digest([first])
