"""An opened class with the interface of `harken.models.engine.net.LearnerNet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harken.models.engine.features import Array
from harken.models.engine.net import LearnerNet
from harken.models.native.base import NativeFamily
from harken.models.native.split import projected_rows, projector_input


@dataclass(frozen=True, slots=True)
class LanguageModelOutput:
    """Logits (B, L or fewer, V) and KV cache of the text model."""

    logits: Tensor
    past_key_values: Any


class InputEmbeddings:
    """Turns ids into the decoder's inputs, with the interface of an embedding."""

    def __init__(self, family: NativeFamily) -> None:
        self._family = family

    @property
    def inner(self) -> nn.Module:
        """The text model's own embedding layer."""
        layer: nn.Module = self._family.decoder.get_input_embeddings()
        return layer

    @property
    def weight(self) -> Tensor:
        """The text model's own embedding (V, width)."""
        return self._family.like

    @property
    def num_embeddings(self) -> int:
        """Number of ids."""
        return len(self.weight)

    def __call__(self, ids: Tensor) -> Tensor:
        """See `NativeFamily.embed`."""
        return self._family.embed(ids)


class NativeLanguageModel(nn.Module):
    """Decoder and head with the interface of a causal language model of transformers.

    Attributes:
        by_mask: tree attention with a 4-D mask is exact.
        by_row: prompts must not share rows.
        plain_head: logits are the head's output on the last hidden states.
        base_model_prefix: the decoder's name, by which peft finds it.
    """

    plain_head = True
    base_model_prefix = "decoder"

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
        """Ids -> decoder inputs."""
        return InputEmbeddings(self._family)

    def get_output_embeddings(self) -> nn.Module:
        """The head."""
        return self.head

    def get_decoder(self) -> Any:
        """Inputs -> hidden states."""
        return self.decode

    def decode(
        self, inputs_embeds: Tensor | None = None, input_ids: Tensor | None = None, **options: Any
    ) -> Any:
        """`NativeFamily.decode`, with an additive 4-D mask cast to the dtype of the inputs."""
        if inputs_embeds is None:
            inputs_embeds = self._family.embed(input_ids)  # type: ignore[arg-type]
        mask = options.get("attention_mask")
        if mask is not None and mask.ndim == 4 and mask.is_floating_point():
            options["attention_mask"] = mask.to(inputs_embeds.dtype)
        return self._family.decode(inputs_embeds, **options)

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        logits_to_keep: int = 0,
        **options: Any,
    ) -> LanguageModelOutput:
        """Logits of the last `logits_to_keep` positions; of all if 0."""
        out = self.decode(inputs_embeds, input_ids, **options)
        return LanguageModelOutput(
            self.head(out.last_hidden_state[:, -logits_to_keep:]), out.past_key_values
        )


class NativeAudioEncoder(nn.Module):
    """The audio tower, as the module group ``audio_encoder``."""

    def __init__(self, family: NativeFamily) -> None:
        super().__init__()
        self.encoder = family.tower


class NativeProjector(nn.Module):
    """The projector, if it is not part of the tower."""

    def __init__(self, inner: nn.Module | None) -> None:
        super().__init__()
        self.inner = inner


class NativeNet(LearnerNet):
    """Tower, projector and text model as the module groups ``GROUPS``.

    A clip's features are its waveform here: the mel is computed in `encode`, once for each clip,
    since its audio tokens are cached.
    """

    def __init__(self, family: NativeFamily) -> None:
        encoder, projector = NativeAudioEncoder(family), NativeProjector(family.projector)
        super().__init__(encoder, projector, NativeLanguageModel(family))
        self.family = family

    def replaceable(self, name: str) -> bool:
        """Whether the layer is inside a part of the class, where the class finds its successor."""
        parent = self.get_submodule(name.rpartition(".")[0])
        return any(parent is module for module in self.family.model.modules())

    @property
    def device(self) -> torch.device:
        """Device of ids and embeddings; the model may be spread over several."""
        return self.family.device

    def encode(self, features: Sequence[Array]) -> list[Tensor]:
        """Embeddings (tokens, width) of each waveform (n,), each clip alone."""
        family = self.family
        return [family.encode(family.windows(wave)).to(family.like) for wave in features]

    def encode_frames(self, features: Array, *, projected: bool = False) -> dict[str, Tensor]:
        """The projector's input, or the tokens where it is frozen too; the windows of one clip."""
        if projected:
            return {"tokens": self.encode([features])[0]}
        return projector_input(self.family, self.family.windows(features))

    def project_frames(self, kept: Sequence[Mapping[str, Tensor]]) -> list[Tensor]:
        """Embeddings (tokens, width) of each clip."""
        return [
            one["tokens"]
            if "tokens" in one
            else projected_rows(self.family, one).to(self.family.like)
            for one in kept
        ]

    def tokens_of_frames(self, kept: Mapping[str, Tensor]) -> int:
        """Number of tokens, or of rows that become tokens."""
        return len(kept["tokens"] if "tokens" in kept else kept["rows"])

    def frames_like(self) -> Tensor:
        """The input embedding: towers may have weights of several dtypes."""
        return self.family.like
