from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import DataError
from harken.models.engine.batch import ClipText
from harken.train.augment import augment, loose, mask
from harken.train.batch import BatchSettings, epoch_picks, grouped, make_batch, make_example
from harken.train.text_clips import as_text, clip_labels
from tiny_audio import NAMES, alike, mini, named


def test_every_item_comes_once_before_any_comes_twice() -> None:
    picks = [pick for step in range(14) for pick in epoch_picks(7, 3, 1, step)]
    assert [sorted(picks[i : i + 7]) for i in range(0, 42, 7)] == [list(range(7))] * 6
    assert epoch_picks(7, 3, 1, 5) == picks[15:18]
    assert [epoch_picks(7, 3, 2, step) for step in range(3)] != [
        epoch_picks(7, 3, 1, step) for step in range(3)
    ]


def test_a_batch_is_a_pure_function_of_seed_and_step(tmp_path: Path) -> None:
    learner = mini()
    items = [named(tmp_path, name, seed) for name in NAMES for seed in range(2)]
    settings = BatchSettings(modality_dropout=0.3, augment=True)
    one, two = (make_batch(learner, grouped(items, 1), settings, 6, 3, 4) for _ in range(2))
    assert [example.ids for example in one.examples] == [example.ids for example in two.examples]
    for a, b in zip(one.examples, two.examples, strict=True):
        for left, right in zip(a.audio_inputs, b.audio_inputs, strict=True):
            np.testing.assert_array_equal(left.features, right.features)
    other = make_batch(learner, grouped(items, 1), settings, 6, 3, 5)
    assert [example.ids for example in one.examples] != [example.ids for example in other.examples]


def test_only_the_answer_carries_loss(tmp_path: Path) -> None:
    learner = mini()
    batch = make_batch(learner, [[alike(tmp_path, "noise", "noise")]], BatchSettings(), 3, 0, 0)
    answer = (*learner.tokenizer.encode("yes"), learner.tokenizer.eos)
    for example in batch.examples:
        assert (
            example.ids[example.start :] == answer
            and example.ids[example.start - 1] == learner.tokenizer.answer
        )
    _, ids, rows = learner.engine.answer_logits(batch.examples)
    assert ids.tolist() == [*answer] * 3 and batch.answer_tokens == len(answer) * 3
    assert rows.tolist() == [row for row in range(3) for _ in answer]


def test_options_are_shuffled_and_the_answer_stays_right(tmp_path: Path) -> None:
    learner = mini()
    item = named(tmp_path, "clicks")
    rng = np.random.default_rng(0)
    examples = [make_example(learner, [item], BatchSettings(), rng)[0] for _ in range(40)]
    assert len({example.ids for example in examples}) > 10
    assert {learner.tokenizer.decode(example.ids[example.start :]) for example in examples} == {
        "clicks"
    }


def test_without_audio_every_option_is_as_often_right(tmp_path: Path) -> None:
    learner = mini()
    item = named(tmp_path, "clicks")
    rng = np.random.default_rng(0)
    made = [
        make_example(learner, [item], BatchSettings(modality_dropout=1.0), rng) for _ in range(400)
    ]
    assert all(without for _, without in made)
    answers = Counter(learner.tokenizer.decode(example.ids[example.start :]) for example, _ in made)
    assert set(answers) == {*NAMES} and min(answers.values()) > 70
    without_clips = sum(not example.audio_inputs for example, _ in made)
    assert 150 < without_clips < 250
    assert not any(clip.features.any() for example, _ in made for clip in example.audio_inputs)


def test_open_questions_keep_their_audio(tmp_path: Path) -> None:
    item = replace(named(tmp_path, "clicks"), choices=())
    _, without = make_example(
        mini(), [item], BatchSettings(modality_dropout=1.0), np.random.default_rng(0)
    )
    assert not without


def test_clips_are_replaced_by_labels(tmp_path: Path) -> None:
    learner = mini()
    item = alike(tmp_path, "noise", "low tone")
    assert clip_labels(item) == [["noise"], ["low tone"]]
    prompt = as_text(
        make_prompt(item, learner.style), [["noise"], ["low tone"]], np.random.default_rng(0)
    )
    words = [part for part in prompt.parts if isinstance(part, ClipText)]
    assert {w.replace("noise noise", "noise") for w in words[:1]} == {"noise"}
    example = learner.tokenize(prompt)
    assert not example.audio_inputs and learner.tokenizer.audio not in example.ids
    numbered = [
        learner.tokenizer.decode(
            [i for i, k in zip(example.ids, example.clip_numbers, strict=False) if k == n]
        )
        for n in (1, 2)
    ]
    assert numbered[0] == words[0] and numbered[1] == words[1]


def test_labels_are_from_the_plan(tmp_path: Path) -> None:
    item = named(tmp_path, "noise")
    assert clip_labels(item) == [["noise"]]
    assert clip_labels(replace(item, plan={"values": {"heard": ["a", "b"], "answer": "a"}})) == [
        ["a", "b"]
    ]
    assert clip_labels(replace(item, plan={"values": {"heard": "rain", "answer": "no"}})) == [
        ["rain"]
    ]
    assert clip_labels(replace(item, plan={})) is None
    two = alike(tmp_path, "noise", "noise")
    assert clip_labels(replace(two, plan={"values": {"heard": ["a", "b", "c"]}})) is None


def test_scenes_are_not_rolled(tmp_path: Path) -> None:
    item = named(tmp_path, "noise")
    part = Part(item.clips[0])
    scene = Clip("plan", duration_s=2.0, plan=ScenePlan((part, replace(part, at_s=1.0)), 2.0))
    assert loose(item)
    assert not loose(replace(item, clips=(scene,)))
    assert not loose(replace(item, tags=("single", "word")))


def test_augmentation_does_not_change_the_order_of_a_scene() -> None:
    mel = np.full((400, 64), -5.0, np.float32)
    mel[:200, :20] = 1.0
    mel[200:, 40:] = 1.0
    for seed in range(30):
        out = augment(mel, np.random.default_rng(seed), loose=False)
        low, high = out[:, :20].mean(1), out[:, 44:].mean(1)
        third = len(out) // 3
        assert (
            low[:third].mean() > high[:third].mean() and low[-third:].mean() < high[-third:].mean()
        )
    masked = mask(np.ones((50, 64), np.float32), np.random.default_rng(3))
    assert masked.shape == (50, 64) and set(np.unique(masked)) <= {0.0, 1.0}


def test_augmentation_does_not_change_cached_features(tmp_path: Path) -> None:
    learner = mini()
    item = named(tmp_path, "noise")
    before = np.array(learner.features(item.clips[0]))
    for step in range(5):
        make_batch(learner, [[item]], BatchSettings(augment=True), 4, 0, step)
    np.testing.assert_array_equal(before, learner.features(item.clips[0]))


def test_no_items_is_an_error(tmp_path: Path) -> None:
    from harken.runs import Run
    from harken.train.sft import SftSettings, sft

    with pytest.raises(DataError, match="no items"):
        sft(mini(), [], SftSettings(steps=1), Run.open(tmp_path / "run", {}))


def test_questions_about_the_same_clips_share_a_prompt(tmp_path: Path) -> None:
    learner = mini(question_first=False, tied_clip_numbers=True)
    item = alike(tmp_path, "noise", "low tone")
    more = [item, replace(item, question="Which?", answer="clip 2", choices=("clip 1", "clip 2"))]
    other = alike(tmp_path, "noise", "noise", 5)
    groups = grouped([more[0], other, more[1], replace(item, question="Again?")], 2)
    assert [len(group) for group in groups] == [2, 1, 1]
    assert [len(group) for group in grouped([*more, other], 1)] == [1, 1, 1]
    example, _ = make_example(
        learner, groups[0], BatchSettings(augment=True), np.random.default_rng(0)
    )
    assert len(example.audio_inputs) == 2 and len(example.spans) == 2
    answers = {learner.tokenizer.decode(example.ids[start:end]) for start, end in example.spans}
    assert answers == {"no", "clip 2"}
    assert all(example.ids[end - 1] == learner.tokenizer.eos for _, end in example.spans)
    logits, ids, _ = learner.engine.answer_logits([example])
    assert len(ids) == example.answer_tokens == len(logits)


def test_the_first_turn_has_the_ids_it_has_alone(tmp_path: Path) -> None:
    learner = mini(question_first=False)
    item = alike(tmp_path, "noise", "low tone")
    prompt = make_prompt(item, learner.style)
    alone = learner.tokenize(prompt, "no")
    both = learner.tokenize_turns([prompt, prompt], ["no", "yes"])
    assert both.ids[: len(alone.ids)] == alone.ids
    one, _ = learner.engine.token_logprobs([alone])
    two, _ = learner.engine.token_logprobs([both])
    np.testing.assert_allclose(one.detach(), two.detach()[: len(one)], atol=1e-5)
