"""Packing: several prompts in one row, each with the logits and the gradient that it has alone.

A row is a prompt tree (`harken.models.engine.prompt_tree`) of branches that share nothing: a token
attends to the earlier tokens of its own prompt only, under a block-diagonal mask, and positions
begin at 0 in every prompt. Exact where tree attention is exact. Audio tokens stay where their
prompt has them. Not to be confused with several questions about one clip in one prompt
(`PromptTokenizer.tokenize_turns`), where a question does attend to those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harken.errors import ModelError
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.net import eval_mode
from harken.models.engine.prompt_tree import Ints, PromptTree
from harken.models.engine.tree_forward import TreeReader


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows:
    """Prompts in rows.

    Attributes:
        trees: one for each row.
        order: indices of the prompts as they follow each other in the rows.
        row: (B,) the row of each prompt.
        offset: (B,) the column where each begins.
    """

    trees: tuple[PromptTree, ...]
    order: tuple[int, ...]
    row: Ints
    offset: Ints


def bins(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Indices in groups whose lengths sum to at most `room`; one that is longer is alone.

    First fit, longest first; then, if that fits too, the same number of groups with sums as equal
    as possible, since rows are padded to the longest. Depends on the lengths only. Lengths 5, 4, 3,
    2 with room 7 give the groups 5 + 2 and 4 + 3.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    first: list[list[int]] = []
    sums: list[int] = []
    for i in order:
        at = next((n for n, total in enumerate(sums) if total + lengths[i] <= room), len(sums))
        if at == len(sums):
            first.append([])
            sums.append(0)
        first[at].append(i)
        sums[at] += lengths[i]
    even: list[list[int]] = [[] for _ in first]
    totals = [0] * len(first)
    for i in order:
        at = totals.index(min(totals))
        even[at].append(i)
        totals[at] += lengths[i]
    return even if max(totals, default=0) < max(sums, default=0) else first


def pack_rows(prompts: Sequence[TokenizedPrompt], room: int) -> PackedRows:
    """`prompts` in rows of at most `room` tokens; a longer prompt has a row of its own."""
    rows = bins([len(prompt.ids) for prompt in prompts], room)
    row, offset = np.zeros(len(prompts), np.int64), np.zeros(len(prompts), np.int64)
    for number, group in enumerate(rows):
        sizes = [len(prompts[i].ids) for i in group]
        row[group] = number
        offset[group] = np.cumsum([0, *sizes[:-1]])
    return PackedRows(
        tuple(_tree([prompts[i] for i in group]) for group in rows),
        tuple(i for group in rows for i in group),
        row,
        offset,
    )


def _tree(prompts: Sequence[TokenizedPrompt]) -> PromptTree:
    """One row: a tree whose branches begin at its root, one for each prompt."""
    sizes = [len(prompt.ids) for prompt in prompts]
    ends = np.cumsum(sizes)
    numbers = [
        number
        for prompt in prompts
        for number in (*prompt.clip_numbers, *[0] * (len(prompt.ids) - len(prompt.clip_numbers)))
    ]
    return PromptTree(
        prompt=TokenizedPrompt(
            tuple(i for prompt in prompts for i in prompt.ids),
            tuple(numbers),
            tuple(clip for prompt in prompts for clip in prompt.audio_inputs),
        ),
        segment=np.repeat(np.arange(len(prompts)), sizes),
        positions=np.concatenate([np.arange(size) for size in sizes]),
        attends=np.eye(len(prompts), dtype=np.bool_),
        shared_prefix=0,
        rows=tuple(range(len(prompts))),
        paths=tuple(
            np.arange(end - size, end) for end, size in zip(ends.tolist(), sizes, strict=True)
        ),
    )


def require_packing(reader: TreeReader, longest: int) -> None:
    """Raise ModelError, with the reason, if prompts of up to `longest` tokens cannot be packed."""
    reason = refusal(reader, longest)
    if reason:
        raise ModelError(
            f"prompts cannot be packed exactly for this model: {reason}",
            hint="Set pack_tokens to 0.",
        )


def refusal(reader: TreeReader, longest: int) -> str:
    """Why packed prompts would not have the logits that they have alone; empty if they would."""
    config = reader.lm.config
    attention = getattr(config, "_attn_implementation", "sdpa")
    if reader.by_row:
        return "an adapter is switched for a whole row, by whether there is audio in it"
    if attention not in ("sdpa", "eager"):
        return f"its attention is {attention}, which takes no block-diagonal mask"
    if reader.mode(1) != "tree":
        return (
            "its layers mix tokens otherwise than by masked attention with given positions "
            f"({config.model_type})"
        )
    if reader.mode(longest) != "tree":
        return f"its attention window is shorter than a prompt of {longest} tokens"
    if reader.packs_exactly is None:
        with eval_mode(reader.lm):  # dropout would be taken for a fault
            reader.packs_exactly = measured_exact(reader)
    if not reader.packs_exactly:
        return "packed and alone, three short prompts had different logits"
    return ""


@torch.no_grad()
def measured_exact(reader: TreeReader) -> bool:
    """Whether three short prompts have, in one row, the logits that they have alone.

    The difference (rounding) must be below 5 % of the difference that another prompt before makes.
    """
    rng = np.random.default_rng(0)
    embeddings = reader.lm.get_input_embeddings()
    device = embeddings.weight.device
    prompts = [
        TokenizedPrompt(tuple(rng.integers(0, embeddings.num_embeddings, size).tolist()), ())
        for size in (9, 14, 6)
    ]

    def logits(trees: Sequence[PromptTree]) -> Tensor:
        found = []
        for tree in trees:
            here = embeddings(torch.tensor([tree.prompt.ids], device=device))
            found.append(reader.logits(reader.forward(here, [tree]).hidden[0]).float())
        return torch.cat(found)

    packed = logits([_tree(prompts)])
    alone = logits([_tree([prompt]) for prompt in prompts])
    whole = TokenizedPrompt(tuple(i for prompt in prompts for i in prompt.ids), ())
    leaking = logits([_tree([whole])])
    size = len(prompts[0].ids)  # the first prompt has nothing before it
    difference = float((packed - alone).abs().max())
    return difference < 0.05 * float((leaking[size:] - alone[size:]).abs().max())
