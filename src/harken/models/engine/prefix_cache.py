"""Prefill from prompt trees: the keys and values of each prompt, gathered for generation.

The KV cache of a pass that scored choices is kept until the next such pass, so that generation
after the same prompts needs no prefill of its own.
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

_MAX_BYTES = 512 << 20
"""Largest size of the kept keys and values, in bytes."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prefilled prompts: next-token logits (B, V), KV cache, and its mask (B, L)."""

    logits: Tensor
    cache: Any
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class CachedPrompt:
    """Where a prompt's keys and values are.

    Attributes:
        output: of the forward pass.
        row: its row in the pass.
        columns: (n,) of its tokens in the KV cache.
        last: column of its last token in the hidden states.
    """

    output: TreeOutput
    row: int
    columns: Ints
    last: int


class PrefixCache:
    """The KV cache of the last pass over choices, by prompt content."""

    def __init__(self) -> None:
        """An empty cache."""
        self._prompts: dict[Any, CachedPrompt] = {}
        self._bytes = 0

    def clear(self) -> None:
        """Drop everything."""
        self._prompts.clear()
        self._bytes = 0

    def reserve(self, reader: TreeReader, trees: Sequence[PromptTree]) -> bool:
        """Reserve memory for the keys and values of a pass; False if there is too little."""
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
        needed = token * size * len(trees) * max(len(tree.positions) for tree in trees)
        if reader.by_row or self._bytes + needed > _MAX_BYTES:
            return False
        self._bytes += needed
        return True

    def add(
        self, output: TreeOutput, trees: Sequence[PromptTree], prompts: Sequence[TokenizedPrompt]
    ) -> None:
        """Keep the prompts of a pass; the trees' `rows` are indices into `prompts`."""
        if not _keys_and_values_only(output.cache):
            return
        for number, cached in cached_prompts(output, trees, prompts).items():
            key = _key(prompts[number])
            if key is not None:
                self._prompts.setdefault(key, cached)

    def find(self, prompts: Sequence[TokenizedPrompt]) -> list[CachedPrompt] | None:
        """The cached `prompts`; None unless all are."""
        found = [self._prompts.get(_key(prompt)) for prompt in prompts] if self._prompts else [None]
        cached = [prompt for prompt in found if prompt is not None]
        return cached if len(cached) == len(prompts) else None


def _key(prompt: TokenizedPrompt) -> Any:
    """Ids and clip keys; None if a clip has no key, so that equality cannot be known."""
    keys = tuple(audio_input.key for audio_input in prompt.audio_inputs)
    return (prompt.ids, keys) if all(keys) else None


def cached_prompts(
    output: TreeOutput, trees: Sequence[PromptTree], prompts: Sequence[TokenizedPrompt]
) -> dict[int, CachedPrompt]:
    """Where each prompt of `trees` is in the KV cache of a pass."""
    found: dict[int, CachedPrompt] = {}
    for row, (tree, locations) in enumerate(zip(trees, output.locations, strict=True)):
        for number, path, (_, columns) in zip(tree.rows, tree.paths, locations, strict=True):
            size = len(prompts[number].ids)
            last = int(columns[size - 1 - tree.shared_prefix])
            found[number] = CachedPrompt(output, row, output.columns[row][path[:size]], last)
    return found


def prefill_trees(
    engine: Any, prompts: Sequence[TokenizedPrompt], max_share: float
) -> Prefill | None:
    """Prefill prompts with shared prefixes as prompt trees.

    Args:
        engine: a `harken.models.engine.engine.Engine`.
        prompts: without answers.
        max_share: largest share of the prompts' tokens that the trees may have.

    Returns:
        None where the trees have more, where the language model does not allow tree attention, or
        where it keeps more than keys and values of a row (`TreeReader.by_row`).
    """
    if engine.reader.by_row:
        return None
    if engine.reader.mode(max(len(prompt.ids) for prompt in prompts)) != "tree":
        return None
    trees = engine.reader.build_trees([(prompt, ()) for prompt in prompts], engine.tokenizer)
    tokens = sum(len(prompt.ids) for prompt in prompts)
    if sum(len(tree.positions) for tree in trees) > max_share * tokens:
        return None
    cached: dict[int, CachedPrompt] = {}
    for pack in engine.reader.packs(trees):
        here = [trees[i] for i in pack]
        output = engine.reader.forward(
            engine.embedded([tree.prompt for tree in here])[0], here, cache=True
        )
        if not _keys_and_values_only(output.cache):
            return None
        cached |= cached_prompts(output, here, prompts)
    return prefill_cached(engine.reader, [cached[i] for i in range(len(prompts))])


def prefill_cached(reader: TreeReader, cached: Sequence[CachedPrompt]) -> Prefill:
    """The keys and values of cached prompts, one prompt in a row, padded on the left."""
    from transformers import DynamicCache

    longest = max(len(prompt.columns) for prompt in cached)
    outputs = {id(prompt.output): prompt.output for prompt in cached}
    order: list[int] = []
    logits: list[Tensor] = []
    layers: list[list[tuple[Tensor, Tensor]]] = []
    for name, output in outputs.items():
        own = [i for i, prompt in enumerate(cached) if id(prompt.output) == name]
        order += own
        rows = torch.tensor([cached[i].row for i in own], device=output.hidden.device)
        last = torch.tensor([cached[i].last for i in own], device=rows.device)
        logits.append(reader.logits(output.hidden[rows, last]))
        layers.append(_gathered(output, rows, [cached[i].columns for i in own], longest))
    back = torch.tensor(np.argsort(order), device=logits[0].device)
    cache = DynamicCache()
    for number, parts in enumerate(zip(*layers, strict=True)):
        keys, values = (torch.cat(side) for side in zip(*parts, strict=True))
        index = back.to(keys.device)
        cache.update(keys[index], values[index], number)
    sizes = torch.tensor([len(prompt.columns) for prompt in cached], device=back.device)
    mask = torch.arange(longest, device=back.device)[None] >= longest - sizes[:, None]
    return Prefill(torch.cat(logits)[back], cache, mask)


def _keys_and_values_only(cache: Any) -> bool:
    """Whether the cache holds the keys and values of every token and nothing else."""
    layers: Any = getattr(cache, "layers", None)
    return bool(layers) and all(type(layer).__name__ == "DynamicLayer" for layer in layers)


def _gathered(
    output: TreeOutput, rows: Tensor, columns: Sequence[Ints], longest: int
) -> list[tuple[Tensor, Tensor]]:
    """Keys and values (n, heads, L, size) of every layer, padded on the left."""
    at = np.zeros((len(columns), longest), np.int64)
    for row, own in enumerate(columns):
        at[row, longest - len(own) :] = own
    found = []
    for layer in output.cache.layers:
        one, two = rows[:, None].to(layer.keys.device), torch.from_numpy(at).to(layer.keys.device)
        sides = (layer.keys[one, :, two], layer.values[one, :, two])
        found.append((sides[0].transpose(1, 2), sides[1].transpose(1, 2)))
    return found
