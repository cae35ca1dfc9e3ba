"""Packed prompts have the logits and the gradients that they have alone, or are refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_audioflamingo3
import tiny_granite
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
import transformers as tf
from tiny import Tiny, write

from harken.ask.prompt import make_prompt, target
from harken.errors import ModelError
from harken.item import Item
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.packing import bins, pack_rows, refusal, require_packing
from harken.models.engine.tree_forward import TreeReader
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from tiny_audio import NAMES, alike, mini, named

SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.3,  # large enough that a wrong mask changes the logits
}


def mixed(folder: Path) -> list[Item]:
    """One clip, two clips, none; lengths from short to several times as long."""
    one = [named(folder, name, n, 0.2 + 0.4 * n) for n, name in enumerate(NAMES)]
    two = [alike(folder, "noise", "low tone"), alike(folder, "clicks", "clicks", 3)]
    text = Item("Which of these is a bird? " * 3, "crow", ("crow", "cod"))
    return [*one, *two, text]


def examples(learner: Learner, folder: Path) -> list[TokenizedPrompt]:
    found = []
    for item in mixed(folder):
        prompt = make_prompt(item, learner.style)
        found.append(learner.tokenize(prompt, target(item, prompt)))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_bins_hold_everything_once_and_no_more_than_fits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 60, rng.integers(1, 40)).tolist()
    room = int(rng.integers(20, 120))
    found = bins(lengths, room)
    assert sorted(i for group in found for i in group) == list(range(len(lengths)))
    for group in found:
        assert sum(lengths[i] for i in group) <= room or len(group) == 1
    # First fit needs at most 1.7 times as many bins as the best packing, plus one.
    assert len(found) <= 1.7 * max(sum(lengths) / room, sum(n > room / 2 for n in lengths)) + 1
    assert found == bins(list(lengths), room)


def test_bins_by_hand() -> None:
    assert bins([5, 4, 3, 2], 7) == [[0, 3], [1, 2]]
    assert bins([9, 2, 3], 5) == [[0], [2, 1]]
    assert bins([6, 1, 1, 1, 1, 6], 10) == [[0, 1, 3], [5, 2, 4]]  # 8 + 8, not 10 + 6
    assert bins([], 5) == [] and bins([3], 1) == [[0]]


def test_rows_by_hand() -> None:
    prompts = [TokenizedPrompt((1, 2, 3), (0, 1), answer=1), TokenizedPrompt((4, 5), (), answer=1)]
    packed = pack_rows(prompts, 5)
    (tree,) = packed.trees
    assert tree.prompt.ids == (1, 2, 3, 4, 5) and tree.prompt.clip_numbers == (0, 1, 0, 0, 0)
    assert tree.positions.tolist() == [0, 1, 2, 0, 1] and tree.segment.tolist() == [0, 0, 0, 1, 1]
    assert tree.attends.tolist() == [[True, False], [False, True]]
    assert packed.row.tolist() == [0, 0] and packed.offset.tolist() == [0, 3]
    apart = pack_rows(prompts, 4)
    assert apart.row.tolist() == [0, 1] and apart.offset.tolist() == [0, 0]


NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "qwen2_5_omni": tiny_qwen_omni.TINIES[0],
}
COMPOSED: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {"lm": "qwen3"},
    "numbered": {"tied_clip_numbers": True},
}


def opened(kind: str, folder: Path) -> Learner:
    if kind in COMPOSED:
        return mini(init=0.2, **COMPOSED[kind])
    tiny: Tiny = NATIVE[kind]
    write(tiny, folder / kind, FAMILIES.get(tiny.kind).template)
    return load_learner(f"native:{folder / kind}")


@pytest.mark.parametrize("kind", [*COMPOSED, *NATIVE])
def test_logits_and_gradients_are_those_of_each_prompt_alone(kind: str, tmp_path: Path) -> None:
    learner = opened(kind, tmp_path)
    asked = examples(learner, tmp_path)
    engine = learner.engine
    results = {}
    total = sum(len(one.ids) for one in asked)
    for room in (0, 1, max(len(one.ids) for one in asked) + 20, total):
        learner.net.zero_grad()
        logits, ids, rows = engine.answer_logits(asked, pack_tokens=room)
        torch.nn.functional.cross_entropy(logits, ids).backward()
        grads = {n: p.grad.clone() for n, p in learner.net.named_parameters() if p.grad is not None}
        assert engine.audio is not None and engine.audio.grad is not None
        results[room] = (logits.detach(), ids, rows, grads)
    plain = results.pop(0)
    apart = torch.cat([engine.answer_logits([one])[0].detach() for one in asked])
    torch.testing.assert_close(plain[0], apart, atol=1e-5, rtol=0)
    assert len({n.split(".")[0] for n in plain[3]}) == 3 or kind == "qwen2_5_omni"
    for found in results.values():
        torch.testing.assert_close(found[0], plain[0], atol=1e-5, rtol=0)
        assert torch.equal(found[1], plain[1]) and torch.equal(found[2], plain[2])
        assert {*found[3]} == {*plain[3]}
        for name, grad in plain[3].items():
            torch.testing.assert_close(found[3][name], grad, atol=1e-5, rtol=0, msg=name)


def test_what_is_before_a_prompt_in_its_row_does_not_change_it(tmp_path: Path) -> None:
    """With a mask or positions that leak, the neighbours would be seen in the logits."""
    learner = mini(init=0.2)
    asked = examples(learner, tmp_path)
    alone = learner.engine.answer_logits(asked[:1])[0]
    for more in (asked[1:3], asked[3:], asked[:0:-1]):
        packed = learner.engine.answer_logits([asked[0], *more], pack_tokens=10_000)[0]
        torch.testing.assert_close(packed[: len(alone)], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: mini(lm="lfm2-ca").net.lm, "mix tokens otherwise .* .lfm2."),
        (
            lambda: tf.MistralForCausalLM(tf.MistralConfig(**SMALL, sliding_window=8)),
            "window is shorter than a prompt of 40",
        ),
        (
            lambda: tf.BloomForCausalLM(tf.BloomConfig(vocab_size=100, hidden_size=16, n_layer=2,
                                                       n_head=2, initializer_range=0.3)),
            "mix tokens otherwise",
        ),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_packed_is_refused_with_the_reason(build: Any, words: str) -> None:
    reader = TreeReader(build().eval())
    with pytest.raises(ModelError, match=f"cannot be packed exactly .*{words}"):
        require_packing(reader, 40)


def test_an_adapter_that_is_switched_by_row_is_refused(tmp_path: Path) -> None:
    tiny = tiny_granite.TINIES[0]
    write(tiny, tmp_path / "own", FAMILIES.get(tiny.kind).template)
    learner = load_learner(f"native:{tmp_path / 'own'}")
    asked = examples(learner, tmp_path)
    with pytest.raises(ModelError, match="an adapter is switched for a whole row"):
        learner.engine.answer_logits(asked, pack_tokens=1000)


def test_models_that_are_not_known_are_measured() -> None:
    heads = {**SMALL, "head_dim": 8}
    for lm in (
        tf.Gemma2ForCausalLM(tf.Gemma2Config(**heads, sliding_window=64)),
        tf.OlmoForCausalLM(tf.OlmoConfig(**SMALL)),
        tf.GPT2LMHeadModel(tf.GPT2Config(vocab_size=100, n_embd=16, n_layer=2, n_head=2)),
    ):
        reader = TreeReader(lm.eval())
        assert refusal(reader, 30) == "" and reader.packs_exactly
    lm.config._attn_implementation = "flash_attention_2"
    assert "takes no block-diagonal mask" in refusal(TreeReader(lm), 30)


def test_dropout_is_not_taken_for_a_fault_and_stays_on() -> None:
    lm = tf.LlamaForCausalLM(tf.LlamaConfig(**SMALL, attention_dropout=0.5)).train()
    state = torch.get_rng_state()
    assert refusal(TreeReader(lm), 30) == "" and lm.training
    assert torch.equal(torch.get_rng_state(), state)


def test_positions_that_go_on_are_found_by_the_measurement(monkeypatch: Any) -> None:
    """A model whose positions do not begin again in every prompt, planted."""
    lm = tf.GPT2LMHeadModel(
        tf.GPT2Config(vocab_size=100, n_embd=16, n_layer=2, n_head=2, initializer_range=0.3)
    ).eval()
    assert refusal(TreeReader(lm, mode="tree"), 30) == ""
    reader = TreeReader(lm, mode="tree")
    plain = reader._forward

    def ignored(embedded: torch.Tensor, position_ids: torch.Tensor, **more: Any) -> Any:
        return plain(embedded, torch.arange(embedded.shape[1])[None], **more)

    monkeypatch.setattr(reader, "_forward", ignored)
    assert "had different logits" in refusal(reader, 30)


def test_a_row_is_not_longer_than_asked() -> None:
    prompts = [TokenizedPrompt(tuple(range(1, n + 1)), ()) for n in (9, 30, 4, 4, 17, 8)]
    packed = pack_rows(prompts, 20)
    sizes = [len(tree.positions) for tree in packed.trees]
    assert sorted(sizes) == sorted([30, *[n for n in sizes if n != 30]]) and max(sizes) == 30
    assert all(n <= 20 for n in sizes if n != 30)
    for a, b in pairwise(packed.order):
        assert a != b
    for i, prompt in enumerate(prompts):
        tree = packed.trees[packed.row[i]]
        at = packed.offset[i]
        assert tree.prompt.ids[at : at + len(prompt.ids)] == prompt.ids


@pytest.mark.parametrize("frozen", [(), ("embed_tokens",), ("embed_tokens", "lm_head"), ("norm",)])
def test_modules_of_a_model_trained_in_part_stay_in_their_modes(frozen: tuple[str, ...]) -> None:
    """As in training, where the root is in evaluation mode if any part of it is frozen."""
    lm = tf.LlamaForCausalLM(tf.LlamaConfig(**SMALL, attention_dropout=0.5)).train()
    for name, module in lm.named_modules():
        if not name or name.rpartition(".")[2] in frozen:
            module.training = False
    before = {name: module.training for name, module in lm.named_modules()}
    assert True in before.values() and False in before.values()
    reader = TreeReader(lm)
    for longest in (1, 30):
        assert refusal(reader, longest) == ""
        assert {name: module.training for name, module in lm.named_modules()} == before
