"""Tests of every native family, each with a tiny random model opened from a folder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from families import OTHERS, TINIES
from opened import QUESTION, Both, noise, open_both
from tiny import WINDOW_S, Tiny

from harken.audio.clip import RATE_HZ
from harken.audio.single import silenced
from harken.evaluate import run as evaluate
from harken.item import Item
from harken.models.base import Sampling
from harken.models.learner import Learner
from harken.models.load import load_model
from harken.models.native.base import padded
from harken.models.native.families import FAMILIES

CLOSE = {"atol": 1e-4, "rtol": 0}


@pytest.fixture(scope="module", params=TINIES, ids=[tiny.name or tiny.kind for tiny in TINIES])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    yield open_both(request.param, tmp_path_factory.mktemp("native"))


def test_every_family_has_a_tiny_model() -> None:
    assert {*FAMILIES} == {tiny.kind for tiny in (*TINIES, *OTHERS)}
    for kind in FAMILIES:
        assert kind in FAMILIES.get(kind).types


def test_logits_are_the_official_ones(both: Both) -> None:
    """Ids and logits equal those of the class's own ``forward`` on the official features."""
    one, two = both.clip(1.3), both.clip(1.3 if both.tiny.alone else 1.07, 1)
    for prompt in (both.prompt(one), both.prompt(one, two), both.prompt()):
        tokenized = both.model.tokenize(replace(prompt, system="yes"))
        logits, ids, counts = both.theirs(replace(prompt, system="yes"))
        assert list(tokenized.ids) == ids
        assert [sound.tokens for sound in tokenized.audio_inputs] == counts
        torch.testing.assert_close(both.logits([tokenized])[0], logits, **CLOSE)


@pytest.mark.parametrize("other", OTHERS, ids=[tiny.kind for tiny in OTHERS])
def test_other_checkpoints_of_a_family_are_opened(other: Tiny, tmp_path: Path) -> None:
    """A part of a checkpoint, saved alone, gives the official logits."""
    both = open_both(other, tmp_path)
    prompt = both.prompt(both.clip(1.2))
    torch.testing.assert_close(both.ours(prompt), both.theirs(prompt)[0], **CLOSE)


def test_logits_depend_on_audio(both: Both) -> None:
    clip = both.clip(1.0)
    logits = both.ours(both.prompt(clip))[-1]
    other, silent = both.prompt(both.clip(1.0, 5)), both.prompt(silenced(clip))
    assert (both.ours(other)[-1] - logits).abs().max() > 1e-3
    assert (both.ours(silent)[-1] - logits).abs().max() > 1e-3


def test_two_clips_are_distinguished(both: Both) -> None:
    one, two, other = both.clip(0.6), both.clip(1.1, 1), both.clip(1.1, 2)
    logits = both.ours(both.prompt(one, two))[-1]
    for clips in ((two, one), (one, other), (one, one)):
        assert (both.ours(both.prompt(*clips))[-1] - logits).abs().max() > 1e-3
    tokenized = both.model.tokenize(both.prompt(one, two))
    counts = [
        len(made) for made in both.model.net.encode([s.features for s in tokenized.audio_inputs])
    ]
    for number, (sound, count) in enumerate(zip(tokenized.audio_inputs, counts, strict=True), 1):
        assert sound.tokens == count == tokenized.clip_numbers.count(number) > 0
    assert tokenized.ids.count(both.model.tokenizer.audio) == sum(counts)


def test_a_batch_gives_what_each_gives_alone(both: Both) -> None:
    one, two = both.clip(0.41), both.clip(1.7, 1)
    prompts = [both.prompt(), both.prompt(one), both.prompt(two, one, one), both.prompt(two)]
    batch = [both.model.tokenize(prompt) for prompt in prompts]
    for alone, together in zip(
        [both.logits([tokenized])[0] for tokenized in batch], both.logits(batch), strict=True
    ):
        torch.testing.assert_close(together, alone, **CLOSE)
    sampling = Sampling(max_tokens=4, temperature=1.0)
    replies = both.model.generate(prompts, sampling)
    assert replies == [both.model.generate([prompt], sampling)[0] for prompt in prompts]
    assert all(reply.stop != "failed" for reply in replies)


def test_choices_equal_brute_force(both: Both) -> None:
    prompts = [both.prompt(both.clip(0.5)), both.prompt(both.clip(0.9, 1), both.clip(0.5))]
    found = both.model.choice_logprobs(prompts)
    for prompt, values in zip(prompts, found, strict=True):
        sums = []
        for text in prompt.targets:
            tokenized = both.model.tokenize(prompt, text)
            answer = torch.tensor(tokenized.ids[tokenized.start :])
            logprobs = both.logits([tokenized])[0].double().log_softmax(-1)
            sums.append(logprobs[tokenized.start - 1 : -1].gather(1, answer[:, None]).sum())
        np.testing.assert_allclose(values, torch.stack(sums).log_softmax(0), atol=1e-4)


def test_eager_attention_and_bfloat16_give_about_the_same(both: Both) -> None:
    prompts = [both.prompt(both.clip(0.5)), both.prompt(both.clip(0.7, 1), both.clip(1.1, 2))]
    expected = both.model.choice_logprobs(prompts)
    for settings, off in (("attention=eager", 1e-4), ("dtype=bfloat16", 0.5)):
        model = load_model(f"native:{both.folder}?{settings}")
        for found, values in zip(model.choice_logprobs(prompts), expected, strict=True):
            np.testing.assert_allclose(found or (), values or (), atol=off)
        replies = model.generate(prompts, Sampling(max_tokens=2))
        assert all(reply.stop != "failed" for reply in replies)


def test_a_long_clip_is_not_truncated(both: Both) -> None:
    size = both.model.family.window_s
    size = WINDOW_S if math.isinf(size) else size
    wave = noise(2.4 * size, 3)
    changed = wave.copy()
    changed[-RATE_HZ // 2 :] *= 0.1
    prompt = both.prompt(both.wav(wave))
    if both.model.family.max_clip_s < 2.4 * size:
        (reply,) = both.model.generate([prompt], Sampling())
        assert reply.stop == "failed" and "takes at most" in (reply.error or "")
        return
    tokenized = both.model.tokenize(prompt)
    assert tokenized.audio_inputs[0].tokens > both.model.family.tokens(round(2 * size * RATE_HZ))
    logits = both.logits([tokenized])[0]
    assert (both.ours(both.prompt(both.wav(changed)))[-1] - logits[-1]).abs().max() > 1e-4
    if both.tiny.long:
        theirs, ids, _ = both.theirs(prompt)
        assert ids == list(tokenized.ids)
        torch.testing.assert_close(logits, theirs, **CLOSE)


@pytest.mark.parametrize("samples", [480, 4001, 16_000, 23_999])
def test_the_mel_at_native_length_is_the_official_one(both: Both, samples: int) -> None:
    wave = noise(samples / RATE_HZ, samples)
    family = both.model.family
    (window,) = family.windows(wave)
    official = both.tiny.mel(family.extractor, padded(wave, family.min_samples))
    assert family.tokens(samples) == len(family.encode([window]))
    sound = np.take(window.features, range(window.frames), axis=both.tiny.time_axis)
    assert sound.shape == official.shape
    # One bit: the rounding of a matrix product depends on its number of columns.
    np.testing.assert_allclose(sound, official, atol=1e-6, rtol=0)


def test_greedy_replies_are_repeated(both: Both) -> None:
    prompt = both.prompt(both.clip(0.8))
    (first,) = both.model.generate([prompt], Sampling(max_tokens=6))
    assert first.text and first.stop in ("end", "length")
    assert both.model.generate([prompt], Sampling(max_tokens=6)) == [first]
    ids: list[int] = []
    tokenized = both.model.tokenize(prompt)
    while len(ids) < 6:  # step by step, without a cache
        whole = replace(tokenized, ids=(*tokenized.ids, *ids))
        last = both.logits([whole])[0][-1]
        last[both.model.tokenizer.audio] = -torch.inf
        ids.append(int(last.argmax()))
        if ids[-1] in both.model.tokenizer.ends:
            ids.pop()
            break
    assert first.text == both.model.tokenizer.decode(ids)


def test_a_clip_is_encoded_once(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    family = type(both.model.family)
    true = family.encode

    def counted(self, windows):  # type: ignore[no-untyped-def]
        made.append(len(windows))
        return true(self, windows)

    monkeypatch.setattr(family, "encode", counted)
    one, two = both.clip(0.33, 7), both.clip(0.34, 8)
    both.model.choice_logprobs([both.prompt(one, two), both.prompt(two, one), both.prompt(one)])
    assert len(made) == 2


def test_it_can_be_trained(both: Both) -> None:
    model = both.model
    assert isinstance(model, Learner)
    prompts = [both.prompt(both.clip(0.5)), both.prompt(both.clip(0.4, 1), both.clip(0.6, 2))]
    with torch.no_grad():
        expected = [model.logprobs([p], ["yes"]).item() for p in prompts]
    found = model.logprobs(prompts, ["yes", "yes"])
    assert found.tolist() == pytest.approx(expected, abs=1e-4)
    found.sum().backward()  # type: ignore[no-untyped-call]
    for group in ("audio_encoder", "lm"):
        own = [p for name, p in model.net.named_parameters() if name.startswith(group)]
        assert any(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in own)
    model.net.zero_grad()


def test_an_evaluation_gives_the_same_twice(both: Both, tmp_path: Path) -> None:
    items = [
        Item(QUESTION, "yes", ("yes", "no"), (both.clip(0.5),), task="a"),
        Item(QUESTION, "no", ("yes", "no"), (both.clip(0.4, 1), both.clip(0.3, 2)), task="b"),
    ]
    for name in ("first", "second"):
        found = evaluate.run(
            both.model, items, tmp_path / name, max_failed=0.0, sampling=Sampling(max_tokens=4)
        )
        assert found["items"] == 2
    first, second = ((tmp_path / n / "records.jsonl").read_bytes() for n in ("first", "second"))
    assert first == second
