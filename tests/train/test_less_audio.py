"""Examples with less audio: dropped audio tokens, and noise where there were sounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from whole_batch import make_batch

from harken.audio.clip import Clip, noise, silence
from harken.audio.load import load, require_heard
from harken.audio.single import duration_s
from harken.errors import ConfigError
from harken.item import Item
from harken.train.batch import BatchSettings, grouped
from harken.train.less_audio import NOTHING, drop_audio, unheard
from tiny_audio import NAMES, alike, mini, named, sound


def opened(folder: Path, name: str, seed: int = 0) -> Item:
    return replace(named(folder, name, seed, 0.4), choices=())


def test_the_share_of_audio_tokens_is_dropped_in_each_clip(tmp_path: Path) -> None:
    learner = mini()
    items = [named(tmp_path, name, 0, 0.6) for name in NAMES] + [alike(tmp_path, "noise", "clicks")]
    how = BatchSettings(audio_dropout=0.4)
    batch = make_batch(learner, grouped(items, 1), how, 5, 1, 0)
    inputs = [one for example in batch.examples for one in example.audio_inputs]
    assert [len(one.dropped) for one in inputs] == [round(0.4 * one.tokens) for one in inputs]
    assert batch.dropped == sum(len(one.dropped) for one in inputs) > 5
    again = make_batch(learner, grouped(items, 1), how, 5, 1, 0)
    drawn = [[a.dropped for a in e.audio_inputs] for e in batch.examples]
    assert drawn == [[a.dropped for a in e.audio_inputs] for e in again.examples]
    other = make_batch(learner, grouped(items, 1), how, 5, 1, 1)
    assert drawn != [[a.dropped for a in e.audio_inputs] for e in other.examples]


def test_dropped_tokens_are_zeros_in_their_own_row_only(tmp_path: Path) -> None:
    """The same clip in another row keeps its tokens, and the encoder is run once."""
    learner = mini()
    item = named(tmp_path, "noise", 0, 0.6)
    rng = np.random.default_rng(0)
    (whole,) = make_batch(learner, [[item]], BatchSettings(), 1, 0, 0).examples
    less = drop_audio(whole, 0.5, rng)
    both = [whole, less]
    embedded, _ = learner.engine.embedded(both)
    first = next(i for i, token in enumerate(whole.ids) if token == learner.tokenizer.audio)
    numbers = learner.net.clip_number_embeddings()
    extra = numbers[1] if numbers is not None else torch.zeros(())
    kept = embedded[0, first : first + whole.audio_inputs[0].tokens] - extra
    left = embedded[1, first : first + whole.audio_inputs[0].tokens] - extra
    assert not kept.abs().sum(1).eq(0).any()
    for number in range(len(kept)):
        expected = kept[number] * (number not in less.audio_inputs[0].dropped)
        assert torch.allclose(left[number], expected, atol=1e-6)
    changed = learner.engine.logprobs([whole]) - learner.engine.logprobs([less])
    assert float(changed.detach().abs()) > 0


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_never_all_tokens_of_a_clip(tmp_path: Path, share: float) -> None:
    learner = mini()
    for seconds in (0.1, 0.7):
        item = named(tmp_path, "noise", 0, seconds)
        (example,) = make_batch(
            learner, [[item]], BatchSettings(audio_dropout=share), 1, 0, 0
        ).examples
        (one,) = example.audio_inputs
        assert len(one.dropped) < one.tokens and set(one.dropped) <= set(range(one.tokens))


def test_noise_and_silence_are_taught_as_nothing(tmp_path: Path) -> None:
    learner = mini()
    items = [opened(tmp_path, name) for name in NAMES] + [named(tmp_path, "noise", 0, 0.4)]
    how = BatchSettings(nothing=0.5, nothing_answer="no sound")
    said, quiet, count, drawn = [], 0, 0, 0
    for step in range(40):
        batch = make_batch(learner, grouped(items, 1), how, 5, 2, step)
        quiet += batch.nothing
        count += 4
        for example in batch.examples:
            text = learner.tokenizer.decode(example.ids[example.start :])
            changed = text == "no sound"
            drawn += changed
            assert example.item in {item.id for item in items}  # as the dataset names it
            assert not changed or example.item != items[-1].id  # no option says it
            said.append((changed, example.audio_inputs[0].name.split()[0]))
    assert quiet == drawn and 0.35 < quiet / count < 0.65
    assert {name for changed, name in said if changed} <= {"silence", "noise", ""}
    assert not {name for changed, name in said if not changed} & {"silence", "noise"}


def test_both_kinds_and_the_length_of_each_clip(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clips = (sound(tmp_path, "noise", 0.4), sound(tmp_path, "clicks", 0.7))
    item = Item("What is heard?", "noise, clicks", clips=clips, rejected="a dog")
    kinds = set()
    for _ in range(40):
        (made,) = unheard(
            [item, replace(item, choices=("x",), answer="x", rejected="")], 1.0, NOTHING, rng
        )
        assert made.answer == NOTHING and made.question == item.question
        assert [duration_s(clip) for clip in made.clips] == [0.4, 0.7]
        kinds |= {clip.kind for clip in made.clips}
    assert kinds == {"noise", "silence"}
    assert unheard([item], 0.0, NOTHING, rng) == []
    assert unheard([item.with_clips(())], 1.0, NOTHING, rng) == []


def test_noise_is_a_clip_like_any_other() -> None:
    one, same, other = noise(0.5, 3), noise(0.5, 3), noise(0.5, 4)
    assert one == same and one.key != other.key != silence(0.5).key
    assert one.key != noise(0.4, 3).key and Clip.from_dict(one.to_dict()) == one
    wave = load(one)
    assert wave.shape == (8000,) and np.array_equal(wave, load(same))
    assert load(one, mono=False).shape == (1, 8000) and len(load(one, 8000)) == 4000
    levels = [20 * np.log10(load(noise(0.5, seed)).std()) for seed in range(30)]
    assert -51 < min(levels) < -40 and -30 < max(levels) < -19
    require_heard(one)
    assert one.name.startswith("noise 0.0")


def test_options_that_are_off_change_no_batch(tmp_path: Path) -> None:
    learner = mini()
    items = [named(tmp_path, name) for name in NAMES] + [opened(tmp_path, "noise")]
    plain = make_batch(learner, grouped(items, 1), BatchSettings(), 5, 1, 3)
    for how in (BatchSettings(nothing_answer="x"), BatchSettings(answers={"?": "x"})):
        other = make_batch(learner, grouped(items, 1), how, 5, 1, 3)
        assert [e.ids for e in other.examples] == [e.ids for e in plain.examples]
    assert plain.nothing == plain.dropped == 0


def test_an_answer_may_be_taught_instead_of_the_items(tmp_path: Path) -> None:
    learner = mini()
    items = [named(tmp_path, name) for name in NAMES]
    how = BatchSettings(answers={items[1].id: "I don't know."})
    batch = make_batch(learner, grouped(items, 1), how, 4, 1, 0)
    said = {e.item: learner.tokenizer.decode(e.ids[e.start :]) for e in batch.examples}
    assert said == {item.id: "I don't know." if item == items[1] else item.answer for item in items}


@pytest.mark.parametrize("option", ["audio_dropout", "nothing"])
def test_less_audio_makes_no_sense_without_audio(option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option} is 0.2, and clips_as_text"):
        BatchSettings(clips_as_text=True, **{option: 0.2}).check(mini())
