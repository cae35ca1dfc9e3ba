"""An opened class as a net of the shape that `harken.models.engine.engine.Engine` computes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harken.models.engine.features import Array
from harken.models.engine.net import LearnerNet
from harken.models.native.base import NativeFamily


@dataclass(frozen=True, slots=True)
class LanguageModelOutput:
    """What the text model gave: logits (B, L or fewer, V), and what it remembers."""

    logits: Tensor
    past_key_values: Any


class InputEmbeddings:
    """What turns ids into the decoder's inputs, with the face of an embedding."""

    def __init__(self, family: NativeFamily) -> None:
        self._family = family

    @property
    def weight(self) -> Tensor:
        """The text model's own embedding (V, width)."""
        return self._family.like

    @property
    def num_embeddings(self) -> int:
        """Ids it knows."""
        return len(self.weight)

    def __call__(self, ids: Tensor) -> Tensor:
        """See `NativeFamily.embed`."""
        return self._family.embed(ids)


class NativeLanguageModel(nn.Module):
    """Decoder and head with the face of a causal language model of transformers.

    Attributes:
        by_mask: a 4-D mask alone decides what is read.
        by_row: prompts must not share rows.
        plain_head: logits are the head's output and nothing else.
    """

    plain_head = True

    def __init__(self, family: NativeFamily) -> None:
        super().__init__()
        self.decoder = family.decoder
        self.head = family.head
        self.by_mask, self.by_row = family.by_mask, family.by_row
        self._family = family

    @property
    def config(self) -> Any:
        """The text model's configuration."""
        return self.decoder.config

    def get_input_embeddings(self) -> InputEmbeddings:
        """What turns ids into the decoder's inputs."""
        return InputEmbeddings(self._family)

    def get_output_embeddings(self) -> nn.Module:
        """The head."""
        return self.head

    def get_decoder(self) -> Any:
        """What turns inputs into hidden states."""
        return self.decode

    def decode(
        self, inputs_embeds: Tensor | None = None, input_ids: Tensor | None = None, **reading: Any
    ) -> Any:
        """`NativeFamily.decode`, with an additive 4-D mask brought to the type of the inputs."""
        if inputs_embeds is None:
            inputs_embeds = self._family.embed(input_ids)  # type: ignore[arg-type]
        mask = reading.get("attention_mask")
        if mask is not None and mask.ndim == 4 and mask.is_floating_point():
            reading["attention_mask"] = mask.to(inputs_embeds.dtype)
        return self._family.decode(inputs_embeds, **reading)

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        logits_to_keep: int = 0,
        **reading: Any,
    ) -> LanguageModelOutput:
        """Logits of the last `logits_to_keep` positions, of all if 0."""
        out = self.decode(inputs_embeds, input_ids, **reading)
        return LanguageModelOutput(
            self.head(out.last_hidden_state[:, -logits_to_keep:]), out.past_key_values
        )


class NativeAudioEncoder(nn.Module):
    """The audio tower, under the name by which it is frozen."""

    def __init__(self, family: NativeFamily) -> None:
        super().__init__()
        self.encoder = family.tower


class NativeProjector(nn.Module):
    """The projector, if the tower has none of its own."""

    def __init__(self, inner: nn.Module | None) -> None:
        super().__init__()
        self.inner = inner


class NativeNet(LearnerNet):
    """Tower, projector and text model under the names by which they are frozen.

    What a clip's features are for other nets is its waveform here: the mel is made when it is
    encoded, once, since its tokens are cached.
    """

    def __init__(self, family: NativeFamily) -> None:
        encoder, projector = NativeAudioEncoder(family), NativeProjector(family.projector)
        super().__init__(encoder, projector, NativeLanguageModel(family))
        self.family = family

    @property
    def device(self) -> torch.device:
        """Where ids and embeddings are put, of a model that may be spread over several."""
        return self.family.device

    def encode(self, features: Sequence[Array]) -> list[Tensor]:
        """Embeddings (tokens, width) of each waveform (n,), every clip by itself."""
        family = self.family
        return [family.encode(family.windows(wave)).to(family.like) for wave in features]
