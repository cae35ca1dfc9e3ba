"""Audio encoder, projector and language model as one module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.projectors.base import Projector
from harken.models.engine.features import Array
from harken.models.engine.net import LearnerNet


class ComposedNet(LearnerNet):
    """An `AudioEncoder`, a `Projector` and a causal language model of transformers."""

    audio_encoder: AudioEncoder
    projector: Projector

    def __init__(self, audio_encoder: AudioEncoder, projector: Projector, lm: nn.Module) -> None:
        super().__init__(audio_encoder, projector, lm)
        self.pads_with_silence = audio_encoder.pads_with_silence

    def encode(self, features: Sequence[Array]) -> list[Tensor]:
        """Tokens (n, width of the LM) of each clip's prepared features.

        Clips of similar length share a batch, so that there is little padding.
        """
        order = sorted(range(len(features)), key=lambda i: len(features[i]))
        found: dict[int, Tensor] = {}
        start = 0
        while start < len(order):
            end = start + 1
            # Batch norm needs large batches, so in training more is padded.
            limit = (2.2 if self.training else 1.25) * len(features[order[start]]) + 16
            while end < len(order) and len(features[order[end]]) <= limit:
                end += 1
            here = order[start:end]
            frames, counts = self.audio_encoder.encode([features[i] for i in here])
            tokens = self.projector.project(frames, counts)
            for row, i in enumerate(here):
                found[i] = tokens[row, : self.projector.tokens(counts[row])]
            start = end
        return [found[i] for i in range(len(features))]

    def frames(self, length: int) -> int:
        """Encoder frames for features of `length`, if the encoder pads with silence."""
        return self.audio_encoder.frames(length) if self.pads_with_silence else length

    def clip_number_embeddings(self) -> Tensor | None:
        """The projector's own, or the language model's embeddings of the numbers."""
        if self.projector.clip_numbers is not None:
            return self.projector.clip_numbers.weight
        if self.projector.number_ids:
            lm: Any = self.lm
            ids = torch.tensor(self.projector.number_ids, device=self.device)
            embedded: Tensor = lm.get_input_embeddings()(ids)
            return embedded
        return None
