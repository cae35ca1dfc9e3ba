"""Lines read together as trees say what each line says alone, whatever the language model."""

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
from harken.models.engine import tree_forward as lalm_read
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.engine.prompt_tree import PromptTree, build_trees
from harken.models.engine.tree_forward import TreeReader

AUDIO = 500
CODER: Any = SimpleNamespace(audio=AUDIO)
SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.3,  # so that what is read wrongly is seen
}
HEADS = {**SMALL, "num_key_value_heads": 2}
GPT2: dict[str, Any] = {"vocab_size": 100, "n_embd": 16, "n_layer": 2, "n_head": 2}
ENDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


def line(*ids: int, audio_inputs: tuple[AudioInput, ...] = ()) -> TokenizedPrompt:
    return TokenizedPrompt(ids, (0,) * len(ids), audio_inputs)


def sound(tokens: int, key: str) -> AudioInput:
    return AudioInput(np.zeros((1, 1), np.float32), tokens, key)


def test_a_tree_by_hand() -> None:
    lines = [(line(1, 2, 3, 4, 9), (6,)), (line(1, 2, 3, 5, 9), (6, 7)), (line(1, 2, 3, 5, 9), ())]
    (tree,) = build_trees(lines, CODER)
    assert tree.prompt.ids == (1, 2, 3, 4, 9, 6, 5, 9, 6, 7)
    assert tree.depth.tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6]
    assert tree.trunk == 3
    paths = dict(zip(tree.rows, (path.tolist() for path in tree.paths), strict=True))
    assert paths == {0: [0, 1, 2, 3, 4, 5], 1: [0, 1, 2, 6, 7, 8, 9], 2: [0, 1, 2, 6, 7]}


def test_lines_that_share_little_stand_apart_and_sounds_tell_lines_apart() -> None:
    one, other = sound(2, "one"), sound(2, "other")
    heard = [
        (line(1, AUDIO, AUDIO, 3, 4, audio_inputs=(clip,)), (behind,))
        for clip, behind in ((one, 5), (other, 5), (one, 6))
    ]
    first, second = sorted(build_trees(heard, CODER), key=lambda tree: min(tree.rows))
    assert sorted(first.rows) == [0, 2] and second.rows == (1,)
    assert first.prompt.audio_inputs == (one,) and first.prompt.ids == (1, AUDIO, AUDIO, 3, 4, 5, 6)
    # Without a key nobody knows that two sounds are one.
    nameless = [(line(AUDIO, AUDIO, 3, audio_inputs=(sound(2, ""),)), ()) for _ in range(2)]
    assert len(build_trees(nameless, CODER)) == 2
    with pytest.raises(ModelError, match="2 audio placeholders and the encoder gave 3"):
        build_trees([(line(AUDIO, AUDIO, audio_inputs=(sound(3, "x"),)), ())], CODER)


def drawn_lines(seed: int) -> list[tuple[TokenizedPrompt, tuple[int, ...]]]:
    """Lines of few kinds of tokens, so that many begin alike; some are heard, some repeated."""
    draw = np.random.default_rng(seed)
    clips = [sound(int(draw.integers(1, 4)), key) for key in "abc"]
    found: list[tuple[TokenizedPrompt, tuple[int, ...]]] = []
    for _ in range(int(draw.integers(1, 12))):
        ids = [1, 2, *draw.integers(3, 5, draw.integers(1, 6)).tolist()]
        heard = [clips[int(i)] for i in draw.integers(0, 3, draw.integers(0, 3))]
        for clip in heard:
            ids += [AUDIO] * clip.tokens + [7]
        ids += [*draw.integers(3, 5, draw.integers(1, 4)).tolist(), 9]  # a mark ends each prompt
        here = line(*ids, audio_inputs=tuple(heard))
        for _ in range(int(draw.integers(1, 4))):
            found.append((here, tuple(draw.integers(3, 5, draw.integers(0, 3)).tolist())))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_every_line_stands_in_one_tree_and_reads_itself_only(seed: int) -> None:
    lines = drawn_lines(seed)
    trees = build_trees(lines, CODER)
    assert sorted(row for tree in trees for row in tree.rows) == list(range(len(lines)))
    for tree in trees:
        ids = np.array(tree.prompt.ids)
        reads = tree.reads[tree.segment][:, tree.segment] & np.tri(len(ids), dtype=bool)
        assert sum(s.tokens for s in tree.prompt.audio_inputs) == int((ids == AUDIO).sum())
        for row, path in zip(tree.rows, tree.paths, strict=True):
            here, behind = lines[row]
            assert ids[path].tolist() == [*here.ids, *behind]
            assert tree.depth[path].tolist() == list(range(len(path)))
            assert tree.trunk < len(here.ids)
            assert path[: tree.trunk].tolist() == list(range(tree.trunk))
            for at, place in enumerate(path):
                assert np.flatnonzero(reads[place]).tolist() == path[: at + 1].tolist()
        # No stretch stands there twice: what grows out of one token differs.
        steps = {step for path in tree.paths for step in pairwise(path.tolist())}
        grown = [(before, ids[at]) for before, at in steps if ids[at] != AUDIO]
        assert len(set(grown)) == len(grown)


def read_all(
    reader: TreeReader, lines: list[tuple[TokenizedPrompt, tuple[int, ...]]]
) -> list[Tensor]:
    """Logits of each line's last prompt token and of all behind it."""
    trees = build_trees(lines, CODER)
    embeddings = reader.lm.get_input_embeddings()
    found: dict[int, Tensor] = {}
    for pack in reader.packs(trees):
        here: list[PromptTree] = [trees[i] for i in pack]
        longest = max(len(tree.depth) for tree in here)
        rows = torch.zeros(len(here), longest, embeddings.weight.shape[1])
        for row, tree in enumerate(here):
            rows[row, : len(tree.depth)] = embeddings(torch.tensor(tree.prompt.ids))
        read = reader.read(rows, here)
        for tree, where in zip(here, read.where, strict=True):
            for number, (row, columns) in zip(tree.rows, where, strict=True):
                clip_numbers = columns[-len(lines[number][1]) - 1 :].tolist()
                found[number] = reader.logits(read.hidden[row, clip_numbers])
    return [found[number] for number in range(len(lines))]


def alone(lm: Any, lines: list[tuple[TokenizedPrompt, tuple[int, ...]]]) -> list[Tensor]:
    return [
        lm(input_ids=torch.tensor([[*here.ids, *behind]])).logits[0, -len(behind) - 1 :]
        for here, behind in lines
    ]


def some_lines() -> list[tuple[TokenizedPrompt, tuple[int, ...]]]:
    """Two rotations of one question and another question, answers of one to three tokens."""
    draw = np.random.default_rng(3)
    trunk = draw.integers(3, 99, 20).tolist()
    prompts = [line(*trunk, *draw.integers(3, 99, n).tolist()) for n in (7, 5)]
    prompts.append(line(*draw.integers(3, 99, 9).tolist()))
    return [(p, behind) for p in prompts for behind in ((5,), (6, 7, 8), (6, 9), ())]


KINDS: dict[str, tuple[Any, str]] = {
    "llama": (tf.LlamaConfig(**HEADS), "tree"),
    "qwen2": (tf.Qwen2Config(**HEADS), "tree"),
    "mistral": (tf.MistralConfig(**HEADS, sliding_window=64), "tree"),
    "mistral-8": (tf.MistralConfig(**HEADS, sliding_window=8), "prefix"),
    "lfm2": (tf.Lfm2Config(**HEADS, layer_types=["conv", "full_attention"]), "prefix"),
    # Not known by name: found out on an example.
    "gpt2": (tf.GPT2Config(**GPT2, **ENDS, initializer_range=0.3), "tree"),
    "gemma2": (tf.Gemma2Config(**HEADS, head_dim=8, sliding_window=8), "copies"),
    "bloom": (
        tf.BloomConfig(vocab_size=100, hidden_size=16, n_layer=2, n_head=2, initializer_range=0.3),
        "prefix",
    ),  # positions are told by how far apart keys stand
}


@pytest.mark.parametrize("kind", KINDS)
def test_read_together_as_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, mode = KINDS[kind]
    torch.manual_seed(0)
    lm = tf.AutoModelForCausalLM.from_config(config).eval()
    lines = some_lines()
    assert TreeReader(lm).mode(27) == mode
    with torch.no_grad():
        expected = alone(lm, lines)
        for reader in (TreeReader(lm), TreeReader(lm, mode="copies")):
            for got, want in zip(read_all(reader, lines), expected, strict=True):
                torch.testing.assert_close(got, want, atol=1e-4, rtol=0)
        monkeypatch.setattr(lalm_read, "_LONG", 8)  # the trunk first
        monkeypatch.setattr(lalm_read, "TOKENS", 64)
        for got, want in zip(read_all(TreeReader(lm), lines), expected, strict=True):
            torch.testing.assert_close(got, want, atol=1e-4, rtol=0)


def test_positions_can_be_told_in_another_way() -> None:
    """A model that counts on several axes is told so, here one that counts from 100."""
    torch.manual_seed(0)
    lm = tf.LlamaForCausalLM(tf.LlamaConfig(**HEADS)).eval()
    told: list[Tensor] = []

    def positions(clip_numbers: Tensor) -> Tensor:
        told.append(clip_numbers)
        return clip_numbers + 100

    with torch.no_grad():
        found = read_all(TreeReader(lm, positions), some_lines())
        expected = read_all(TreeReader(lm), some_lines())  # rotary: only distances matter
    assert told
    for got, want in zip(found, expected, strict=True):
        torch.testing.assert_close(got, want, atol=1e-4, rtol=0)


def test_packs_keep_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    lines = [
        (line(*(int(i) for i in draw.integers(3, 99, n))), ()) for n in draw.integers(5, 60, 40)
    ]
    trees = build_trees(lines, CODER)
    monkeypatch.setattr(lalm_read, "TOKENS", 200)
    monkeypatch.setattr(lalm_read, "_CELLS", 4000)
    found = list(TreeReader(SimpleNamespace(plain_head=True), mode="tree").packs(trees))
    assert sorted(i for pack in found for i in pack) == list(range(len(trees)))
    for pack in found:
        longest = max(len(trees[i].depth) for i in pack)
        assert len(pack) == 1 or len(pack) * longest <= 200
        assert len(pack) == 1 or len(pack) * longest**2 <= 4000
    assert max(len(pack) for pack in found) > 4
