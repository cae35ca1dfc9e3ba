"""Shared prefixes are computed once, and results equal those of each prompt alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harken.ask.conditions.load import conditioned
from harken.ask.prompt import make_prompt
from harken.audio.clip import silence
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Sampling
from harken.models.composed.model import ComposedModel, _features
from harken.models.engine.net import eval_mode
from harken.models.engine.tree_forward import TreeReader
from harken.models.load import load_model
from tiny_audio import NAMES, mini, named, sound

CONDITIONS = ("audio", "none", "silence", "swap")
STYLES = {
    "text": PromptStyle(letters=False, hide_implied=True),
    "letters": PromptStyle(),
    "question first": PromptStyle(question_first=True),
}


@pytest.fixture(scope="module")
def learner() -> ComposedModel:
    return mini()


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    folder = tmp_path_factory.mktemp("sounds")
    found = [named(folder, name, seed, 0.4 + 0.1 * seed) for seed, name in enumerate(NAMES)]
    clips = (sound(folder, "noise", 0.6), sound(folder, "clicks", 0.6))
    return [
        *found,
        replace(found[0], facts=(), clips=clips, question="Which of these do you hear in clip 2?"),
        replace(
            found[1], facts=(), clips=clips[::-1], question="Which of these do you hear in clip 2?"
        ),
        replace(found[0], question="Which of these is the loudest?"),
    ]


def prompts_under_conditions(items: Sequence[Item], style: PromptStyle) -> list[Prompt]:
    """Every item under four conditions in four rotations; condition by condition."""
    return [
        make_prompt(changed, style, rotation)
        for condition in CONDITIONS
        for _, changed in conditioned(items, condition)
        if changed is not None
        for rotation in range(4)
    ]


def brute(learner: ComposedModel, prompt: Prompt) -> Any:
    with torch.no_grad():
        sums = [learner.logprobs([prompt], [text]).item() for text in prompt.targets]
    return torch.tensor(sums).double().log_softmax(0).numpy()


@pytest.mark.parametrize(
    ("lm", "style"), [*(("llama", style) for style in STYLES), ("lfm2-ca", "text")]
)
def test_rotations_under_conditions_equal_brute_force(
    lm: str, style: str, items: list[Item]
) -> None:
    learner = mini(lm=lm)
    prompts = prompts_under_conditions(items, STYLES[style])
    found = learner.choice_logprobs(prompts)
    for prompt, values in list(zip(prompts, found, strict=True))[::7]:
        np.testing.assert_allclose(values, brute(learner, prompt), atol=1e-4)
    # Results do not depend on the other prompts or on their order.
    turned = learner.choice_logprobs(prompts[::-1])[::-1]
    few = [learner.choice_logprobs(prompts[i : i + 3]) for i in range(0, len(prompts), 3)]
    np.testing.assert_allclose(turned, found, atol=2e-5)
    np.testing.assert_allclose([value for some in few for value in some], found, atol=2e-5)


def test_the_same_call_gives_the_same_bits(learner: ComposedModel, items: list[Item]) -> None:
    """Whatever the earlier requests: a resumed run gives the same bytes."""
    prompts = prompts_under_conditions(items, learner.style)
    first = learner.choice_logprobs(prompts[:48])
    learner.choice_logprobs(prompts[17:])
    assert learner.choice_logprobs(prompts[:48]) == first
    learner.engine.clear_cache()
    assert learner.choice_logprobs(prompts[:48]) == first
    learner.engine.set_cache_bytes(0)
    assert learner.choice_logprobs(prompts[:48]) == first
    learner.engine.set_cache_bytes(1 << 20)


def test_most_tokens_are_shared(learner: ComposedModel, items: list[Item]) -> None:
    """Tokens in the language model's forward passes, padding included, for all choices."""
    lm: Any = learner.net.lm
    tokens: list[int] = []

    def count(module: Any, args: Any, options: dict[str, Any]) -> None:
        tokens.append(options["inputs_embeds"].shape[0] * options["inputs_embeds"].shape[1])

    prompts = prompts_under_conditions(items, STYLES["letters"])
    hook = lm.get_decoder().register_forward_pre_hook(count, with_kwargs=True)
    learner.choice_logprobs(prompts)
    hook.remove()
    alone = sum(len(learner.tokenize(prompt, prompt.targets[0]).ids) for prompt in prompts)
    assert sum(tokens) < 0.7 * alone  # though the clips are short
    assert sum(tokens) < 0.2 * 4 * alone  # one prompt for each choice


def test_every_distinct_clip_is_encoded_once(items: list[Item]) -> None:
    learner = mini(audio_encoder="conformer")  # each length of silence has features of its own
    prompts = prompts_under_conditions(items, learner.style)
    keys = {clip.key for prompt in prompts for clip in prompt.clips}
    own = {item.clips[i].key for item in items for i in range(len(item.clips))}
    assert len(keys) < len(prompts) / 8 and len(keys) > len(own)
    for start in range(0, len(prompts), 16):
        learner.choice_logprobs(prompts[start : start + 16])
        learner.generate(prompts[start : start + 4], Sampling(max_tokens=1))
    assert learner.engine.encodes == len(keys)
    # What is not in the cache is encoded again, to the same bits.
    before = learner.choice_logprobs(prompts)
    learner.engine.set_cache_bytes(0)
    assert learner.choice_logprobs(prompts) == before
    assert learner.engine.encodes > len(keys)


def test_silence_of_as_many_frames_is_encoded_once(items: list[Item]) -> None:
    learner = mini()  # its encoder pads with silence: 16 feature frames are one encoder frame
    asked = [
        replace(items[0], facts=(), clips=(silence(length),)) for length in (0.5, 0.501, 0.51, 0.9)
    ]
    prompts = [make_prompt(item, learner.style) for item in asked]
    lengths = [learner.tokenize(prompt).audio_inputs[0].tokens for prompt in prompts]
    assert len(set(lengths)) == 2
    found = learner.choice_logprobs(prompts)
    assert learner.engine.encodes == 2
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    for prompt, values in zip(prompts, found, strict=True):
        np.testing.assert_allclose(values, brute(learner, prompt), atol=1e-4)


def test_a_cached_clip_is_not_loaded_again(items: list[Item]) -> None:
    learner = mini()
    prompt = make_prompt(items[0], learner.style)
    before = learner.choice_logprobs([prompt])
    _features.clear()
    tokenized = learner.tokenize(prompt)
    assert callable(tokenized.audio_inputs[0].given) and not _features._held.held
    assert learner.choice_logprobs([prompt]) == before
    learner.engine.clear_cache()  # between tokenization and the forward pass
    assert learner.engine.choices([(tokenized, [(5, learner.tokenizer.eos)])])[0][0] < 0
    assert _features._held.held


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_generation_uses_the_kv_cache_of_choices(
    learner: ComposedModel, items: list[Item], temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replies in a tree, or from the KV cache of scored choices, equal those of single prompts."""
    prompts = prompts_under_conditions(items[-3:], learner.style)[:12]
    sampling = Sampling(max_tokens=6, temperature=temperature, top_k=20, seed=1)
    alone = [learner.generate([prompt], sampling)[0] for prompt in prompts]
    passes: list[int] = []
    forward = TreeReader._forward
    monkeypatch.setattr(
        TreeReader, "_forward", lambda *args, **kw: passes.append(1) or forward(*args, **kw)
    )
    assert learner.generate(prompts, sampling) == alone and len(passes) == 1
    learner.choice_logprobs(prompts)
    assert learner.generate(prompts[::-2], sampling) == alone[::-2] and len(passes) == 2
    learner.engine.clear_cache()
    assert learner.generate(prompts[3:], sampling) == alone[3:] and len(passes) == 3


def test_what_stages_sample_does_not_depend_on_choices_before(
    learner: ComposedModel, items: list[Item]
) -> None:
    prompts = [make_prompt(item, learner.style) for item in items[:5]]
    tokenized = dict(enumerate(learner.tokenize(prompt) for prompt in prompts))
    seeds = [[3, row] for row in tokenized]
    sampling = Sampling(max_tokens=4, temperature=1.0)

    fresh = learner.sample(tokenized, sampling, seeds, logprobs=True)
    learner.choice_logprobs(prompts)
    assert learner.engine.cached(list(tokenized.values()))
    assert learner.sample(tokenized, sampling, seeds, logprobs=True) == fresh
    assert not learner.engine.cached(list(tokenized.values()))


def test_choices_of_nothing_leave_no_kv_cache(learner: ComposedModel, items: list[Item]) -> None:
    prompts = [make_prompt(item, learner.style) for item in items[:2]]
    learner.choice_logprobs(prompts)
    learner.choice_logprobs([])
    assert not learner.engine.cached([learner.tokenize(prompt) for prompt in prompts])


def test_the_kv_cache_is_dropped_when_weights_change(items: list[Item]) -> None:
    learner = mini()
    prompts = [make_prompt(items[0], learner.style, turn) for turn in range(2)]
    learner.choice_logprobs(prompts)
    assert learner.engine.cached([learner.tokenize(prompts[1])])
    with torch.no_grad():
        learner.net.projector.second.bias.add_(0.5)
    assert not learner.engine.cached([learner.tokenize(prompts[1])])


def test_what_was_read_is_not_used_for_another_sound(items: list[Item]) -> None:
    """The words and the length are the same, and what is heard is not; nor is it without a name."""
    learner = mini()
    lines = [learner.tokenize(make_prompt(item, learner.style)) for item in items[4:6]]
    assert lines[0].ids == lines[1].ids
    answers = [(5, learner.tokenizer.eos)]
    learner.engine.choices([(lines[0], answers)])
    assert learner.engine.cached([lines[0]]) and not learner.engine.cached([lines[1]])
    learner.engine.choices([(line, answers) for line in lines])
    one, other = learner.engine.cached(lines) or ()
    assert (one.row, one.columns.tolist()) != (other.row, other.columns.tolist())
    heard = replace(lines[0], audio_inputs=tuple(replace(s, key="") for s in lines[0].audio_inputs))
    learner.engine.choices([(heard, answers)])
    assert not learner.engine.cached([heard]) and not learner.engine.cached([lines[0]])


def test_cache_size_is_a_setting(learner: ComposedModel, tmp_path: Path) -> None:
    learner.save(tmp_path / "model")
    assert ComposedModel.load(tmp_path / "model").engine._encoded.limit == 512 << 20
    assert load_model(f"{tmp_path / 'model'}?remember_mb=3").engine._encoded.limit == 3 << 20


def test_evaluation_mode_leaves_each_module_as_it_was() -> None:
    """In training a frozen module is in evaluation mode, and stays so after a reply was sampled."""
    net = mini(audio_encoder="conformer", dropout=0.1).net
    net.train()
    net.audio_encoder.eval()
    before = {name: module.training for name, module in net.named_modules()}
    assert {*before.values()} == {True, False}
    with eval_mode(net):
        assert not any(module.training for module in net.modules())
    assert {name: module.training for name, module in net.named_modules()} == before
