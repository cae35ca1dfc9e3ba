"""How probable a recogniser finds given texts, in place of what it writes by itself.

The probability of a text is that of its tokens and of the end after them, given the clip; a text
may be written in several ways ("Three.", "three", "3"), whose probabilities are added::

    log P(text | clip) = log of the sum over its forms of exp(sum over tokens of log p(token) + end)

Sequence-to-sequence recognisers read the clip once and all forms after it; CTC recognisers add all
alignments of a form (Graves et al. 2006). What generation forbids (tokens that Whisper suppresses)
is not left out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Tokens = tuple[int, ...]


def whisper_prompt(model: Any, encoded: Any, language: str, task: str) -> Tokens:
    """The tokens after which Whisper writes; other models: the one that starts a text.

    Args:
        model: a sequence-to-sequence recogniser.
        encoded: what its encoder made of one clip, by which the language is detected if need be.
        language: a code or a name; empty: detected.
        task: ``transcribe`` or ``translate``; empty: a model without tasks.
    """
    generation = model.generation_config
    start = generation.decoder_start_token_id
    prompt = [model.config.decoder_start_token_id if start is None else start]
    if task:
        from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

        written = language.lower()
        code = f"<|{TO_LANGUAGE_CODE.get(written, written)}|>"
        known = generation.lang_to_id
        found = known[code] if language else int(model.detect_language(encoder_outputs=encoded)[0])
        prompt += [found, generation.task_to_id[task]]
    plain = getattr(generation, "no_timestamps_token_id", None)
    return (*prompt, *([] if plain is None else [plain]))


def seq2seq_logprobs(
    model: Any, encoded: Any, prompt: Tokens, end: int, forms: Sequence[Tokens]
) -> list[float]:
    """The log-probability of each form after one clip.

    Args:
        model: a sequence-to-sequence recogniser with a decoder that caches.
        encoded: what its encoder made of the clip, a batch of one.
        prompt: the tokens before the text.
        end: the token after it.
        forms: token sequences, none empty.
    """
    import torch

    whole = sorted(set(forms))
    # A form that another one begins with is scored on the way through that one.
    rows = [own for own, after in zip(whole, [*whole[1:], ()], strict=True)
            if after[: len(own)] != own]  # fmt: skip
    longest, device = max(map(len, rows)), encoded[0].device
    given = torch.tensor([prompt], device=device)
    out = model(encoder_outputs=encoded, decoder_input_ids=given, use_cache=True)
    first = out.logits[0, -1].float().log_softmax(-1)
    cache = out.past_key_values
    for part in (cache.self_attention_cache, cache.cross_attention_cache):
        for layer in part.layers:  # views: the clip's keys and values are not copied
            layer.keys = layer.keys.expand(len(rows), *layer.keys.shape[1:])
            layer.values = layer.values.expand(len(rows), *layer.values.shape[1:])
    ids = torch.full((len(rows), longest), end, device=device)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, device=device)
    many = type(encoded)(encoded[0].expand(len(rows), *encoded[0].shape[1:]))
    later = model(encoder_outputs=many, decoder_input_ids=ids, past_key_values=cache)
    logs = later.logits.float().log_softmax(-1)
    place = {own: number for number, row in enumerate(rows) for own in _beginnings(row)}

    def score(form: Tokens) -> float:
        own = logs[place[form]]
        parts = [own[i, token] for i, token in enumerate((*form[1:], end))]
        return float(first[form[0]] + torch.stack(parts).sum())

    return [score(form) for form in forms]


def _beginnings(row: Tokens) -> list[Tokens]:
    return [row[:length] for length in range(1, len(row) + 1)]


def ctc_logprobs(logits: Any, blank: int, forms: Sequence[Tokens]) -> list[float]:
    """The log-probability of each form, over all its alignments with frames.

    Args:
        logits: (frames, tokens) of one clip.
        blank: the token of no output.
        forms: token sequences; one that needs more frames than there are has -inf.
    """
    import torch

    logs = logits.float().log_softmax(-1)[:, None]
    found = []
    for form in forms:
        loss = torch.nn.functional.ctc_loss(
            logs.cpu(),
            torch.tensor([form]),
            torch.tensor([len(logs)]),
            torch.tensor([len(form)]),
            blank=blank,
            reduction="none",
        )
        found.append(-float(loss[0]))
    return found


def added(logprobs: Sequence[float]) -> float:
    """The logarithm of the sum of probabilities, given their logarithms; -inf without any."""
    import numpy as np

    return float(np.logaddexp.reduce(np.asarray(logprobs, np.float64), initial=-np.inf))
