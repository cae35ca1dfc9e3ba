"""The net of a codec language model: text tokens and rows of codes into one decoder, and out of it.

A position is a text token or a row of codes (`harken.models.codec_lm.patterns`). A row enters as
the sum of an embedding for each of its streams (MusicGen, arXiv 2306.05284), and a linear head for
each stream reads the next row from the hidden state; with one stream, that is a language model
whose vocabulary has the codes beside the words (AudioPaLM, Rubenstein et al. 2023, arXiv
2306.12925).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """A batch of sequences.

    Attributes:
        text: int64 (B, L), the token where a position is text, else 0.
        rows: int64 (B, L, S), the row where a position is audio, else 0.
        audio: bool (B, L), which positions are audio.
        mask: bool (B, L), false where there is padding.
    """

    text: Tensor
    rows: Tensor
    audio: Tensor
    mask: Tensor


class CodecLMNet(nn.Module):
    """See the module's docstring.

    Attributes:
        lm: a causal language model of transformers: decoder, text embedding, text head.
        codes: embedding of the values of all streams, those of stream s from s · entries on.
        heads: the heads of all streams side by side.
        streams, entries: of the pattern.
    """

    def __init__(self, lm: Any, streams: int, entries: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        width = int(lm.get_input_embeddings().embedding_dim)
        self.lm, self.streams, self.entries = lm, streams, entries
        self.codes = nn.Embedding(streams * entries, width)
        self.heads = nn.Linear(width, streams * entries, bias=False)
        self.dropout = nn.Dropout(dropout)
        std = float(getattr(lm.config, "initializer_range", 0.02))
        nn.init.normal_(self.codes.weight, std=std / streams**0.5)
        nn.init.normal_(self.heads.weight, std=std)

    def forward(self, given: Positions, cache: Any = None, places: Tensor | None = None) -> Any:
        """The decoder's output for a batch.

        Args:
            given: the new positions (B, L); its mask covers the cached ones too, (B, cached + L).
            cache: keys and values of earlier positions; None: there are none.
            places: int64 (B, L), position numbers; None: counted from the mask.

        Returns:
            With ``last_hidden_state`` (B, L, width) and ``past_key_values``.
        """
        shift = self.entries * torch.arange(self.streams, device=given.rows.device)
        said = self.codes(given.rows + shift).sum(2)
        words = self.lm.get_input_embeddings()(given.text)
        embedded = torch.where(given.audio[..., None], said, words)
        if places is None:
            places = (given.mask.long().cumsum(1) - 1).clamp(min=0)[:, -given.text.shape[1] :]
        return self.lm.get_decoder()(
            inputs_embeds=self.dropout(embedded),
            attention_mask=given.mask.long(),
            position_ids=places,
            past_key_values=cache,
            use_cache=cache is not None,
        )

    def text_logits(self, hidden: Tensor) -> Tensor:
        """(…, width) -> (…, vocabulary): the next text token."""
        found: Tensor = self.lm.get_output_embeddings()(hidden)
        return found

    def code_logits(self, hidden: Tensor) -> Tensor:
        """(…, width) -> (…, S, entries): the values of the next row."""
        found: Tensor = self.heads(hidden)
        return found.reshape(*hidden.shape[:-1], self.streams, self.entries)
