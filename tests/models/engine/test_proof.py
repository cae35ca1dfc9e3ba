"""Each fault of a batch is named: counts by clip, clips of other rows, losses, not finite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from harken.ask.prompt import make_prompt, target
from harken.errors import ModelError
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import AudioInput, TokenizedPrompt, collate
from harken.models.engine.proof import (
    check_clips,
    check_finite,
    check_keys,
    check_losses,
    check_placeholders,
)
from tiny_audio import NAMES, alike, mini, named

A = 500  # the placeholder
TOKENIZER: Any = SimpleNamespace(audio=A, pad=0)


def clip(tokens: int, key: str = "", name: str = "") -> AudioInput:
    return AudioInput(np.full((tokens, 2), tokens, np.float32), tokens, key, name)


def row(*ids: int, clips: tuple[AudioInput, ...] = (), **more: Any) -> TokenizedPrompt:
    return TokenizedPrompt(ids, (0,) * (len(ids) - more.get("answer", 0)), clips, **more)


def test_counts_that_are_right_hold_also_without_a_token_between_clips() -> None:
    two = (clip(2), clip(1))
    for ids in ((1, A, A, 2, A, 3), (A, A, A), (1, A, A, A, 9, 9)):
        check_placeholders([row(*ids, clips=two), row(1)], [2, 1], TOKENIZER)
    # Three clips in two runs.
    three = (clip(2), clip(1), clip(3))
    check_placeholders([row(A, A, A, 7, A, A, A, clips=three)], [2, 1, 3], TOKENIZER)


@pytest.mark.parametrize(
    ("ids", "sizes", "given", "words"),
    [
        # The sum of the row is right, and both clips are wrong.
        ((A, A, 1, A, A), (2, 2), (1, 3), "clip 1 of 2 .* has 2 .* gave 1"),
        ((A, A, 1, A, A), (2, 2), (3, 1), "clip 1 of 2 .* has 2 .* gave 3"),
        ((A, A, A, 1, A), (2, 2), (2, 2), "clip 1 of 2 .* has 3 .* gave 2"),
        ((1, A, A, A, A), (2, 2), (2, 3), "clip 2 of 2 .* has 2 .* gave 3"),
        ((A, A, A, 7, A, A, A), (2, 2, 2), (2, 2, 2), "clip 2 of 3 .* has 1 .* gave 2"),
        ((1, 2), (2,), (2,), "clip 1 of 1 .* has 0 .* gave 2"),
        ((A, A, 1, A), (2,), (2,), "1 audio placeholders more"),
        ((A, 1), (), (), "1 audio placeholders more"),
    ],
)
def test_counts_are_compared_by_clip(
    ids: tuple[int, ...], sizes: tuple[int, ...], given: tuple[int, ...], words: str
) -> None:
    clips = tuple(clip(size, name=f"sound{n}.wav") for n, size in enumerate(sizes))
    wrong = row(*ids, clips=clips, item="abc")
    with pytest.raises(ModelError, match=f"row 1 .item abc.*{words}"):
        check_placeholders([row(1), wrong], given, TOKENIZER)


def test_clips_that_no_prompt_has_are_counted() -> None:
    for given in ([2], [2, 2, 2]):
        with pytest.raises(ModelError, match=f"have 2 clips and the encoder gave {len(given)}"):
            check_placeholders([row(A, A, clips=(clip(2),))] * 2, given, TOKENIZER)


def test_clips_of_two_rows_exchanged_are_named() -> None:
    """They have equal numbers of tokens, so that no count differs."""
    one, other = clip(2, "a", "a.wav"), clip(2, "b", "b.wav")
    prompts = [row(A, A, clips=(one,), item="x"), row(A, A, clips=(other,), item="y")]
    batch = collate(prompts, TOKENIZER)
    check_clips(batch, prompts)
    with pytest.raises(ModelError, match=r"item x.*\(a.wav\), is encoded from.*\(b.wav\)"):
        check_clips(replace(batch, audio_inputs=(other, one)), prompts)
    for clips in ((one,), (one, other, one)):
        with pytest.raises(ModelError, match="the prompts have 2 clips"):
            check_clips(replace(batch, audio_inputs=clips), prompts)


class Windows:
    """Stands for features of a long clip, which are made window by window."""


def test_one_key_for_two_sounds_is_named() -> None:
    one = clip(2, "k", "a.wav")
    check_keys([one, one, replace(one, given=np.array(one.given)), clip(3, "l"), clip(4), clip(5)])
    later = AudioInput(lambda: np.zeros((2, 2), np.float32), 2, "k")
    check_keys([one, later])  # nothing is computed for the check
    long = [AudioInput(Windows(), 4, "k", "a.wav") for _ in range(2)]
    check_keys(long)  # type: ignore[arg-type]  # of long clips nothing is kept to compare
    for other in (clip(3, "k", "b.wav"), replace(one, given=-one.features, name="b.wav")):
        with pytest.raises(ModelError, match=r"key k .*a.wav .* b.wav"):
            check_keys([clip(2, "other"), one, other])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer": 4}, "2 tokens of the prompt are in the loss"),
        ({"answer": 9}, "tokens -3 to 6 would carry"),
        ({"earlier": ((1, 3),)}, "tokens of the prompt are in the loss"),
        ({"earlier": ((4, 9),)}, "tokens 4 to 9 would carry a loss, of 6 tokens"),
        ({"ids": (1, A, A, 2, A, 4)}, "1 of them are audio placeholders"),
    ],
)
def test_only_answers_carry_a_loss(changes: dict[str, Any], words: str) -> None:
    good = row(1, A, A, 2, 3, 4, clips=(clip(2),), answer=2, item="q")
    check_losses([good, row(1, 2)], TOKENIZER)
    with pytest.raises(ModelError, match=f"row 1 .item q.*{words}"):
        check_losses([good, replace(good, **changes)], TOKENIZER)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_audio_tokens_that_are_not_finite_are_named(value: float) -> None:
    tokens = [torch.zeros(2, 3), torch.zeros(3, 3), torch.zeros(2, 3)]
    clips = (clip(2, name="a.wav"), clip(3, name="b.wav"))
    prompts = [row(1, clips=clips, item="x"), row(1, clips=(clip(2),), item="y")]
    check_finite(tokens, prompts)
    tokens[1][2, 1] = value
    with pytest.raises(ModelError, match=r"item x.*clip 2 of 2 .b.wav.*1 of 3 audio tokens"):
        check_finite(tokens, prompts)


@pytest.fixture(scope="module")
def learner() -> ComposedModel:
    return mini()


def test_the_engine_checks_counts_by_clip(
    learner: ComposedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder that gives one token less for one clip and one more for the other."""
    item = alike(tmp_path, "noise", "clicks")
    prompt = make_prompt(item, learner.style)
    example = learner.tokenize(prompt, target(item, prompt))
    assert example.item == item.id and "noise-0.4-0.wav 0.0–0.4 s" in example.audio_inputs[0].name
    learner.engine.answer_logits([example])
    plain = learner.net.encode

    def shifted(features: Any) -> list[torch.Tensor]:
        first, second = plain(features)
        return [first[:-1], torch.cat([second, first[-1:]])]

    monkeypatch.setattr(learner.net, "encode", shifted)
    count = example.audio_inputs[0].tokens
    words = f"item {item.id}.*clip 1 of 2 .noise-0.4-0.wav.*has {count} .* gave {count - 1}"
    with pytest.raises(ModelError, match=words):
        learner.engine.answer_logits([example])


def test_the_same_item_many_times_has_its_own_audio_in_every_row(
    learner: ComposedModel, tmp_path: Path
) -> None:
    """Groups of replies: rows repeat, each distinct clip is encoded once, and no row changes."""
    items = [named(tmp_path, name) for name in NAMES[:3]] + [alike(tmp_path, "noise", "clicks")]
    prompts = [make_prompt(item, learner.style) for item in items]
    one = [learner.tokenize(p, target(i, p)) for i, p in zip(items, prompts, strict=True)]
    alone = torch.cat([learner.engine.token_logprobs([example])[0] for example in one])
    size = len(alone)
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        grouped = [one[n] for n in order for _ in range(4)]
        found = learner.engine.token_logprobs(grouped)[0].detach()
        rows = {n: found[learner.engine.token_logprobs(grouped)[1] == at * 4 + 2]
                for at, n in enumerate(order)}  # fmt: skip
        torch.testing.assert_close(torch.cat([rows[n] for n in range(4)]), alone.detach())
        assert len(found) == 4 * size
