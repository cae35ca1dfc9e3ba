"""permuted: the same clips in two orders, with the right one at two places."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import pytest
from labelled_sounds import world

from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.models.base import style_of
from harken.models.text_only.linear import Linear
from harken.stats.measures import wilson
from harken.synth.families.permuted import kinds
from harken.synth.make import draw
from harken.synth.pool import RecordingPool

POOL = RecordingPool(world(["train"]), "train")
BY_ID = {recording.id: recording for recording in POOL.recordings}


@cache
def items(seed: int = 0, n: int = 504) -> tuple[Item, ...]:
    return tuple(draw(POOL, "train", "permuted", n, seed))


def value(item: Item, name: str) -> str:
    """What is asked about, of one recording, by its labels alone."""
    recording, kind = BY_ID[name], item.plan["values"]["kind"]
    known = {**dict(recording.traits), "sex": recording.sex, "speaker": recording.speaker or ""}
    return known.get(kind) or (recording.transcript or recording.labels[0])


def test_the_clips_of_a_pair_are_the_same_in_another_order_and_so_is_the_answer() -> None:
    for one, other in zip(items()[::2], items()[1::2], strict=True):
        assert one.twins == other.twins and one.question == other.question
        assert one.choices == other.choices and one.answer != other.answer
        assert sorted(one.recordings) == sorted(other.recordings)
        assert one.recordings[one.gold] == other.recordings[other.gold]


def test_exactly_one_clip_is_right() -> None:
    for item in items():
        values = [value(item, name) for name in item.recordings]
        assert len({*item.recordings}) == len(item.clips)
        own = values[item.gold]
        assert values.count(own) == 1
        if item.plan["values"]["form"] == "odd":
            assert len({*values}) == 2
        elif item.plan["values"]["kind"] in ("sound", "word", "sentence"):
            assert own in item.question


def test_two_to_eight_clips_come_equally_often_for_each_question() -> None:
    sizes: dict[str, Counter[int]] = defaultdict(Counter)
    for item in items():
        sizes[item.tags[-1]][len(item.clips)] += 1
    # Two forms of sound, word, sex and emotion, sentences, and speakers that differ.
    assert len(sizes) == len(kinds(POOL)) == 10
    for name, own in sizes.items():
        assert set(own) == {*range(2 if name.startswith("which") else 3, 9)}
        assert max(own.values()) - min(own.values()) <= 2
    places = Counter((len(item.clips), item.gold) for item in items())
    for n in range(2, 9):
        own = [places[n, place] for place in range(n)]
        assert all(abs(k - sum(own) / n) < 4 * (sum(own) / n) ** 0.5 for k in own)


def test_few_recordings_allow_few_clips() -> None:
    few = RecordingPool(
        [r for r in POOL.recordings if r.labels in (("cat",), ("rain",)) and int(r.id[-1]) < 2]
        , "train",
    )  # fmt: skip
    found = {(one.form, one.kind): max(one.sizes) for one in kinds(few)}
    cats = sum(r.labels == ("cat",) for r in few.recordings)
    assert found["which", "sound"] == found["odd", "sound"] == min(8, cats + 1)


@pytest.mark.parametrize("family", ["permuted", "voice-trait", "same-trait"])
def test_a_text_only_linear_model_is_at_chance(family: str) -> None:
    learn, ask = (tuple(draw(POOL, "train", family, 400, seed)) for seed in (1, 2))
    model = Linear(learn, size=1 << 12)
    prompts = [make_prompt(item, style_of(model)) for item in ask]
    score = 0.0
    for item, logs in zip(ask, model.choice_logprobs(prompts), strict=True):
        top = [place for place, value in enumerate(logs or ()) if value == max(logs or ())]
        score += float(item.gold in top) / max(1, len(top))
    low, high = wilson(score, len(ask), z=3.29)
    assert low <= sum(1 / len(item.choices) for item in ask) / len(ask) <= high


@pytest.mark.parametrize("family", ["permuted", "voice-trait", "same-trait"])
def test_what_is_offered_is_right_as_often_as_chance_has_it(family: str) -> None:
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for item in draw(POOL, "train", family, 480, 3):
        counts[tuple(sorted(item.choices))][item.answer] += 1
    for choices, own in counts.items():
        mean = sum(own.values()) / len(choices)
        assert all(abs(own[one] - mean) < 4.5 * mean**0.5 for one in choices)
