from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from whole_batch import make_batch

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import DataError
from harken.facts import ClipFacts, SourceFacts
from harken.models.engine.batch import ClipText
from harken.runs import Run
from harken.train.augment import augment, loose, mask
from harken.train.batch import BatchSettings, epoch_picks, grouped, make_example
from harken.train.text_clips import as_text, clip_labels
from harken.train.text_warmup import TextWarmupSettings, text_warmup
from tiny_audio import NAMES, alike, mini, named


def test_every_item_comes_once_before_any_comes_twice() -> None:
    picks = [pick for step in range(14) for pick in epoch_picks(7, 3, 1, step)]
    assert [sorted(picks[i : i + 7]) for i in range(0, 42, 7)] == [list(range(7))] * 6
    assert epoch_picks(7, 3, 1, 5) == picks[15:18]
    assert [epoch_picks(7, 3, 2, step) for step in range(3)] != [
        epoch_picks(7, 3, 1, step) for step in range(3)
    ]


def test_every_epoch_has_an_order_of_its_own() -> None:
    picks = [pick for step in range(8) for pick in epoch_picks(30, 15, 1, step)]
    epochs = [tuple(picks[at : at + 30]) for at in range(0, 120, 30)]
    assert len(set(epochs)) == 4 and tuple(range(30)) not in epochs


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


def test_labels_are_from_the_facts(tmp_path: Path) -> None:
    item = named(tmp_path, "noise")
    assert clip_labels(item) == [["noise"]]
    a, b = SourceFacts("sound", "a"), SourceFacts("music", "b")
    rain = SourceFacts("background", "rain")
    assert clip_labels(replace(item, facts=(ClipFacts((a, rain, b)),))) == [["a", "b"]]
    assert clip_labels(replace(item, facts=(ClipFacts((rain,)),))) is None
    assert clip_labels(replace(item, facts=(ClipFacts((a, SourceFacts("sound"))),))) is None
    assert clip_labels(replace(item, facts=())) is None
    voice = SourceFacts("speech", speaker="anna", transcript="the red door")
    spoken = replace(item, facts=(ClipFacts((voice,)),))
    assert clip_labels(spoken) == [["the red door"]]
    assert clip_labels(replace(spoken, tags=("single", "speaker"))) == [["anna"]]
    two = alike(tmp_path, "noise", "noise")
    assert clip_labels(replace(two, facts=(two.facts[0], ClipFacts()))) is None


def test_scenes_are_not_rolled(tmp_path: Path) -> None:
    item = named(tmp_path, "noise")
    part = Part(item.clips[0])
    scene = Clip("plan", duration_s=2.0, plan=ScenePlan((part, replace(part, at_s=1.0)), 2.0))
    assert loose(item)
    assert not loose(replace(item, clips=(scene,)))
    assert not loose(replace(item, facts=(ClipFacts((SourceFacts("speech", "one"),)),)))
    one, two = SourceFacts("sound", "a", onset_s=0.1), SourceFacts("sound", "b", onset_s=0.3)
    assert loose(replace(item, facts=(ClipFacts((one,)),)))
    assert not loose(replace(item, facts=(ClipFacts((one, two)),)))
    when = replace(item, choices=(), answer="a 0.10s to 0.30s", facts=(ClipFacts((one,)),))
    assert not loose(when)
    assert not loose(replace(item, facts=()))


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


def test_every_step_draws_options_and_augmentation_of_its_own(tmp_path: Path) -> None:
    learner = mini()
    groups = [[named(tmp_path, "noise")]]
    made = [make_batch(learner, groups, BatchSettings(augment=True), 1, 3, n) for n in range(12)]
    lines = [batch.examples[0] for batch in made]
    assert len({line.ids[-40:] for line in lines}) > 6
    assert len({line.audio_inputs[0].features.tobytes() for line in lines}) > 10


def test_sounds_are_changed_in_time_and_masked(tmp_path: Path) -> None:
    """Both parts of the augmentation reach the encoder: other lengths, and bands and times of 0."""
    learner = mini()
    item = named(tmp_path, "noise", seconds=1.0)
    plain = learner.prepare(learner.features(item.clips[0])).features
    rng = np.random.default_rng(0)
    seen = [
        make_example(learner, [item], BatchSettings(augment=True), rng)[0].audio_inputs[0]
        for _ in range(30)
    ]
    assert sum(len(sound.features) != len(plain) for sound in seen) > 5
    for axis in (0, 1):  # a time is 0 in all bands, or a band at all times
        blank = [bool((sound.features == 0).all(axis).any()) for sound in seen]
        assert 10 < sum(blank) < 30
    assert not (plain == 0).all(0).any() and not (plain == 0).all(1).any()
    assert all(sound.key == "" for sound in seen)  # nobody may remember one for the clip


def test_questions_of_a_line_come_in_any_order_with_their_own_answers(tmp_path: Path) -> None:
    learner = mini(question_first=False)
    item = alike(tmp_path, "noise", "low tone")
    other = replace(item, question="Which?", answer="clip 2", choices=("clip 1", "clip 2"))
    rng = np.random.default_rng(0)
    firsts = Counter()
    for _ in range(40):
        line, _ = make_example(learner, [item, other], BatchSettings(), rng)
        said = [learner.tokenizer.decode(line.ids[start:end]) for start, end in line.spans]
        asked = learner.tokenizer.decode(line.ids[: line.spans[0][0]])
        assert said == (["clip 2", "no"] if "Which?" in asked else ["no", "clip 2"])
        firsts[said[0]] += 1
    assert len(firsts) == 2 and min(firsts.values()) > 8


def test_text_warm_up_reads_every_item_that_says_what_is_heard(tmp_path: Path) -> None:
    """One epoch in one batch: the answers of all items carry loss, each once."""
    learner = mini()
    items = [replace(named(tmp_path, name), choices=(), answer=name * n)
             for n, name in enumerate(NAMES, 1)]  # fmt: skip
    unknown = replace(items[0], facts=(), answer="nobody knows what is heard here")
    size = [len(learner.tokenizer.encode(item.answer)) + 1 for item in items]
    assert len(set(size)) > 2
    run = Run.open(tmp_path / "run", {})
    text_warmup(learner, [unknown, *items], TextWarmupSettings(steps=2, batch=4, threads=1), run)
    assert [r["answer_tokens"] for r in run.records("metrics")] == [sum(size)] * 2
    assert (run.records("log")[0]["items"], run.records("log")[0]["left_out"]) == (4, 1)
