"""Forward passes over prompt trees (`harken.models.engine.prompt_tree`), as the model allows.

============  =====================================================================================
``"tree"``    all branches in one row: a mask says who reads whom. Exact where attention, told
              positions and masks from outside, is all that passes between tokens
``"prefix"``  the trunk is read once and what was computed of it is copied for every branch.
              Convolutions and windows are at ease with it
``"copies"``  every line is read alone: always right, and what the others are measured against
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
"""Tokens (padding included) of one forward pass when the model is asked."""

LOGITS = 1 << 26
"""Logits worked out at once: 256 MiB in float32."""

_CELLS = 1 << 25
"""Entries of one mask: 128 MiB in float32."""
_ENOUGH, _LIKE = 256, 0.8
"""From so many tokens on, a pass is not padded for trees shorter than this share of the longest."""
_LONG = 512
"""Longer trees have their trunk read first, without a mask."""
_KNOWN: dict[str, Mode] = {
    **dict.fromkeys(("llama", "qwen2", "qwen3", "mistral"), "tree"),
    "lfm2": "prefix",
}
_SCALED = ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")


@dataclass(frozen=True, slots=True, eq=False)
class TreeOutput:
    """What was read of some trees.

    Attributes:
        hidden: (R, C, width) last hidden states, or logits where the head is not a plain one.
        where: for each tree and each of its lines the row, and the columns (n,) of the line's
            tokens behind the trunk.
        cache: keys and values, if they were asked for (``"tree"`` only).
        columns: for each tree the column (L,) of each of its tokens in the cache.
    """

    hidden: Tensor
    where: list[list[tuple[int, Ints]]]
    cache: Any = None
    columns: tuple[Ints, ...] = ()


class TreeReader:
    """Reads trees with the language model `lm`.

    Args:
        lm: a causal language model of transformers, or one with its face that says of itself
            ``by_mask`` (it may be read as a tree, or only in copies), ``by_row`` (but each prompt
            in a row of its own) and ``plain_head``.
        positions: (B, L) places in a line -> ``position_ids``, for models that count in their own
            way (several axes).
        mode: how it may be read; found out if not given.
    """

    def __init__(
        self,
        lm: Any,
        positions: Callable[[Tensor], Tensor] | None = None,
        mode: Mode | None = None,
    ) -> None:
        self.lm = lm
        self.positions = positions or (lambda places: places)
        self._mode = mode
        self._plain: bool | None = None

    @property
    def plain_head(self) -> bool:
        """Whether logits are the head's output on the last hidden states and nothing else."""
        if self._plain is None:
            told = getattr(self.lm, "plain_head", None)
            usual = told is None and self.lm.config.model_type in _KNOWN
            self._plain = bool(told) or usual or (told is None and _plain(self.lm))
        return self._plain

    @property
    def by_row(self) -> bool:
        """Whether what else stands in a row changes how it is read, as the model itself says."""
        return bool(getattr(self.lm, "by_row", False))

    @property
    def tokens(self) -> int:
        """Tokens (padding included) of one pass; fewer where each of them costs all its logits."""
        if self.plain_head:
            return TOKENS
        cached_tokens = int(self.lm.get_input_embeddings().num_embeddings)
        return max(1, min(TOKENS, LOGITS // cached_tokens))

    def mode(self, length: int) -> Mode:
        """How lines of up to `length` tokens may be read."""
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
        return build_trees(prompts, tokenizer, apart=self.by_row)

    def trunk(self, tree: PromptTree) -> int:
        """How much of a tree is read first and without a mask; 0 if it is all read at once."""
        return tree.trunk if len(tree.depth) > _LONG and not self.by_row else 0

    def packs(self, trees: Sequence[PromptTree]) -> Iterator[list[int]]:
        """Numbers of trees that are read together, the longest first: little of it is padding."""
        group: list[int] = []
        longest = wide = 0
        tokens = self.tokens
        for i in sorted(range(len(trees)), key=lambda i: len(trees[i].depth), reverse=True):
            length = len(trees[i].depth)
            behind = length - self.trunk(trees[i])
            count = len(group) + 1
            full = count * longest > tokens or count * longest * max(wide, behind) > _CELLS
            if group and (full or (len(group) * longest >= _ENOUGH and length < _LIKE * longest)):
                yield group
                group = []
            longest, wide = (longest, max(wide, behind)) if group else (length, behind)
            group.append(i)
        if group:
            yield group

    def read(
        self, embedded: Tensor, trees: Sequence[PromptTree], cache: bool = False
    ) -> TreeOutput:
        """Read `trees`.

        Args:
            embedded: (B, L, width) their tokens, padded on the right.
            trees: as many as rows; those of one pack (`packs`).
            cache: keep keys and values.
        """
        longest = max(len(path) for tree in trees for path in tree.paths)
        mode = self.mode(longest)
        if mode == "tree":
            return self._branches(embedded, trees, cache)
        return self._forward_prompts(embedded, trees, prefix=mode == "prefix")

    def _branches(self, embedded: Tensor, trees: Sequence[PromptTree], cache: bool) -> TreeOutput:
        """One row a tree."""
        device, rows = embedded.device, torch.arange(len(trees), device=embedded.device)
        trunks = [self.trunk(tree) for tree in trees]
        before, kept = max(trunks), None
        if before:
            first = torch.arange(before, device=device).expand(len(trees), -1)
            kept = self._forward(embedded[:, :before], first, cache=True)[1]
        sizes = [len(tree.depth) - trunk for tree, trunk in zip(trees, trunks, strict=True)]
        depth = np.zeros((len(trees), max(sizes)), np.int64)
        for row, (tree, trunk) in enumerate(zip(trees, trunks, strict=True)):
            depth[row, : sizes[row]] = tree.depth[trunk:]
        starts = torch.tensor(trunks, device=device)
        columns = starts[:, None] + torch.arange(max(sizes), device=device)
        here = embedded[rows[:, None], columns.clamp(max=embedded.shape[1] - 1)]
        mask = _mask(trees, trunks, sizes, before, embedded)
        places = torch.from_numpy(depth).to(device)
        hidden, kept = self._forward(here, places, cache=cache, mask=mask, past=kept)
        where, lies = [], []
        for row, (tree, trunk) in enumerate(zip(trees, trunks, strict=True)):
            at = np.arange(len(tree.depth))
            lies.append(np.where(at < trunk, at, at - trunk + before))
            where.append([(row, path[tree.trunk :] - trunk) for path in tree.paths])
        return TreeOutput(hidden, where, kept, tuple(lies))

    def _forward_prompts(
        self, embedded: Tensor, trees: Sequence[PromptTree], *, prefix: bool
    ) -> TreeOutput:
        """One row a line; with `prefix`, behind one reading of the trunk of each tree."""
        parts: list[Tensor] = []
        where: list[list[tuple[int, Ints]]] = []
        total = 0
        for row, tree in enumerate(trees):
            trunk = tree.trunk if prefix and len(tree.paths) > 1 else 0
            past = self._prefixes(embedded[row : row + 1, :trunk]) if trunk else None
            step = max(1, self.tokens // max(len(path) for path in tree.paths))
            for start in range(0, len(tree.paths), step):
                few = [path[trunk:] for path in tree.paths[start : start + step]]
                # What is kept goes on with the lines that are read behind it.
                mine = copy.deepcopy(past) if step < len(tree.paths) else past
                parts.append(self._behind(embedded[row], few, trunk, mine)[:, tree.trunk - trunk :])
            sizes = [len(path) - tree.trunk for path in tree.paths]
            where.append([(total + i, np.arange(size)) for i, size in enumerate(sizes)])
            total += len(sizes)
        longest = max(part.shape[1] for part in parts)
        padded = [torch.nn.functional.pad(p, (0, 0, 0, longest - p.shape[1])) for p in parts]
        return TreeOutput(torch.cat(padded), where)

    def _prefixes(self, embedded: Tensor) -> Any:
        """What is kept of a trunk (1, P, width)."""
        places = torch.arange(embedded.shape[1], device=embedded.device)[None]
        return self._forward(embedded, places, cache=True)[1]

    def _behind(self, embedded: Tensor, paths: Sequence[Ints], start: int, past: Any) -> Tensor:
        """Hidden states (n, C, width) of lines given by their places in `embedded` (L, width)."""
        longest = max(len(path) for path in paths)
        at = np.zeros((len(paths), longest), np.int64)
        for row, path in enumerate(paths):
            at[row, : len(path)] = path
        rows = embedded[torch.from_numpy(at).to(embedded.device)]
        places = torch.arange(start, start + longest, device=embedded.device)
        if past is not None:
            past.reorder_cache(torch.zeros(len(paths), dtype=torch.long, device=embedded.device))
        return self._forward(rows, places.expand(len(paths), -1), past=past)[0]

    def _forward(
        self,
        embedded: Tensor,
        places: Tensor,
        *,
        cache: bool = False,
        mask: Tensor | None = None,
        past: Any = None,
    ) -> tuple[Tensor, Any]:
        """Hidden states, or logits where the head is not a plain one, and what is kept."""
        asked: dict[str, Any] = {
            "inputs_embeds": embedded,
            "position_ids": self.positions(places),
            "use_cache": cache or past is not None,
        }
        if mask is not None:
            asked["attention_mask"] = mask
        if past is not None:
            asked["past_key_values"] = past
        if self.plain_head:
            out = self.lm.get_decoder()(**asked)
            return out.last_hidden_state, getattr(out, "past_key_values", None)
        out = self.lm(**asked)
        return out.logits, getattr(out, "past_key_values", None)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (N, V) of what `read` gave at some places (N, width)."""
        if not self.plain_head:
            return hidden
        found: Tensor = self.lm.get_output_embeddings()(hidden)
        return found


def _mask(
    trees: Sequence[PromptTree],
    trunks: Sequence[int],
    sizes: Sequence[int],
    before: int,
    like: Tensor,
) -> Tensor:
    """(B, 1, S, before + S) to be added to scores: 0 where a token reads, else as low as can be."""
    size, most = max(sizes), max(len(tree.reads) for tree in trees)
    reads = np.zeros((len(trees), most + 1, most + 1), np.bool_)
    segment = np.full((len(trees), size), most, np.int64)
    for row, (tree, trunk) in enumerate(zip(trees, trunks, strict=True)):
        segments = len(tree.reads)
        reads[row, :segments, :segments] = tree.reads
        segment[row, : sizes[row]] = tree.segment[trunk:]
    reads[:, most, most] = True  # padding reads itself: a row that reads nothing would be NaN
    which = torch.from_numpy(segment).to(like.device)
    rows = torch.arange(len(trees), device=like.device)[:, None, None]
    seen = torch.from_numpy(reads).to(like.device)[rows, which[:, :, None], which[:, None, :]]
    seen &= torch.ones(size, size, dtype=torch.bool, device=like.device).tril()
    if before:
        ends = torch.tensor(trunks, device=like.device)[:, None, None]
        front = torch.arange(before, device=like.device)[None, None] < ends
        seen = torch.cat([front.expand(-1, size, -1), seen], 2)
    mask = torch.zeros(seen.shape, dtype=like.dtype, device=like.device)
    return mask.masked_fill(~seen, torch.finfo(like.dtype).min)[:, None]


def _window(config: Any) -> int:
    """How far back attention looks; 0 if to the beginning."""
    sliding = getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", 0)
    reaches = [sliding, getattr(config, "attention_chunk_size", 0)]
    return min((int(reach) for reach in reaches if reach), default=0)


def _mode(reader: TreeReader) -> Mode:
    """How the reader's language model may be read: as it is known, or as it shows on an example."""
    config = reader.lm.config
    masks = getattr(config, "_attn_implementation", "sdpa") in ("sdpa", "eager")
    told = getattr(reader.lm, "by_mask", None)
    if told is not None:
        return "tree" if told and masks else "copies"
    cached_tokens = _KNOWN.get(config.model_type)
    if cached_tokens is not None:
        return cached_tokens if masks or cached_tokens != "tree" else "prefix"
    modes: tuple[Mode, ...] = ("tree", "prefix") if masks else ("prefix",)
    for mode in modes:
        # Whatever goes wrong means that it cannot be read so; copies are always right.
        with suppress(Exception):
            if _shown(reader, mode):
                return mode
    return "copies"


def _plain(lm: Any) -> bool:
    """Whether the head alone makes logits of hidden states, as an example shows.

    A cap on logits does not show while they are small, so those that are told of count as well.
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
def _shown(reader: TreeReader, mode: Mode) -> bool:
    """Whether three short lines of one beginning are read by `mode` as each is alone.

    What is off by rounding must be small beside what another beginning changes.
    """
    draw = np.random.default_rng(0)
    embeddings = reader.lm.get_input_embeddings()
    ids = draw.integers(0, embeddings.num_embeddings, (5, 16)).tolist()
    trunk, branches = ids[0], [ids[1][:6], [*ids[2][:3], *ids[3][:2]], [*ids[2][:3], *ids[4][:4]]]
    tokenizer: Any = SimpleNamespace(audio=-1)

    def said(mode: Mode, trunk: list[int]) -> Tensor:
        prompts = [(TokenizedPrompt(tuple(trunk + branch), ()), ()) for branch in branches]
        read = TreeReader(reader.lm, reader.positions, mode)
        found: dict[int, Tensor] = {}
        for tree in build_trees(prompts, tokenizer):
            here = embeddings(torch.tensor([tree.prompt.ids], device=embeddings.weight.device))
            got = read.read(here, [tree])
            for number, (row, columns) in zip(tree.rows, got.where[0], strict=True):
                size = len(branches[number])
                found[number] = read.logits(got.hidden[row, columns[-size:].tolist()]).float()
        return torch.cat([found[number] for number in sorted(found)])

    alone = said("copies", trunk)
    off = float((said(mode, trunk) - alone).abs().max())
    return off < 0.05 * float((said("copies", trunk[::-1]) - alone).abs().max())
