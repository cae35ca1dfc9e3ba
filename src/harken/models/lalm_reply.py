"""Drawing replies: prompts are read once, then every reply goes on token by token.

Prompts that begin alike (rotations of one question, questions about the same clips) are read as
trees, and what was computed of their common part is handed to each: the reply is the one that the
prompt alone would get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.models.base import Sampling
from harken.models.lalm_batch import Line
from harken.models.lalm_read import TOKENS, Read
from harken.models.lalm_tree import Tree

_WORTH = 0.75
"""Trees are planted for replies if they leave no more than this share of the tokens."""


@dataclass(frozen=True, slots=True)
class Said:
    """One drawn reply: its tokens as drawn (``<eos>`` included if it ended), and its text.

    A text can have many spellings in tokens; who teaches by a reply needs the one that was drawn.
    """

    ids: tuple[int, ...]
    text: str
    ended: bool


@dataclass(slots=True)
class _Begun:
    """Prompts that were read: logits (B, V) of what comes next, keys and values, true (B, L)."""

    logits: Tensor
    cache: Any
    true: Tensor


def batches(lines: Mapping[int, Line], more: int) -> list[list[int]]:
    """Lines in order of length, cut into groups of at most `TOKENS` tokens with `more` behind."""
    groups: list[list[int]] = []
    for i in sorted(lines, key=lambda i: len(lines[i].ids), reverse=True):
        room = len(lines[groups[-1][0]].ids) + more if groups else 0
        if groups and (len(groups[-1]) + 1) * room <= TOKENS:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@torch.no_grad()
def reply(
    voice: Any, lines: Sequence[Line], sampling: Sampling, draws: Sequence[np.random.Generator]
) -> list[Said]:
    """Go on from each line until ``<eos>`` or `sampling.max_tokens`.

    Args:
        voice: a `harken.models.lalm_ask.Voice`.
        lines: prompts, without answers.
        sampling: temperature 0 is greedy; `top_k` 0 keeps all tokens.
        draws: one generator a line: a reply does not depend on what else is in the batch.
    """
    begun = _together(voice, lines) or _alone(voice, lines)
    logits, cache, true = begun.logits, begun.cache, begun.true
    lm, end, device = voice.net.lm, voice.coder.eos, true.device
    said: list[list[int]] = [[] for _ in lines]
    ended = [False] * len(lines)
    position = true.long().sum(1, keepdim=True) - 1
    for _ in range(sampling.max_tokens):
        chosen = _choose(logits, sampling, draws, ended, voice.coder)
        for row, token in enumerate(chosen):
            if not ended[row]:
                ended[row] = token in voice.coder.ends
                said[row] += [] if ended[row] else [token]
        if all(ended):
            break
        true = torch.cat([true, true.new_ones(len(lines), 1)], 1)
        position = position + 1
        out = lm(
            input_ids=torch.tensor(chosen, device=device)[:, None],
            attention_mask=true.long(),
            position_ids=voice.reader.positions(position),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits, cache = out.logits[:, -1], out.past_key_values
    return [
        Said((*ids, end) if over else tuple(ids), voice.coder.decode(ids), over)
        for ids, over in zip(said, ended, strict=True)
    ]


def _alone(voice: Any, lines: Sequence[Line]) -> _Begun:
    """Each line in a row of its own, padded on the left."""
    embedded, true = voice.embedded(lines, left=True)
    positions = (true.long().cumsum(1) - 1).clamp(min=0)
    asked = {
        "attention_mask": true.long(),
        "position_ids": voice.reader.positions(positions),
        "use_cache": True,
    }
    if voice.reader.plain_head:  # the head's output is wanted of the last tokens only
        out = voice.net.lm.get_decoder()(inputs_embeds=embedded, **asked)
        logits = voice.reader.logits(out.last_hidden_state[:, -1])
        return _Begun(logits, out.past_key_values, true)
    out = voice.net.lm(inputs_embeds=embedded, logits_to_keep=1, **asked)
    return _Begun(out.logits[:, -1], out.past_key_values, true)


def _together(voice: Any, lines: Sequence[Line]) -> _Begun | None:
    """Lines that begin alike as trees; None where they do not, or cannot be read so."""
    longest = max(len(line.ids) for line in lines)
    if voice.reader.mode(longest) != "tree":
        return None
    trees = voice.reader.plant([(line, ()) for line in lines], voice.coder)
    if sum(len(tree.depth) for tree in trees) > _WORTH * sum(len(line.ids) for line in lines):
        return None
    order: list[int] = []
    logits: list[Tensor] = []
    kept: list[list[tuple[Tensor, Tensor]]] = []
    for pack in voice.reader.packs(trees):
        here = [trees[i] for i in pack]
        read = voice.reader.read(voice.embedded([tree.line for tree in here])[0], here, cache=True)
        if not _plain(read.cache):
            return None
        order += [number for tree in here for number in tree.rows]
        kept.append(_gathered(read, here, longest))
        last = [(row, int(columns[-1])) for found in read.where for row, columns in found]
        logits.append(voice.reader.logits(read.hidden[tuple(zip(*last, strict=True))]))
    back = torch.tensor(np.argsort(order), device=logits[0].device)
    true = torch.zeros(len(lines), longest, dtype=torch.bool, device=back.device)
    for row, line in enumerate(lines):
        true[row, longest - len(line.ids) :] = True
    return _Begun(torch.cat(logits)[back], _cache(kept, back), true)


def _plain(cache: Any) -> bool:
    """Whether all that is kept are the keys and values of every token."""
    return all(type(layer).__name__ == "DynamicLayer" for layer in getattr(cache, "layers", [0]))


def _gathered(read: Read, trees: Sequence[Tree], longest: int) -> list[tuple[Tensor, Tensor]]:
    """Keys and values (n, heads, L, size) of every layer for each line, padded on the left."""
    count = sum(len(tree.paths) for tree in trees)
    rows, columns = np.zeros(count, np.int64), np.zeros((count, longest), np.int64)
    at = 0
    for row, (tree, lies) in enumerate(zip(trees, read.columns, strict=True)):
        for path in tree.paths:
            rows[at] = row
            columns[at, longest - len(path) :] = lies[path]
            at += 1
    device = read.hidden.device
    one, two = torch.from_numpy(rows)[:, None].to(device), torch.from_numpy(columns).to(device)
    return [
        (layer.keys[one, :, two].transpose(1, 2), layer.values[one, :, two].transpose(1, 2))
        for layer in read.cache.layers
    ]


def _cache(kept: Sequence[Sequence[tuple[Tensor, Tensor]]], back: Tensor) -> Any:
    """A cache of all packs' lines, in the order in which they were given."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, parts in enumerate(zip(*kept, strict=True)):
        keys, values = (torch.cat(side)[back] for side in zip(*parts, strict=True))
        cache.update(keys, values, layer)
    return cache


def _choose(
    logits: Tensor,
    sampling: Sampling,
    draws: Sequence[np.random.Generator],
    ended: Sequence[bool],
    coder: Any,
) -> list[int]:
    """The next token of every row; the audio placeholder is never one."""
    logits = logits.float().clone()
    logits[:, coder.audio] = -torch.inf
    if sampling.temperature <= 0:
        return [int(i) for i in logits.argmax(-1)]
    values = (logits / sampling.temperature).cpu().double().numpy()
    chosen = []
    for row, draw in enumerate(draws):
        if ended[row]:
            chosen.append(coder.eos)
            continue
        line = values[row]
        if 0 < sampling.top_k < len(line):
            line = np.where(line >= np.sort(line)[-sampling.top_k], line, -np.inf)
        powers = np.exp(line - line.max()).cumsum()
        chosen.append(int(np.searchsorted(powers, draw.random() * powers[-1], side="right")))
    return chosen
