"""Takes: where they begin and end, and how strong they are, on tones between silence."""

from __future__ import annotations

import numpy as np
import pytest
from staged_world import LABELS, LONG, staged_pool

from harken.audio.load import load
from harken.audio.single import span
from harken.corpora.base import Recording
from harken.synth.design import BlockDesign
from harken.synth.question import Draw
from harken.synth.takes import Take, cast, lacks_topics, long_names, staged_topics, take_of


def one(label: str) -> Recording:
    return staged_pool().lone_sounds.members[label][0]


def taken(label: str, most_s: float = 2.0) -> Take:
    found = take_of(one(label), most_s)
    assert found is not None
    return found


def draw(seed: int = 0) -> Draw:
    return Draw(BlockDesign((seed,), seed), np.random.default_rng(seed), (seed, 1, 2, 0))


@pytest.mark.parametrize(("label", "most_s", "length_s"), [("cat", 2, 0.5), ("rain", 1.3, 1.3)])
def test_a_take_is_what_is_heard_of_a_recording(label: str, most_s: float, length_s: float) -> None:
    take = taken(label, most_s)
    assert take.start_s == pytest.approx(0.3, abs=0.01)  # the silence before it is left out
    assert take.heard_s == pytest.approx(length_s, abs=0.02)
    assert take.whole is (label == "cat")


def test_level_and_peak_are_those_of_the_samples() -> None:
    take = taken("dog bark")
    samples = load(span(one("dog bark").clip, take.start_s, take.length_s)).astype(np.float64)
    assert take.peak == pytest.approx(np.abs(samples).max())
    # A sine of amplitude a has the RMS a / sqrt(2); 10 ms of fades at both ends take 0.1 dB.
    assert take.level_db == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.3)


def test_a_cast_has_no_recording_twice_and_names_in_order() -> None:
    topic = staged_pool().events[0]
    events = cast(draw(), topic, ["cat", "cat", "rain", "cat"])
    assert events is not None and [event.name for event in events] == ["cat", "cat", "rain", "cat"]
    assert len({event.recording.id for event in events}) == 4
    more = cast(draw(), topic, ["cat"], taken=events)
    assert more is not None and more[0].recording.id not in {e.recording.id for e in events}
    assert cast(draw(), topic, ["cat"] * 6) is None  # there are five


def test_only_names_that_last_are_found_where_length_matters() -> None:
    topic = staged_pool().events[0]
    names = long_names(draw(1), topic, 4, 4.0)
    assert names is not None and sorted(names) == sorted(LONG)
    assert long_names(draw(1), topic, 5, 4.0) is None
    assert {*(long_names(draw(1), topic, 8, 0.4) or ())} == {*LABELS}


def test_a_spoken_word_is_never_cut() -> None:
    words = staged_pool().events[1]
    assert cast(draw(), words, ["zero"], most_s=[0.2]) is None
    events = cast(draw(), words, ["zero"])
    assert events is not None and events[0].take.whole


def test_what_a_pool_lacks_is_told_with_what_there_is() -> None:
    pool = staged_pool()
    assert [topic.kind for topic in staged_topics(pool, 3)] == ["sound", "word"]
    assert [topic.kind for topic in staged_topics(pool, 3, 2.0)] == ["sound"]
    assert not lacks_topics(pool, 4, 4.0)
    told = lacks_topics(pool, 5, 4.0)
    assert "5 labels of sounds or 5 words, heard for 4 s," in told and "8 and 7" in told
