"""Drawing replies: prompts are read once, then every reply goes on token by token.

However a prompt was read (alone, beside prompts that begin alike, or before, for the probabilities
of its choices: `harken.models.engine.prefix_cache`), its reply is the one that it alone would get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import Clip
from harken.hashing import canonical, digest
from harken.models.base import Prompt, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.prefix_cache import Prefill, prefill_cached, prefill_trees
from harken.models.engine.tree_forward import TOKENS

_WORTH = 0.75
"""Trees are planted for replies if they leave no more than this share of the tokens."""


@dataclass(frozen=True, slots=True)
class GeneratedReply:
    """One drawn reply: its tokens as drawn (the one that ended it included), and its text.

    A text can have many spellings in tokens; who teaches by a reply needs the one that was drawn.
    """

    ids: tuple[int, ...]
    text: str
    ended: bool


def length_batches(prompts: Mapping[int, TokenizedPrompt], more: int) -> list[list[int]]:
    """Lines in order of length, cut into groups of at most `TOKENS` tokens with `more` behind."""
    groups: list[list[int]] = []
    for i in sorted(prompts, key=lambda i: len(prompts[i].ids), reverse=True):
        room = len(prompts[groups[-1][0]].ids) + more if groups else 0
        if groups and (len(groups[-1]) + 1) * room <= TOKENS:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@torch.no_grad()
def generate_replies(
    engine: Any,
    prompts: Sequence[TokenizedPrompt],
    sampling: Sampling,
    draws: Sequence[np.random.Generator],
) -> list[GeneratedReply]:
    """Go on from each line until ``<eos>`` or `sampling.max_tokens`.

    Args:
        engine: a `harken.models.engine.engine.Engine`.
        prompts: prompts, without answers.
        sampling: temperature 0 is greedy; `top_k` 0 keeps all tokens.
        draws: one generator a line: a reply does not depend on what else is in the batch.
    """
    spots = engine.cached(prompts)
    begun = (
        prefill_cached(engine.reader, spots) if spots else prefill_trees(engine, prompts, _WORTH)
    )
    begun = begun or _alone(engine, prompts)
    logits, cache, true = begun.logits, begun.cache, begun.true
    lm, device = engine.net.lm, true.device
    said: list[list[int]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    position = true.long().sum(1, keepdim=True) - 1
    for _ in range(sampling.max_tokens):
        chosen = _choose(logits, sampling, draws, ended, engine.tokenizer)
        for row, token in enumerate(chosen):
            if not ended[row]:
                ended[row] = token in engine.tokenizer.ends
                said[row].append(token)
        if all(ended):
            break
        true = torch.cat([true, true.new_ones(len(prompts), 1)], 1)
        position = position + 1
        out = lm(
            input_ids=torch.tensor(chosen, device=device)[:, None],
            attention_mask=true.long(),
            position_ids=engine.reader.positions(position),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits, cache = out.logits[:, -1], out.past_key_values
    return [
        GeneratedReply(tuple(ids), engine.tokenizer.decode(ids[:-1] if over else ids), over)
        for ids, over in zip(said, ended, strict=True)
    ]


def _alone(engine: Any, prompts: Sequence[TokenizedPrompt]) -> Prefill:
    """Each line in a row of its own, padded on the left."""
    embedded, true = engine.embedded(prompts, left=True)
    positions = (true.long().cumsum(1) - 1).clamp(min=0)
    asked = {
        "attention_mask": true.long(),
        "position_ids": engine.reader.positions(positions),
        "use_cache": True,
    }
    if engine.reader.plain_head:  # the head's output is wanted of the last tokens only
        out = engine.net.lm.get_decoder()(inputs_embeds=embedded, **asked)
        logits = engine.reader.logits(out.last_hidden_state[:, -1])
        return Prefill(logits, out.past_key_values, true)
    out = engine.net.lm(inputs_embeds=embedded, logits_to_keep=1, **asked)
    return Prefill(out.logits[:, -1], out.past_key_values, true)


def _choose(
    logits: Tensor,
    sampling: Sampling,
    draws: Sequence[np.random.Generator],
    ended: Sequence[bool],
    tokenizer: Any,
) -> list[int]:
    """The next token of every row; the audio placeholder is never one."""
    logits = logits.float().clone()
    logits[:, tokenizer.audio] = -torch.inf
    if sampling.temperature <= 0:
        return [int(i) for i in logits.argmax(-1)]
    values = (logits / sampling.temperature).cpu().double().numpy()
    chosen = []
    for row, draw in enumerate(draws):
        if ended[row]:
            chosen.append(tokenizer.eos)
            continue
        prompt = values[row]
        if 0 < sampling.top_k < len(prompt):
            prompt = np.where(prompt >= np.sort(prompt)[-sampling.top_k], prompt, -np.inf)
        powers = np.exp(prompt - prompt.max()).cumsum()
        chosen.append(int(np.searchsorted(powers, draw.random() * powers[-1], side="right")))
    return chosen


def prompt_seed(prompt: Prompt) -> int:
    """A number for the prompt's content, the same in every process."""
    parts = [part.key if isinstance(part, Clip) else part for part in prompt.parts]
    return int(digest(canonical([prompt.system, parts])), 16)
