"""Which tokens of replies depend on the audio: by what it takes from the model's uncertainty.

After MAPO (arXiv 2605.27741): the policy gradient acts on the tokens with the largest difference
H(without audio) - H(with audio) of the entropies of the next token. A token with 2 nats without and
0.5 nats with the audio has 1.5; one that is as certain without, such as the second half of a word,
has about 0. Departures: both entropies are of the model that is trained, with its present weights
(MAPO takes the ablated one from its reference); the share is of the tokens of a whole step; MAPO's
second branch, a penalty on attention, is not here: attention weights are not available under SDPA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.engine import Engine
from harken.models.engine.reply_logprobs import in_chunks, reply_logits
from harken.train import parallel


@torch.no_grad()
def entropies(engine: Engine, replies: Sequence[TokenizedPrompt]) -> Tensor:
    """Entropy (N,) in nats of the next token before every token of `replies`."""
    found = []
    for few in in_chunks(engine, replies):
        logs = reply_logits(engine, few)[0].float().log_softmax(-1)
        found.append(-(logs.exp() * logs).sum(-1))
    return torch.cat(found)


def audio_tokens(
    engine: Engine,
    replies: Sequence[TokenizedPrompt],
    without: Sequence[TokenizedPrompt],
    share: float,
) -> Tensor:
    """Weights (N,) of the tokens of `replies`: 1 for the `share` that depend most on the audio.

    Args:
        engine: of the learner.
        replies: prompts with their replies.
        without: the same without audio, such as prompts in which there is no clip.
        share: of all tokens, rounded to at least one.
    """
    bare = [
        replace(prompt, ids=(*prompt.ids, *one.ids[one.start :]), answer=one.answer)
        for prompt, one in zip(without, replies, strict=True)
    ]
    known = partial(entropies, engine)
    difference = parallel.divided(known, bare) - parallel.divided(known, replies)
    kept = max(1, round(share * len(difference)))
    weights = torch.zeros_like(difference)
    weights[difference.argsort(descending=True, stable=True)[:kept]] = 1.0
    return weights
