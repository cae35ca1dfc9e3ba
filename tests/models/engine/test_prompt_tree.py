"""Prompt trees give the logits of separate prompts, whatever the language model."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf
from torch import Tensor

from harken.errors import ModelError
from harken.models.engine import tree_forward
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.engine.prompt_tree import PromptTree, build_trees
from harken.models.engine.tree_forward import TreeReader

AUDIO = 500
TOKENIZER: Any = SimpleNamespace(audio=AUDIO)
SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.3,  # large enough that a wrong mask changes the logits
}
HEADS = {**SMALL, "num_key_value_heads": 2}
GPT2: dict[str, Any] = {"vocab_size": 100, "n_embd": 16, "n_layer": 2, "n_head": 2}
ENDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


def tokenized(*ids: int, audio_inputs: tuple[AudioInput, ...] = ()) -> TokenizedPrompt:
    return TokenizedPrompt(ids, (0,) * len(ids), audio_inputs)


def sound(tokens: int, key: str) -> AudioInput:
    return AudioInput(np.zeros((1, 1), np.float32), tokens, key)


def test_a_tree_by_hand() -> None:
    prompts = [
        (tokenized(1, 2, 3, 4, 9), (6,)),
        (tokenized(1, 2, 3, 5, 9), (6, 7)),
        (tokenized(1, 2, 3, 5, 9), ()),
    ]
    (tree,) = build_trees(prompts, TOKENIZER)
    assert tree.prompt.ids == (1, 2, 3, 4, 9, 6, 5, 9, 6, 7)
    assert tree.positions.tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6]
    assert tree.shared_prefix == 3
    paths = dict(zip(tree.rows, (path.tolist() for path in tree.paths), strict=True))
    assert paths == {0: [0, 1, 2, 3, 4, 5], 1: [0, 1, 2, 6, 7, 8, 9], 2: [0, 1, 2, 6, 7]}


def test_prompts_with_other_clips_are_in_other_trees() -> None:
    one, other = sound(2, "one"), sound(2, "other")
    prompts = [
        (tokenized(1, AUDIO, AUDIO, 3, 4, audio_inputs=(clip,)), (answer,))
        for clip, answer in ((one, 5), (other, 5), (one, 6))
    ]
    first, second = sorted(build_trees(prompts, TOKENIZER), key=lambda tree: min(tree.rows))
    assert sorted(first.rows) == [0, 2] and second.rows == (1,)
    assert first.prompt.audio_inputs == (one,) and first.prompt.ids == (1, AUDIO, AUDIO, 3, 4, 5, 6)
    # Without a key two clips count as different.
    without_key = [(tokenized(AUDIO, AUDIO, 3, audio_inputs=(sound(2, ""),)), ()) for _ in range(2)]
    assert len(build_trees(without_key, TOKENIZER)) == 2
    with pytest.raises(ModelError, match="2 audio placeholders and the encoder gave 3"):
        build_trees([(tokenized(AUDIO, AUDIO, audio_inputs=(sound(3, "x"),)), ())], TOKENIZER)


def random_prompts(seed: int) -> list[tuple[TokenizedPrompt, tuple[int, ...]]]:
    """Prompts of few kinds of tokens, so that many share a prefix; some have clips or repeat."""
    rng = np.random.default_rng(seed)
    clips = [sound(int(rng.integers(1, 4)), key) for key in "abc"]
    found: list[tuple[TokenizedPrompt, tuple[int, ...]]] = []
    for _ in range(int(rng.integers(1, 12))):
        ids = [1, 2, *rng.integers(3, 5, rng.integers(1, 6)).tolist()]
        inputs = [clips[int(i)] for i in rng.integers(0, 3, rng.integers(0, 3))]
        for clip in inputs:
            ids += [AUDIO] * clip.tokens + [7]
        ids += [*rng.integers(3, 5, rng.integers(1, 4)).tolist(), 9]  # 9 ends each prompt
        here = tokenized(*ids, audio_inputs=tuple(inputs))
        for _ in range(int(rng.integers(1, 4))):
            found.append((here, tuple(rng.integers(3, 5, rng.integers(0, 3)).tolist())))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_every_prompt_is_in_one_tree_and_attends_to_itself_only(seed: int) -> None:
    prompts = random_prompts(seed)
    trees = build_trees(prompts, TOKENIZER)
    assert sorted(row for tree in trees for row in tree.rows) == list(range(len(prompts)))
    for tree in trees:
        ids = np.array(tree.prompt.ids)
        attends = tree.attends[tree.segment][:, tree.segment] & np.tri(len(ids), dtype=bool)
        assert sum(s.tokens for s in tree.prompt.audio_inputs) == int((ids == AUDIO).sum())
        for row, path in zip(tree.rows, tree.paths, strict=True):
            here, answer = prompts[row]
            assert ids[path].tolist() == [*here.ids, *answer]
            assert tree.positions[path].tolist() == list(range(len(path)))
            assert tree.shared_prefix < len(here.ids)
            assert path[: tree.shared_prefix].tolist() == list(range(tree.shared_prefix))
            for at, index in enumerate(path):
                assert np.flatnonzero(attends[index]).tolist() == path[: at + 1].tolist()
        # No prefix occurs twice: the successors of a token differ.
        steps = {step for path in tree.paths for step in pairwise(path.tolist())}
        successors = [(before, ids[at]) for before, at in steps if ids[at] != AUDIO]
        assert len(set(successors)) == len(successors)


def forward_all(
    reader: TreeReader, prompts: list[tuple[TokenizedPrompt, tuple[int, ...]]]
) -> list[Tensor]:
    """Logits of each prompt's last token and of its answer."""
    trees = build_trees(prompts, TOKENIZER)
    embeddings = reader.lm.get_input_embeddings()
    found: dict[int, Tensor] = {}
    for pack in reader.packs(trees):
        here: list[PromptTree] = [trees[i] for i in pack]
        longest = max(len(tree.positions) for tree in here)
        rows = torch.zeros(len(here), longest, embeddings.weight.shape[1])
        for row, tree in enumerate(here):
            rows[row, : len(tree.positions)] = embeddings(torch.tensor(tree.prompt.ids))
        out = reader.forward(rows, here)
        for tree, locations in zip(here, out.locations, strict=True):
            for number, (row, columns) in zip(tree.rows, locations, strict=True):
                last = columns[-len(prompts[number][1]) - 1 :].tolist()
                found[number] = reader.logits(out.hidden[row, last])
    return [found[number] for number in range(len(prompts))]


def alone(lm: Any, prompts: list[tuple[TokenizedPrompt, tuple[int, ...]]]) -> list[Tensor]:
    return [
        lm(input_ids=torch.tensor([[*here.ids, *answer]])).logits[0, -len(answer) - 1 :]
        for here, answer in prompts
    ]


def some_prompts() -> list[tuple[TokenizedPrompt, tuple[int, ...]]]:
    """Two rotations of one question and another question, answers of one to three tokens."""
    rng = np.random.default_rng(3)
    prefix = rng.integers(3, 99, 20).tolist()
    prompts = [tokenized(*prefix, *rng.integers(3, 99, n).tolist()) for n in (7, 5)]
    prompts.append(tokenized(*rng.integers(3, 99, 9).tolist()))
    return [(p, answer) for p in prompts for answer in ((5,), (6, 7, 8), (6, 9), ())]


KINDS: dict[str, tuple[Any, str]] = {
    "llama": (tf.LlamaConfig(**HEADS), "tree"),
    "qwen2": (tf.Qwen2Config(**HEADS), "tree"),
    "mistral": (tf.MistralConfig(**HEADS, sliding_window=64), "tree"),
    "mistral-8": (tf.MistralConfig(**HEADS, sliding_window=8), "prefix"),
    "lfm2": (tf.Lfm2Config(**HEADS, layer_types=["conv", "full_attention"]), "prefix"),
    # Not known by name: measured on an example.
    "gpt2": (tf.GPT2Config(**GPT2, **ENDS, initializer_range=0.3), "tree"),
    "gemma2": (tf.Gemma2Config(**HEADS, head_dim=8, sliding_window=8), "copies"),
    "bloom": (
        tf.BloomConfig(vocab_size=100, hidden_size=16, n_layer=2, n_head=2, initializer_range=0.3),
        "prefix",
    ),  # ALiBi: no position ids
}


@pytest.mark.parametrize("kind", KINDS)
def test_trees_give_the_logits_of_separate_prompts(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, mode = KINDS[kind]
    torch.manual_seed(0)
    lm = tf.AutoModelForCausalLM.from_config(config).eval()
    prompts = some_prompts()
    assert TreeReader(lm).mode(27) == mode
    with torch.no_grad():
        expected = alone(lm, prompts)
        for reader in (TreeReader(lm), TreeReader(lm, mode="copies")):
            for got, want in zip(forward_all(reader, prompts), expected, strict=True):
                torch.testing.assert_close(got, want, atol=1e-4, rtol=0)
        monkeypatch.setattr(tree_forward, "_LONG_TREE", 8)  # the shared prefix is prefilled first
        monkeypatch.setattr(tree_forward, "TOKENS", 64)
        for got, want in zip(forward_all(TreeReader(lm), prompts), expected, strict=True):
            torch.testing.assert_close(got, want, atol=1e-4, rtol=0)


def test_position_ids_can_be_replaced() -> None:
    """For models with position ids of their own; here they begin at 100."""
    torch.manual_seed(0)
    lm = tf.LlamaForCausalLM(tf.LlamaConfig(**HEADS)).eval()
    calls: list[Tensor] = []

    def positions(position_ids: Tensor) -> Tensor:
        calls.append(position_ids)
        return position_ids + 100

    with torch.no_grad():
        found = forward_all(TreeReader(lm, positions), some_prompts())
        expected = forward_all(TreeReader(lm), some_prompts())  # rotary: only distances matter
    assert calls
    for got, want in zip(found, expected, strict=True):
        torch.testing.assert_close(got, want, atol=1e-4, rtol=0)


def test_packs_keep_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    prompts = [
        (tokenized(*(int(i) for i in rng.integers(3, 99, n))), ()) for n in rng.integers(5, 60, 40)
    ]
    trees = build_trees(prompts, TOKENIZER)
    monkeypatch.setattr(tree_forward, "TOKENS", 200)
    monkeypatch.setattr(tree_forward, "_MASK_ENTRIES", 4000)
    found = list(TreeReader(SimpleNamespace(plain_head=True), mode="tree").packs(trees))
    assert sorted(i for pack in found for i in pack) == list(range(len(trees)))
    for pack in found:
        longest = max(len(trees[i].positions) for i in pack)
        assert len(pack) == 1 or len(pack) * longest <= 200
        assert len(pack) == 1 or len(pack) * longest**2 <= 4000
    assert max(len(pack) for pack in found) > 4
