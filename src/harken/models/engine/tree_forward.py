"""Forward passes over prompt trees (`harken.models.engine.prompt_tree`), as the model allows.

============  =====================================================================================
``"tree"``    tree attention: all branches in one row under a 4-D mask. Exact where tokens interact
              by attention only, with position ids and mask given from outside
``"prefix"``  the shared prefix is prefilled once and its cache copied for every branch. Exact for
              convolutions and sliding windows too
``"copies"``  each prompt in a row of its own: always right, and the reference for the other two
============  =====================================================================================
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.prompt_tree import Ints, PromptTree, build_trees
from harken.models.engine.tokenizer import TextTokenizer

Mode = Literal["tree", "prefix", "copies"]

TOKENS = 8192
"""Tokens (padding included) of one forward pass in inference."""

LOGITS = 1 << 26
"""Logits computed at once: 256 MiB in float32."""

_MASK_ENTRIES = 1 << 25
"""Entries of one mask: 128 MiB in float32."""
_ENOUGH, _SIMILAR = 256, 0.8
"""A pass of `_ENOUGH` tokens takes no tree shorter than `_SIMILAR` times the longest: padding."""
_LONG_TREE = 512
"""Longer trees have their shared prefix prefilled first, without a mask."""
_KNOWN: dict[str, Mode] = {
    **dict.fromkeys(("llama", "qwen2", "qwen3", "mistral"), "tree"),
    "lfm2": "prefix",
}
_SCALED = ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")


@dataclass(frozen=True, slots=True, eq=False)
class TreeOutput:
    """The result of a forward pass over trees.

    Attributes:
        hidden: (R, C, width) last hidden states; logits without a plain head.
        locations: for each tree and each of its paths, the row and the columns (n,) in `hidden` of
            the tokens after the shared prefix.
        cache: KV cache, if requested (``"tree"`` only).
        columns: for each tree the column (L,) of each of its tokens in the cache.
    """

    hidden: Tensor
    locations: list[list[tuple[int, Ints]]]
    cache: Any = None
    columns: tuple[Ints, ...] = ()


class TreeReader:
    """Forward passes of the language model `lm` over prompt trees.

    Args:
        lm: a causal language model of transformers, or one with its interface that also has
            ``by_mask`` (tree attention is exact; else only ``"copies"``), ``by_row`` (each prompt
            needs a row of its own) and ``plain_head``.
        positions: (B, L) positions in a prompt -> ``position_ids``, for models with position ids of
            their own (several axes).
        mode: the mode that is exact for `lm`; measured on an example if not given.

    Attributes:
        packs_exactly: whether packed prompts were measured to be exact; None: not measured yet.
    """

    def __init__(
        self,
        lm: Any,
        positions: Callable[[Tensor], Tensor] | None = None,
        mode: Mode | None = None,
    ) -> None:
        self.lm = lm
        self.positions = positions or (lambda position_ids: position_ids)
        self._mode = mode
        self._plain: bool | None = None
        self.packs_exactly: bool | None = None

    @property
    def plain_head(self) -> bool:
        """Whether logits are the head's output on the last hidden states, not scaled or capped."""
        if self._plain is None:
            declared = getattr(self.lm, "plain_head", None)
            known = declared is None and self.lm.config.model_type in _KNOWN
            self._plain = bool(declared) or known or (declared is None and _plain(self.lm))
        return self._plain

    @property
    def by_row(self) -> bool:
        """Whether each prompt needs a row of its own; declared by the model."""
        return bool(getattr(self.lm, "by_row", False))

    @property
    def tokens(self) -> int:
        """Tokens (padding included) of one pass; fewer where a pass computes the logits of all."""
        if self.plain_head:
            return TOKENS
        vocabulary = int(self.lm.get_input_embeddings().num_embeddings)
        return max(1, min(TOKENS, LOGITS // vocabulary))

    def mode(self, length: int) -> Mode:
        """The mode for prompts of up to `length` tokens."""
        if self._mode is None:
            self._mode = _mode(self)
        config = self.lm.config
        if self._mode == "tree" and 0 < _window(config) < length:
            return "prefix" if config.model_type in _KNOWN else "copies"
        return self._mode

    def build_trees(
        self, prompts: Sequence[tuple[TokenizedPrompt, Sequence[int]]], tokenizer: TextTokenizer
    ) -> list[PromptTree]:
        """The trees of `prompts`; see `harken.models.engine.prompt_tree.build_trees`."""
        return build_trees(prompts, tokenizer, separate=self.by_row)

    def prefill_length(self, tree: PromptTree) -> int:
        """Tokens of a tree that are prefilled first, without a mask; 0 for short trees."""
        long = len(tree.positions) > _LONG_TREE and not self.by_row
        return tree.shared_prefix if long else 0

    def packs(self, trees: Sequence[PromptTree]) -> Iterator[list[int]]:
        """Indices of the trees of each pass, the longest first, so that there is little padding."""
        group: list[int] = []
        longest = wide = 0
        tokens = self.tokens
        for i in sorted(range(len(trees)), key=lambda i: len(trees[i].positions), reverse=True):
            length = len(trees[i].positions)
            masked = length - self.prefill_length(trees[i])
            count = len(group) + 1
            entries = count * longest * max(wide, masked)
            full = count * longest > tokens or entries > _MASK_ENTRIES
            padded = len(group) * longest >= _ENOUGH and length < _SIMILAR * longest
            if group and (full or padded):
                yield group
                group = []
            longest, wide = (longest, max(wide, masked)) if group else (length, masked)
            group.append(i)
        if group:
            yield group

    def forward(
        self, embedded: Tensor, trees: Sequence[PromptTree], cache: bool = False
    ) -> TreeOutput:
        """One forward pass over `trees`.

        Args:
            embedded: (B, L, width) embeddings of their tokens, padded on the right.
            trees: one for each row; those of one pack (`packs`).
            cache: return the KV cache.
        """
        longest = max(len(path) for tree in trees for path in tree.paths)
        mode = self.mode(longest)
        if mode == "tree":
            return self._forward_trees(embedded, trees, cache)
        return self._forward_prompts(embedded, trees, prefix=mode == "prefix")

    def _forward_trees(
        self, embedded: Tensor, trees: Sequence[PromptTree], cache: bool
    ) -> TreeOutput:
        """One tree in each row, under a tree attention mask."""
        device, rows = embedded.device, torch.arange(len(trees), device=embedded.device)
        prefixes = [self.prefill_length(tree) for tree in trees]
        before, past = max(prefixes), None
        if before:
            first = torch.arange(before, device=device).expand(len(trees), -1)
            past = self._forward(embedded[:, :before], first, cache=True)[1]
        sizes = [len(tree.positions) - prefix for tree, prefix in zip(trees, prefixes, strict=True)]
        positions = np.zeros((len(trees), max(sizes)), np.int64)
        for row, (tree, prefix) in enumerate(zip(trees, prefixes, strict=True)):
            positions[row, : sizes[row]] = tree.positions[prefix:]
        starts = torch.tensor(prefixes, device=device)
        columns = starts[:, None] + torch.arange(max(sizes), device=device)
        here = embedded[rows[:, None], columns.clamp(max=embedded.shape[1] - 1)]
        mask = _mask(trees, prefixes, sizes, before, embedded)
        position_ids = torch.from_numpy(positions).to(device)
        hidden, past = self._forward(here, position_ids, cache=cache, mask=mask, past=past)
        locations, cached = [], []
        for row, (tree, prefix) in enumerate(zip(trees, prefixes, strict=True)):
            at = np.arange(len(tree.positions))
            cached.append(np.where(at < prefix, at, at - prefix + before))
            locations.append([(row, path[tree.shared_prefix :] - prefix) for path in tree.paths])
        return TreeOutput(hidden, locations, past, tuple(cached))

    def _forward_prompts(
        self, embedded: Tensor, trees: Sequence[PromptTree], *, prefix: bool
    ) -> TreeOutput:
        """One path in each row; with `prefix`, after one prefill of each tree's shared prefix."""
        parts: list[Tensor] = []
        locations: list[list[tuple[int, Ints]]] = []
        total = 0
        for row, tree in enumerate(trees):
            shared = tree.shared_prefix if prefix and len(tree.paths) > 1 else 0
            past = self._prefill(embedded[row : row + 1, :shared]) if shared else None
            step = max(1, self.tokens // max(len(path) for path in tree.paths))
            for start in range(0, len(tree.paths), step):
                few = [path[shared:] for path in tree.paths[start : start + step]]
                # A forward pass extends its cache in place.
                own = copy.deepcopy(past) if step < len(tree.paths) else past
                hidden = self._forward_suffixes(embedded[row], few, shared, own)
                parts.append(hidden[:, tree.shared_prefix - shared :])
            sizes = [len(path) - tree.shared_prefix for path in tree.paths]
            locations.append([(total + i, np.arange(size)) for i, size in enumerate(sizes)])
            total += len(sizes)
        longest = max(part.shape[1] for part in parts)
        padded = [torch.nn.functional.pad(p, (0, 0, 0, longest - p.shape[1])) for p in parts]
        return TreeOutput(torch.cat(padded), locations)

    def _prefill(self, embedded: Tensor) -> Any:
        """The cache of a prefix (1, P, width)."""
        position_ids = torch.arange(embedded.shape[1], device=embedded.device)[None]
        return self._forward(embedded, position_ids, cache=True)[1]

    def _forward_suffixes(
        self, embedded: Tensor, paths: Sequence[Ints], start: int, past: Any
    ) -> Tensor:
        """Hidden states (n, C, width) of paths given by their indices into `embedded` (L, width).

        `start` is the number of tokens in the cache `past`.
        """
        longest = max(len(path) for path in paths)
        at = np.zeros((len(paths), longest), np.int64)
        for row, path in enumerate(paths):
            at[row, : len(path)] = path
        rows = embedded[torch.from_numpy(at).to(embedded.device)]
        position_ids = torch.arange(start, start + longest, device=embedded.device)
        if past is not None:
            past.reorder_cache(torch.zeros(len(paths), dtype=torch.long, device=embedded.device))
        return self._forward(rows, position_ids.expand(len(paths), -1), past=past)[0]

    def _forward(
        self,
        embedded: Tensor,
        position_ids: Tensor,
        *,
        cache: bool = False,
        mask: Tensor | None = None,
        past: Any = None,
    ) -> tuple[Tensor, Any]:
        """Hidden states (logits without a plain head), and the cache."""
        inputs: dict[str, Any] = {
            "inputs_embeds": embedded,
            "position_ids": self.positions(position_ids),
            "use_cache": cache or past is not None,
        }
        if mask is not None:
            inputs["attention_mask"] = mask
        if past is not None:
            inputs["past_key_values"] = past
        if self.plain_head:
            out = self.lm.get_decoder()(**inputs)
            return out.last_hidden_state, getattr(out, "past_key_values", None)
        out = self.lm(**inputs)
        return out.logits, getattr(out, "past_key_values", None)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (N, V) of vectors (N, width) of `TreeOutput.hidden`."""
        if not self.plain_head:
            return hidden
        found: Tensor = self.lm.get_output_embeddings()(hidden)
        return found


def _mask(
    trees: Sequence[PromptTree],
    prefixes: Sequence[int],
    sizes: Sequence[int],
    before: int,
    like: Tensor,
) -> Tensor:
    """Additive mask (B, 1, S, before + S): 0 where a token attends, else the dtype's minimum."""
    size, most = max(sizes), max(len(tree.attends) for tree in trees)
    attends = np.zeros((len(trees), most + 1, most + 1), np.bool_)
    segment = np.full((len(trees), size), most, np.int64)
    for row, (tree, prefix) in enumerate(zip(trees, prefixes, strict=True)):
        segments = len(tree.attends)
        attends[row, :segments, :segments] = tree.attends
        segment[row, : sizes[row]] = tree.segment[prefix:]
    attends[:, most, most] = True  # padding attends to itself: a fully masked row would be NaN
    which = torch.from_numpy(segment).to(like.device)
    rows = torch.arange(len(trees), device=like.device)[:, None, None]
    allowed = torch.from_numpy(attends).to(like.device)[rows, which[:, :, None], which[:, None, :]]
    allowed &= torch.ones(size, size, dtype=torch.bool, device=like.device).tril()
    if before:
        ends = torch.tensor(prefixes, device=like.device)[:, None, None]
        front = torch.arange(before, device=like.device)[None, None] < ends
        allowed = torch.cat([front.expand(-1, size, -1), allowed], 2)
    mask = torch.zeros(allowed.shape, dtype=like.dtype, device=like.device)
    return mask.masked_fill(~allowed, torch.finfo(like.dtype).min)[:, None]


def _window(config: Any) -> int:
    """Size of the attention window; 0 for full attention."""
    sliding = getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", 0)
    sizes = [sliding, getattr(config, "attention_chunk_size", 0)]
    return min((int(size) for size in sizes if size), default=0)


def _mode(reader: TreeReader) -> Mode:
    """The fastest exact mode of the language model: declared, known, or measured on an example."""
    config = reader.lm.config
    masks = getattr(config, "_attn_implementation", "sdpa") in ("sdpa", "eager")
    declared = getattr(reader.lm, "by_mask", None)
    if declared is not None:
        return "tree" if declared and masks else "copies"
    known = _KNOWN.get(config.model_type)
    if known is not None:
        return known if masks or known != "tree" else "prefix"
    modes: tuple[Mode, ...] = ("tree", "prefix") if masks else ("prefix",)
    for mode in modes:
        # Any error means that the model does not allow this mode; copies are always right.
        with suppress(Exception):
            if _is_exact(reader, mode):
                return mode
    return "copies"


def _plain(lm: Any) -> bool:
    """Whether the head alone turns hidden states into logits, measured on an example.

    A cap has no effect on small logits, so caps and scales in the configuration count too.
    """
    if any(getattr(lm.config, name, None) not in (None, 1, False) for name in _SCALED):
        return False
    ids = torch.arange(8, device=lm.get_input_embeddings().weight.device)[None]
    with suppress(Exception), torch.no_grad(), torch.random.fork_rng(devices=[]):
        hidden = lm.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
        ours = lm.get_output_embeddings()(hidden)
        return bool(torch.allclose(ours, lm(input_ids=ids, use_cache=False).logits, 1e-4, 1e-5))
    return False


@torch.no_grad()
def _is_exact(reader: TreeReader, mode: Mode) -> bool:
    """Whether `mode` gives the logits of ``"copies"`` for three short prompts with one prefix.

    The difference (rounding) must be below 5 % of the difference that another prefix makes.
    """
    rng = np.random.default_rng(0)
    embeddings = reader.lm.get_input_embeddings()
    ids = rng.integers(0, embeddings.num_embeddings, (5, 16)).tolist()
    prefix, branches = ids[0], [ids[1][:6], [*ids[2][:3], *ids[3][:2]], [*ids[2][:3], *ids[4][:4]]]
    tokenizer: Any = SimpleNamespace(audio=-1)

    def logits(mode: Mode, prefix: list[int]) -> Tensor:
        prompts = [(TokenizedPrompt(tuple(prefix + branch), ()), ()) for branch in branches]
        own = TreeReader(reader.lm, reader.positions, mode)
        found: dict[int, Tensor] = {}
        for tree in build_trees(prompts, tokenizer):
            here = embeddings(torch.tensor([tree.prompt.ids], device=embeddings.weight.device))
            out = own.forward(here, [tree])
            for number, (row, columns) in zip(tree.rows, out.locations[0], strict=True):
                size = len(branches[number])
                found[number] = own.logits(out.hidden[row, columns[-size:].tolist()]).float()
        return torch.cat([found[number] for number in sorted(found)])

    expected = logits("copies", prefix)
    difference = float((logits(mode, prefix) - expected).abs().max())
    return difference < 0.05 * float((logits("copies", prefix[::-1]) - expected).abs().max())
