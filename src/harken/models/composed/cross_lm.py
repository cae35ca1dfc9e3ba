"""A language model whose words attend to audio that is no part of the text.

The engine gives it prompts with one placeholder for each audio token, as every language model, so
that its proofs hold: each clip is where its prompt has it, with as many tokens as the encoder gave.
Here the placeholders are taken out: the language model reads the words alone, with the positions
that they have without audio, and the gated blocks of
`harken.models.composed.projectors.cross_attention` attend to the audio of the placeholders before
a word. Hidden states are put back to the places that the words had.

Prompt trees and packed rows are not served: a mask given from outside says nothing of the words
that are left. Each prompt has a row of its own (mode ``"copies"`` of
`harken.models.engine.tree_forward`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from harken.models.composed.injected_lm import Change, InjectedLanguageModel


@dataclass(frozen=True, slots=True)
class Audible:
    """What the words of a batch may attend to.

    Attributes:
        audio: (B, M, width) audio tokens of each row, filled up with zeros.
        valid: (B, M) False where it is filled up.
        words: (B, L) False where words are filled up: what the KV cache holds.
    """

    audio: Tensor
    valid: Tensor
    words: Tensor


class CrossAttentionLanguageModel(InjectedLanguageModel):
    """See the top of this file. The last column of an embedding is 1 for words, 0 for audio."""

    by_mask = False
    by_row = True
    word_flag = 1.0
    hears_by_attention = True

    def decode(
        self, inputs_embeds: Tensor | None = None, input_ids: Tensor | None = None, **options: Any
    ) -> Any:
        """See `InjectedLanguageModel.decode`; positions are counted here, over words only."""
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)  # type: ignore[arg-type]
        past, mask = options.get("past_key_values"), options.get("attention_mask")
        if past is not None:
            return self._go_on(inputs_embeds, past)
        is_word = inputs_embeds[..., -1] > 0.5
        is_audio = ~is_word
        if mask is not None:  # (B, L): padding on the left, in generation
            is_word = is_word & mask.bool()
        return self._begin(inputs_embeds, is_word, is_audio, bool(options.get("use_cache")))

    def _begin(self, wide: Tensor, is_word: Tensor, is_audio: Tensor, keep: bool) -> Any:
        """A pass over whole prompts (B, L, width + extra)."""
        from transformers import DynamicCache

        words, valid_words = _gathered(is_word)
        clips, valid_audio = _gathered(is_audio)
        rows = torch.arange(len(wide), device=wide.device)[:, None]
        audio = wide[rows, clips][..., self.width : -1] * valid_audio[..., None]
        allowed = valid_audio[:, None] & (clips[:, None] < words[..., None])
        positions = torch.arange(words.shape[1], device=wide.device).expand_as(words)
        out = self.run(
            self._blocks(audio, allowed),
            inputs_embeds=wide[rows, words][..., : self.width],
            attention_mask=valid_words.long(),
            position_ids=positions,
            past_key_values=DynamicCache(config=self.config) if keep else None,
            use_cache=keep,
        )
        hidden = wide.new_zeros(*wide.shape[:2], out.last_hidden_state.shape[-1])
        # Fillers have the place of some word or other: they are left out.
        row, column = valid_words.nonzero(as_tuple=True)
        hidden = hidden.index_put((row, words[row, column]), out.last_hidden_state[row, column])
        cache = out.past_key_values
        if keep:
            cache.audible = Audible(audio, valid_audio, valid_words)
        return SimpleNamespace(last_hidden_state=hidden, past_key_values=cache)

    def _go_on(self, wide: Tensor, past: Any) -> Any:
        """A pass over further words (B, L, width + extra) after those in the cache."""
        before: Audible = past.audible
        fresh = before.words.new_ones(wide.shape[:2])
        words = torch.cat([before.words, fresh], 1)
        positions = words.long().cumsum(1)[:, -wide.shape[1] :] - 1
        allowed = before.valid[:, None].expand(-1, wide.shape[1], -1)
        out = self.run(
            self._blocks(before.audio, allowed),
            inputs_embeds=wide[..., : self.width],
            attention_mask=words.long(),
            position_ids=positions,
            past_key_values=past,
            use_cache=True,
        )
        cache = out.past_key_values
        cache.audible = Audible(before.audio, before.valid, words)
        return SimpleNamespace(last_hidden_state=out.last_hidden_state, past_key_values=cache)

    def _blocks(self, audio: Tensor, allowed: Tensor) -> dict[int, Change]:
        """The gated blocks, by the layer of the language model that each stands before."""
        every = self.projector.every
        return {
            (number + 1) * every - 1: partial(block, audio=audio, allowed=allowed)
            for number, block in enumerate(self.projector.blocks)
        }


def _gathered(chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Places (B, N) of the chosen entries (B, L) of each row, in order, and which are no filler."""
    counts = chosen.sum(1)
    order = torch.argsort((~chosen).to(torch.int8), dim=1, stable=True)
    most = int(counts.max())
    valid = torch.arange(most, device=chosen.device)[None] < counts[:, None]
    return order[:, :most], valid
