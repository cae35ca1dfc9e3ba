"""Generation: prefill of the prompts, then one decode step for each token.

Prefill runs in one of three ways: each prompt alone, as prompt trees, or from the KV cache of an
earlier pass (`harken.models.engine.prefix_cache`). The replies are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harken.audio.clip import Clip
from harken.hashing import canonical, digest
from harken.models.base import Prompt, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.prefix_cache import Prefill, prefill_cached, prefill_trees
from harken.models.engine.reply_schema import HeldReplies
from harken.models.engine.tree_forward import TOKENS

Floats = npt.NDArray[np.float64]

_MAX_SHARE = 0.75
"""Prefill uses prompt trees if they have at most this share of the prompts' tokens."""


@dataclass(frozen=True, slots=True)
class GeneratedReply:
    """One sampled reply: its ids as sampled (the one that ended it included), and its text.

    A text can have many tokenizations; training on a reply needs the one that was sampled.
    `logprobs` has the natural log of each id's probability, before temperature, if asked for.
    `fault` says why its schema could not be followed; then it is no reply.
    """

    ids: tuple[int, ...]
    text: str
    ended: bool
    logprobs: tuple[float, ...] = ()
    fault: str = ""


def length_batches(prompts: Mapping[int, TokenizedPrompt], more: int) -> list[list[int]]:
    """Prompts sorted by length, in groups of at most `TOKENS` tokens with `more` new ones each."""
    groups: list[list[int]] = []
    for i in sorted(prompts, key=lambda i: len(prompts[i].ids), reverse=True):
        longest = len(prompts[groups[-1][0]].ids) + more if groups else 0
        if groups and (len(groups[-1]) + 1) * longest <= TOKENS:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@torch.no_grad()
def generate_replies(
    engine: Any,
    prompts: Sequence[TokenizedPrompt],
    sampling: Sampling,
    rngs: Sequence[np.random.Generator],
    rooms: Sequence[int] = (),
    *,
    logprobs: bool = False,
    schemas: Sequence[str] = (),
) -> list[GeneratedReply]:
    """Generate after each prompt until ``<eos>`` or the end of its room.

    Args:
        engine: a `harken.models.engine.engine.Engine`.
        prompts: prompts, without answers.
        sampling: temperature 0 is greedy; `top_k` 0 and `top_p` 1 keep all tokens.
        rngs: one generator for each prompt: a reply does not depend on the rest of the batch.
        rooms: most tokens of each reply; by default `sampling.room` for all.
        logprobs: give the log-probability of every sampled id as well; that without a schema.
        schemas: JSON schemas that the replies satisfy, empty for free texts; () for none at all
            (`harken.models.engine.reply_schema`).
    """
    cached = engine.cached(prompts)
    prefill = (
        prefill_cached(engine.reader, cached)
        if cached
        else prefill_trees(engine, prompts, _MAX_SHARE)
    )
    prefill = prefill or _prefill_batch(engine, prompts)
    logits, cache, mask = prefill.logits, prefill.cache, prefill.mask
    lm, device = engine.net.lm, mask.device
    generated: list[list[int]] = [[] for _ in prompts]
    known: list[list[float]] = [[] for _ in prompts]
    ended, closed = [False] * len(prompts), [False] * len(prompts)  # closed: ended, or cut
    rooms = rooms or [sampling.room] * len(prompts)
    position = mask.long().sum(1, keepdim=True) - 1
    held = HeldReplies(engine.tokenizer, logits.shape[-1], schemas or [""] * len(prompts))
    while True:
        choosable = held.masked(logits)
        closed = [over or bool(why) for over, why in zip(closed, held.faults, strict=True)]
        chosen = _choose(choosable, sampling, rngs, closed, engine.tokenizer)
        picked = _picked(logits, chosen, engine.tokenizer) if logprobs else []
        for row, token in enumerate(chosen):
            if not closed[row]:
                ended[row] = token in engine.tokenizer.ends
                generated[row].append(token)
                known[row] += picked[row : row + 1]
                closed[row] = ended[row] or len(generated[row]) >= rooms[row]
                held.take(row, token, closed[row])
        if all(closed):
            break
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], 1)
        position = position + 1
        out = lm(
            input_ids=torch.tensor(chosen, device=device)[:, None],
            attention_mask=mask.long(),
            position_ids=engine.reader.positions(position),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits, cache = out.logits[:, -1], out.past_key_values
    return [
        GeneratedReply(
            tuple(ids), engine.tokenizer.decode(ids[:-1] if over else ids), over, tuple(own), why
        )
        for ids, over, own, why in zip(generated, ended, known, held.faults, strict=True)
    ]


def _prefill_batch(engine: Any, prompts: Sequence[TokenizedPrompt]) -> Prefill:
    """Each prompt in a row of its own, padded on the left."""
    embedded, mask = engine.embedded(prompts, left=True)
    positions = (mask.long().cumsum(1) - 1).clamp(min=0)
    inputs = {
        "attention_mask": mask.long(),
        "position_ids": engine.reader.positions(positions),
        "use_cache": True,
    }
    if engine.reader.plain_head:  # logits are needed for the last tokens only
        out = engine.net.lm.get_decoder()(inputs_embeds=embedded, **inputs)
        logits = engine.reader.logits(out.last_hidden_state[:, -1])
        return Prefill(logits, out.past_key_values, mask)
    out = engine.net.lm(inputs_embeds=embedded, logits_to_keep=1, **inputs)
    return Prefill(out.logits[:, -1], out.past_key_values, mask)


def _picked(logits: Tensor, chosen: Sequence[int], tokenizer: Any) -> list[float]:
    """The log-probability of the id that was chosen in each row (B, V), as `_choose` has it."""
    ids = torch.tensor(chosen, device=logits.device)[:, None]
    logits = logits.float().clone()
    logits[:, tokenizer.audio] = -torch.inf
    found: list[float] = logits.log_softmax(-1).gather(1, ids)[:, 0].tolist()
    return found


def _choose(
    logits: Tensor,
    sampling: Sampling,
    rngs: Sequence[np.random.Generator],
    closed: Sequence[bool],
    tokenizer: Any,
) -> list[int]:
    """The next token of every row; never the audio placeholder."""
    logits = logits.float().clone()
    logits[:, tokenizer.audio] = -torch.inf
    if sampling.temperature <= 0:
        return [int(i) for i in logits.argmax(-1)]
    values = (logits / sampling.temperature).cpu().double().numpy()
    return [
        tokenizer.eos if closed[row] else draw(values[row], sampling, rng)
        for row, rng in enumerate(rngs)
    ]


def draw(values: Floats, sampling: Sampling, rng: np.random.Generator) -> int:
    """One token of logits (V,) that were divided by the temperature, by top-k and top-p."""
    own = values
    if 0 < sampling.top_k < len(own):
        own = np.where(own >= np.sort(own)[-sampling.top_k], own, -np.inf)
    powers = np.exp(own - own.max())
    if sampling.top_p < 1:
        powers = _nucleus(powers, sampling.top_p)
    cumulative = powers.cumsum()
    drawn = rng.random() * cumulative[-1]
    return int(np.searchsorted(cumulative, drawn, side="right"))


def _nucleus(powers: Floats, top_p: float) -> Floats:
    """`powers` (V,) with 0 for all but the largest that together reach `top_p` of their sum."""
    order = np.argsort(-powers, kind="stable")
    before = np.cumsum(powers[order]) - powers[order]
    kept = powers.copy()
    kept[order[before >= top_p * powers.sum()]] = 0.0
    return kept


def prompt_seed(prompt: Prompt) -> int:
    """A seed from the prompt's content, the same in every process."""
    parts = [part.key if isinstance(part, Clip) else part for part in prompt.parts]
    return int(digest(canonical([prompt.system, parts])), 16)
