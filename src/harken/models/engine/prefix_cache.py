"""Prompts that were read already: their keys and values, put in line for the replies behind them.

Prompts that begin alike are read as trees, and each is handed what belongs to it. What was read for
the probabilities of choices is kept until the next are asked for, so that a reply to the same
prompt begins at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.prompt_tree import Ints, PromptTree
from harken.models.engine.tree_forward import TreeOutput, TreeReader

_ROOM = 512 << 20
"""Bytes of keys and values that are kept at most."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prompts that were read: logits (B, V) of what comes next, keys and values, true (B, L)."""

    logits: Tensor
    cache: Any
    true: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class CachedPrompt:
    """Where a prompt was read.

    Attributes:
        read: the pass.
        row: its row there.
        columns: (n,) of its tokens in the cache.
        last: column of its last token among the hidden states.
    """

    read: TreeOutput
    row: int
    columns: Ints
    last: int


class PrefixCache:
    """The prompts that were read last, by what they are."""

    def __init__(self) -> None:
        """Nothing is kept."""
        self._spots: dict[Any, CachedPrompt] = {}
        self._bytes = 0

    def clear(self) -> None:
        """Forget all."""
        self._spots.clear()
        self._bytes = 0

    def room(self, reader: TreeReader, trees: Sequence[PromptTree]) -> bool:
        """Whether what is kept of `trees`, read in one pass, has room; if so it is taken."""
        config = reader.lm.config
        try:
            heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
            width = getattr(config, "head_dim", None) or (
                config.hidden_size // config.num_attention_heads
            )
            token = 2 * config.num_hidden_layers * heads * width
        except AttributeError:
            return False
        size = reader.lm.get_input_embeddings().weight.element_size()
        needed = token * size * len(trees) * max(len(tree.depth) for tree in trees)
        if reader.by_row or self._bytes + needed > _ROOM:
            return False
        self._bytes += needed
        return True

    def add(
        self, read: TreeOutput, trees: Sequence[PromptTree], prompts: Sequence[TokenizedPrompt]
    ) -> None:
        """Keep the prompts (`prompts` by the numbers of the trees' rows) of a pass."""
        if not _plain(read.cache):
            return
        for number, spot in cached_prompts(read, trees, prompts).items():
            name = _name(prompts[number])
            if name is not None:
                self._spots.setdefault(name, spot)

    def find(self, prompts: Sequence[TokenizedPrompt]) -> list[CachedPrompt] | None:
        """Where `prompts` were read; None unless all are kept."""
        found = [self._spots.get(_name(prompt)) for prompt in prompts] if self._spots else [None]
        spots = [spot for spot in found if spot is not None]
        return spots if len(spots) == len(prompts) else None


def _name(prompt: TokenizedPrompt) -> Any:
    """What two lines that are read alike have in common; None if nobody knows."""
    keys = tuple(audio_input.key for audio_input in prompt.audio_inputs)
    return (prompt.ids, keys) if all(keys) else None


def cached_prompts(
    read: TreeOutput, trees: Sequence[PromptTree], prompts: Sequence[TokenizedPrompt]
) -> dict[int, CachedPrompt]:
    """Where each prompt of `trees` stands in a pass that kept keys and values."""
    found: dict[int, CachedPrompt] = {}
    for row, (tree, where) in enumerate(zip(trees, read.where, strict=True)):
        for number, path, (_, columns) in zip(tree.rows, tree.paths, where, strict=True):
            size = len(prompts[number].ids)
            last = int(columns[size - 1 - tree.trunk])
            found[number] = CachedPrompt(read, row, read.columns[row][path[:size]], last)
    return found


def prefill_trees(engine: Any, prompts: Sequence[TokenizedPrompt], worth: float) -> Prefill | None:
    """Read lines that begin alike as trees.

    Args:
        engine: a `harken.models.engine.engine.Engine`.
        prompts: prompts.
        worth: the largest share of the tokens that may be left.

    Returns:
        None where more is left, or the language model cannot be read so.
    """
    if engine.reader.mode(max(len(prompt.ids) for prompt in prompts)) != "tree":
        return None
    trees = engine.reader.build_trees([(prompt, ()) for prompt in prompts], engine.tokenizer)
    if sum(len(tree.depth) for tree in trees) > worth * sum(len(prompt.ids) for prompt in prompts):
        return None
    spots: dict[int, CachedPrompt] = {}
    for pack in engine.reader.packs(trees):
        here = [trees[i] for i in pack]
        read = engine.reader.read(
            engine.embedded([tree.prompt for tree in here])[0], here, cache=True
        )
        if not _plain(read.cache):
            return None
        spots |= cached_prompts(read, here, prompts)
    return prefill_cached(engine.reader, [spots[i] for i in range(len(prompts))])


def prefill_cached(reader: TreeReader, spots: Sequence[CachedPrompt]) -> Prefill:
    """Prompts that were read somewhere in rows of their own, padded on the left."""
    from transformers import DynamicCache

    longest = max(len(spot.columns) for spot in spots)
    reads = {id(spot.read): spot.read for spot in spots}
    order: list[int] = []
    logits: list[Tensor] = []
    layers: list[list[tuple[Tensor, Tensor]]] = []
    for name, read in reads.items():
        mine = [i for i, spot in enumerate(spots) if id(spot.read) == name]
        order += mine
        rows = torch.tensor([spots[i].row for i in mine], device=read.hidden.device)
        last = torch.tensor([spots[i].last for i in mine], device=rows.device)
        logits.append(reader.logits(read.hidden[rows, last]))
        layers.append(_gathered(read, rows, [spots[i].columns for i in mine], longest))
    back = torch.tensor(np.argsort(order), device=logits[0].device)
    cache = DynamicCache()
    for number, parts in enumerate(zip(*layers, strict=True)):
        keys, values = (torch.cat(side) for side in zip(*parts, strict=True))
        turn = back.to(keys.device)
        cache.update(keys[turn], values[turn], number)
    sizes = torch.tensor([len(spot.columns) for spot in spots], device=back.device)
    true = torch.arange(longest, device=back.device)[None] >= longest - sizes[:, None]
    return Prefill(torch.cat(logits)[back], cache, true)


def _plain(cache: Any) -> bool:
    """Whether all that is kept are the keys and values of every token."""
    layers: Any = getattr(cache, "layers", None)
    return bool(layers) and all(type(layer).__name__ == "DynamicLayer" for layer in layers)


def _gathered(
    read: TreeOutput, rows: Tensor, columns: Sequence[Ints], longest: int
) -> list[tuple[Tensor, Tensor]]:
    """Keys and values (n, heads, L, size) of every layer, padded on the left."""
    at = np.zeros((len(columns), longest), np.int64)
    for row, some in enumerate(columns):
        at[row, longest - len(some) :] = some
    found = []
    for layer in read.cache.layers:
        one, two = rows[:, None].to(layer.keys.device), torch.from_numpy(at).to(layer.keys.device)
        sides = (layer.keys[one, :, two], layer.values[one, :, two])
        found.append((sides[0].transpose(1, 2), sides[1].transpose(1, 2)))
    return found
