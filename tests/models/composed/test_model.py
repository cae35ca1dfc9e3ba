from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip, silence
from harken.errors import ModelError
from harken.models.base import Prompt, Sampling
from harken.models.composed.model import WEIGHTS_FILE, ComposedModel
from harken.models.engine.batch import TokenizedPrompt, collate
from harken.models.learner import Learner
from harken.models.load import load_model
from tiny_audio import NAMES, alike, mini, named, sound


@pytest.fixture(
    scope="module",
    params=[("llama", {}), ("lfm2-ca", {"tied_clip_numbers": True, "question_first": False})],
    ids=["llama", "lfm2"],
)
def learner(request: pytest.FixtureRequest) -> ComposedModel:
    return mini(lm=request.param[0], **request.param[1])


def prompts_of(learner: ComposedModel, folder: Path) -> list[Prompt]:
    items = [
        named(folder, "noise", seconds=0.3),
        alike(folder, "low tone", "clicks"),
        named(folder, "high tone", seconds=1.7),
        replace(named(folder, "noise"), facts=(), clips=()),
        replace(named(folder, "noise"), facts=(), clips=(silence(0.9),)),
        replace(
            alike(folder, "low tone", "clicks"), facts=(), clips=(sound(folder, "noise", 0.05),) * 5
        ),
    ]
    return [make_prompt(item, learner.style) for item in items]


def test_it_is_a_learner(learner: ComposedModel) -> None:
    assert isinstance(learner, Learner)


def test_a_batch_gives_what_each_prompt_gives_alone(learner: ComposedModel, tmp_path: Path) -> None:
    prompts = prompts_of(learner, tmp_path)
    tokenized = [learner.tokenize(prompt, prompt.targets[0]) for prompt in prompts]
    with torch.no_grad():
        alone = torch.cat([learner.engine.logprobs([one]) for one in tokenized])
        together = learner.engine.logprobs(tokenized)
    logprobs = learner.logprobs(prompts, [prompt.targets[0] for prompt in prompts])
    assert logprobs.requires_grad
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    torch.testing.assert_close(logprobs.detach(), alone, atol=1e-4, rtol=0)


def test_features_of_any_length_are_encoded_alike_alone_and_together(
    learner: ComposedModel,
) -> None:
    draw = np.random.default_rng(0)
    lengths = (1, 8, 9, 40, 41, 47, 48, 200)
    parts = [draw.standard_normal((n, 64)).astype(np.float32) for n in lengths]
    with torch.no_grad():
        frames, counts = learner.net.audio_encoder.encode(parts)
        for row, part in enumerate(parts):
            single, (count,) = learner.net.audio_encoder.encode([part])
            assert (
                count
                == counts[row]
                == single.shape[1]
                == learner.net.audio_encoder.frames(len(part))
            )
            torch.testing.assert_close(frames[row, :count], single[0], atol=1e-4, rtol=0)


def test_choices_sum_to_one_and_equal_brute_force(learner: ComposedModel, tmp_path: Path) -> None:
    prompts = prompts_of(learner, tmp_path)
    found = learner.choice_logprobs(prompts)
    for prompt, values in zip(prompts, found, strict=True):
        assert values is not None
        assert np.exp(values).sum() == pytest.approx(1.0, abs=1e-6)
        with torch.no_grad():
            sums = [learner.logprobs([prompt], [text]).item() for text in prompt.targets]
        expected = torch.tensor(sums).double().log_softmax(0)
        np.testing.assert_allclose(values, expected, atol=1e-4)
    opened = replace(prompts[0], choices=(), order=())
    assert learner.choice_logprobs([opened]) == [None]


def test_greedy_replies_are_the_argmax_step_by_step(learner: ComposedModel, tmp_path: Path) -> None:
    prompts = prompts_of(learner, tmp_path)
    tokenized = {i: learner.tokenize(prompt) for i, prompt in enumerate(prompts)}
    sampling = Sampling(max_tokens=6)
    replies = learner.sample(tokenized, sampling, [[0]] * len(prompts))
    for i, one in tokenized.items():
        ids: list[int] = []
        while len(ids) < 6 and (not ids or ids[-1] != learner.tokenizer.eos):
            asked = TokenizedPrompt((*one.ids, *ids, 0), one.clip_numbers, one.audio_inputs, 1)
            with torch.no_grad():
                logits, _, _ = learner.engine.answer_logits([asked])
            logits[:, learner.tokenizer.audio] = -torch.inf
            ids.append(int(logits.argmax()))
        assert replies[i].ids == tuple(ids)


def test_long_replies_are_the_argmax_at_every_place(tmp_path: Path) -> None:
    """By a model whose logits are far apart and that says something else at every step."""
    learner = mini(2, pretrained_lm=False, mimetic=0.0, init=0.5)
    line = learner.tokenize(make_prompt(named(tmp_path, "noise"), learner.style))
    said = learner.sample({0: line}, Sampling(max_tokens=24), [[0]])[0].ids
    assert len(set(said)) > 4
    asked = TokenizedPrompt((*line.ids, *said), line.clip_numbers, line.audio_inputs, len(said))
    with torch.no_grad():
        logits, ids, _ = learner.engine.answer_logits([asked])
    logits[:, learner.tokenizer.audio] = -torch.inf
    assert logits.argmax(-1).tolist() == ids.tolist() == list(said)


def test_sampled_replies_do_not_depend_on_the_batch(learner: ComposedModel, tmp_path: Path) -> None:
    prompts = prompts_of(learner, tmp_path)
    sampling = Sampling(max_tokens=6, temperature=1.0, top_k=50, seed=3)
    together = learner.generate(prompts, sampling)
    alone = [learner.generate([prompt], sampling)[0] for prompt in reversed(prompts)]
    assert together == alone[::-1]
    other = learner.generate(prompts, replace(sampling, seed=4))
    assert [r.text for r in other] != [r.text for r in together]


def test_swapping_two_clips_changes_the_answer(learner: ComposedModel, tmp_path: Path) -> None:
    item = alike(tmp_path, "low tone", "noise")
    turned = replace(item, facts=(), clips=item.clips[::-1])
    one, two = learner.choice_logprobs([make_prompt(i, learner.style) for i in (item, turned)])
    assert one is not None and two is not None
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) > 1e-5


@pytest.mark.parametrize("tied", [True, False])
def test_a_clip_is_heard_with_its_number(tied: bool, tmp_path: Path) -> None:
    """The same tokens at the same places are another input as clip 2 than as clip 1."""
    learner = mini(2, tied_clip_numbers=tied)
    if not tied:
        with torch.no_grad():
            learner.net.projector.clip_numbers.weight.normal_(0, 0.5)
    prompt = make_prompt(named(tmp_path, "noise", seconds=0.4), learner.style)
    first = learner.tokenize(prompt, "noise")
    assert set(first.clip_numbers) == {0, 1}
    second = replace(first, clip_numbers=tuple(2 * number for number in first.clip_numbers))
    with torch.no_grad():
        alone = [learner.engine.logprobs([line]).item() for line in (first, second)]
    assert abs(alone[0] - alone[1]) > 1e-3
    asked = [
        replace(
            line, ids=line.ids[: line.start], clip_numbers=line.clip_numbers[: line.start], answer=0
        )
        for line in (first, second)
    ]
    behind = first.ids[first.start :]
    (one,), (other,) = (learner.engine.branches(line, [behind]) for line in asked)
    assert [one, other] == pytest.approx(alone, abs=1e-4)


def test_without_clips_there_are_no_audio_tokens(learner: ComposedModel, tmp_path: Path) -> None:
    item = replace(named(tmp_path, "noise"), facts=(), clips=())
    one = learner.tokenize(make_prompt(item, learner.style))
    assert not one.audio_inputs and not any(one.clip_numbers)
    tokenizer = learner.tokenizer
    assert not {tokenizer.audio, tokenizer.clip_begin, tokenizer.clip_end} & set(one.ids)


def test_clips_are_where_the_prompt_has_them(learner: ComposedModel, tmp_path: Path) -> None:
    clips = [sound(tmp_path, name, 0.4) for name in NAMES[:3]]
    parts = (clips[0], "yes", clips[1], clips[2], "no")
    one = learner.tokenize(Prompt(parts=parts, question="yes"))
    tokenizer = learner.tokenizer
    size = one.audio_inputs[0].tokens
    clip = [tokenizer.clip_begin, *[tokenizer.audio] * size, tokenizer.clip_end]
    expected = [
        tokenizer.bos,
        *clip,
        *tokenizer.encode("yes"),
        *clip,
        *clip,
        *tokenizer.encode("no"),
    ]
    assert list(one.ids) == [*expected, tokenizer.answer]


def test_a_prompt_that_fails_is_a_failed_reply_and_the_others_go_on(
    learner: ComposedModel, tmp_path: Path
) -> None:
    good = make_prompt(named(tmp_path, "noise"), learner.style)
    gone = replace(good, parts=("x", Clip(path=str(tmp_path / "gone.wav"))))
    long = replace(good, parts=("x", silence(99.0)))
    many = replace(good, parts=("yes " * 600,))
    replies = learner.generate([good, gone, long, many], Sampling(max_tokens=3))
    assert [reply.stop == "failed" for reply in replies] == [False, True, True, True]
    assert "99.00 s" in (replies[2].error or "") and "tokens long" in (replies[3].error or "")
    found = learner.choice_logprobs([good, gone, long, many])
    assert [value is None for value in found] == [False, True, True, True]


def test_cached_audio_tokens_are_dropped_when_weights_change(tmp_path: Path) -> None:
    learner = mini()
    prompt = make_prompt(named(tmp_path, "noise"), learner.style)
    before, identity = learner.choice_logprobs([prompt]), learner.identity()
    assert learner.choice_logprobs([prompt]) == before
    with torch.no_grad():
        learner.net.projector.second.bias.add_(0.5)
    assert learner.identity() != identity
    assert learner.choice_logprobs([prompt]) != before


def test_saved_and_loaded(learner: ComposedModel, tmp_path: Path) -> None:
    prompts = prompts_of(learner, tmp_path)
    learner.save(tmp_path / "model")
    again = load_model(str(tmp_path / "model"))
    assert again.identity() == learner.identity() and again.style == learner.style
    assert again.choice_logprobs(prompts) == learner.choice_logprobs(prompts)
    assert str(tmp_path) not in (tmp_path / "model" / "harken-model.json").read_text()
    first = (tmp_path / "model" / WEIGHTS_FILE).read_bytes()
    assert isinstance(again, ComposedModel)
    again.save(tmp_path / "again")
    assert (tmp_path / "again" / WEIGHTS_FILE).read_bytes() == first
    (tmp_path / "model" / WEIGHTS_FILE).write_bytes(first[:-4] + b"\0\0\1\1")
    with pytest.raises(ModelError, match="not those that were saved"):
        ComposedModel.load(tmp_path / "model")


def test_same_seed_same_model_and_the_global_state_is_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one, two, other = mini(5), mini(5), mini(6)
    assert torch.equal(before, torch.random.get_rng_state())
    assert one.identity() == two.identity() != other.identity()


def test_untrained_encoders_distinguish_sounds(tmp_path: Path) -> None:
    """With initial weights, different sounds have different audio tokens."""
    learner = mini()
    audio_inputs = [learner.audio_input(sound(tmp_path, name, 0.3)).features for name in NAMES]
    with torch.no_grad():
        tokens = torch.stack([found[0] for found in learner.net.encode(audio_inputs)])
    assert float(tokens.std(0).mean()) > 0.02 * float(tokens.abs().mean())


def test_silence_does_not_dominate_the_gradient_of_a_batch(tmp_path: Path) -> None:
    learner = mini()
    prompt = make_prompt(
        replace(named(tmp_path, "noise"), facts=(), clips=(silence(1.0),)), learner.style
    )
    learner.logprobs([prompt], ["noise"]).sum().backward()  # type: ignore[no-untyped-call]
    norms = [float(p.grad.norm()) for p in learner.parameters() if p.grad is not None]
    assert max(norms) < 1e3


def test_freezing_by_group(learner: ComposedModel) -> None:
    names = {
        name: {id(p) for n, p in learner.net.named_parameters() if n.startswith(name)}
        for name in ("audio_encoder", "projector", "lm")
    }
    assert {id(p) for p in learner.trainable(["projector", "lm"])} == names["projector"] | names[
        "lm"
    ]
    assert {id(p) for p in learner.parameters()} == names["projector"] | names["lm"]
    with pytest.raises(ModelError, match="decoder"):
        learner.trainable(["decoder"])
    learner.trainable(["audio_encoder", "projector", "lm"])


def test_batches_are_padded_on_either_side(learner: ComposedModel) -> None:
    tokenized = [TokenizedPrompt((7, 8, 9), (0, 1, 0)), TokenizedPrompt((7,), (0,))]
    right, left = (
        collate(tokenized, learner.tokenizer),
        collate(tokenized, learner.tokenizer, left=True),
    )
    pad = learner.tokenizer.pad
    assert right.ids.tolist() == [[7, 8, 9], [7, pad, pad]]
    assert left.ids.tolist() == [[7, 8, 9], [pad, pad, 7]]
    assert left.mask.tolist() == [[True] * 3, [False, False, True]]
