"""Drawing replies: prompts are read once, then every reply goes on token by token.

However a prompt was read (alone, beside prompts that begin alike, or before, for the probabilities
of its choices: `harken.models.lalm_begun`), its reply is the one that it alone would get.
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
from harken.models.lalm_begun import Begun, begin, together
from harken.models.lalm_read import TOKENS

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
    spots = voice.read_before(lines)
    begun = begin(voice.reader, spots) if spots else together(voice, lines, _WORTH)
    begun = begun or _alone(voice, lines)
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


def _alone(voice: Any, lines: Sequence[Line]) -> Begun:
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
        return Begun(logits, out.past_key_values, true)
    out = voice.net.lm(inputs_embeds=embedded, logits_to_keep=1, **asked)
    return Begun(out.logits[:, -1], out.past_key_values, true)


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
