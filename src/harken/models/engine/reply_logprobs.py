"""Log-probabilities of sampled replies, with a gradient, each prompt computed once for its group.

The replies of a group follow one prompt: as a prompt tree (`harken.models.engine.prompt_tree`) its
tokens and its clips are in the pass once, with the replies as branches. Where the language model
does not allow tree attention, each reply is in a row of its own, and only clips are shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.proof import check_losses

_MAX_SHARE = 0.75
"""Trees are used if they have at most this share of the tokens of all rows."""

_LOGITS, _TOKENS = 1 << 28, 1 << 16
"""What is in memory at once without a gradient: numbers of logits, and tokens of all rows."""


def reply_logits(engine: Any, replies: Sequence[TokenizedPrompt]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (N, V), ids (N,) and row (N,) of every token of `replies`, in order.

    They are those of `Engine.answer_logits` but for rounding. Use it in evaluation mode.

    Args:
        engine: a `harken.models.engine.engine.Engine`.
        replies: prompts with a reply as their answer; equal prompts are computed once.

    Raises:
        ModelError: a prompt and its audio do not fit; see `harken.models.engine.proof`.
    """
    found = _tree_logits(engine, replies)
    if found is None:
        logits, ids, rows = engine.answer_logits(replies)
        return logits, ids, rows
    ids = [token for one in replies for token in one.ids[one.start :]]
    rows = np.repeat(np.arange(len(replies)), [one.answer for one in replies])
    device = found.device
    return found, torch.tensor(ids, device=device), torch.from_numpy(rows).to(device)


def reply_logprobs(engine: Any, replies: Sequence[TokenizedPrompt]) -> tuple[Tensor, Tensor]:
    """Log-probability (N,) of every token of `replies`, in order, and its row (N,).

    As replies are sampled: of all tokens but the audio placeholder.
    """
    logits, ids, rows = reply_logits(engine, replies)
    never = torch.tensor([engine.tokenizer.audio], device=logits.device)
    logs = logits.float().index_fill(1, never, -torch.inf).log_softmax(-1)
    return logs.gather(1, ids[:, None])[:, 0], rows


@torch.no_grad()
def fixed_logprobs(engine: Any, replies: Sequence[TokenizedPrompt]) -> Tensor:
    """`reply_logprobs` (N,) without a gradient: of any number of replies, in chunks."""
    return torch.cat([reply_logprobs(engine, few)[0] for few in in_chunks(engine, replies)])


def in_chunks(
    engine: Any, replies: Sequence[TokenizedPrompt]
) -> Iterator[Sequence[TokenizedPrompt]]:
    """`replies` in order, as many at once as there is room for without a gradient.

    Replies to one prompt, next to each other, stay together if they fit: it is computed once.
    """

    def share(one: TokenizedPrompt) -> float:
        return float(one.answer * engine.tokenizer.size / _LOGITS + len(one.ids) / _TOKENS)

    chunk: list[TokenizedPrompt] = []
    taken = 0.0
    for _, own in groupby(replies, key=lambda one: one.ids[: one.start]):
        group = list(own)
        whole = sum(map(share, group))
        for place, one in enumerate(group):
            needed = whole if place == 0 and whole <= 1 else share(one)
            if chunk and taken + needed > 1:
                yield chunk
                chunk, taken = [], 0.0
            chunk.append(one)
            taken += share(one)
    if chunk:
        yield chunk


def _tree_logits(engine: Any, replies: Sequence[TokenizedPrompt]) -> Tensor | None:
    """The logits by prompt trees; None where these are no gain or not exact."""
    reader = engine.reader
    if any(one.earlier for one in replies):
        return None
    if reader.mode(max(len(one.ids) for one in replies)) != "tree":
        return None
    check_losses(replies, engine.tokenizer)
    prompts = _prompts(replies)
    pairs = [(prompt, one.ids[one.start : -1])
             for prompt, one in zip(prompts, replies, strict=True)]  # fmt: skip
    trees = reader.build_trees(pairs, engine.tokenizer)
    rows = sum(len(one.ids) for one in replies)
    if sum(len(tree.positions) for tree in trees) > _MAX_SHARE * rows:
        return None
    hidden: list[Tensor] = [torch.empty(0)] * len(replies)
    audio = None
    for pack in reader.packs(trees):
        here = [trees[i] for i in pack]
        out = reader.forward(engine.embedded([tree.prompt for tree in here])[0], here)
        audio = engine.audio if audio is None else audio
        for tree, locations in zip(here, out.locations, strict=True):
            for number, (row, columns) in zip(tree.rows, locations, strict=True):
                last = torch.from_numpy(columns[-replies[number].answer :])
                hidden[number] = out.hidden[row, last.to(out.hidden.device)]
    engine.audio = audio  # of the first pass with audio: what the step measures its gradient by
    logits: Tensor = reader.logits(torch.cat(hidden))
    return logits


def _prompts(replies: Sequence[TokenizedPrompt]) -> list[TokenizedPrompt]:
    """The prompt of each reply without it; one object for all replies to the same prompt."""
    known: dict[Any, TokenizedPrompt] = {}
    found = []
    for one in replies:
        clips = tuple(clip.key or id(clip) for clip in one.audio_inputs)
        key = (one.ids[: one.start], clips)
        if key not in known:
            known[key] = replace(one, ids=one.ids[: one.start], answer=0)
        found.append(known[key])
    return found
