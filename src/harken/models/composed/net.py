"""Audio encoder, projector and language model as one module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.long_audio import (
    WindowedFeatures,
    heard_in_windows,
    tokens_in_windows,
    window_frames,
)
from harken.models.composed.projectors.base import Projector
from harken.models.composed.projectors.memory import MemoryProjector
from harken.models.engine.net import LearnerNet


class ComposedNet(LearnerNet):
    """An `AudioEncoder`, a `Projector` and a causal language model of transformers."""

    audio_encoder: AudioEncoder
    projector: Projector

    def __init__(self, audio_encoder: AudioEncoder, projector: Projector, lm: nn.Module) -> None:
        super().__init__(audio_encoder, projector, lm)
        self.pads_with_silence = audio_encoder.pads_with_silence

    def encode(self, features: Sequence[Any]) -> list[Tensor]:
        """Tokens (n, width of the LM) of each clip's prepared features (or `WindowedFeatures`).

        Clips of similar length share a batch, so that there is little padding; long ones that are
        heard window by window have none.
        """
        found = {
            i: heard_in_windows(self.audio_encoder, self._memory, one)
            for i, one in enumerate(features)
            if isinstance(one, WindowedFeatures)
        }
        whole = [i for i in range(len(features)) if i not in found]
        # Batch norm needs large batches, so in training more is padded.
        ratio = 2.2 if self.training else 1.25
        for group in similar([len(features[i]) for i in whole], ratio):
            here = [whole[place] for place in group]
            frames, counts = self.audio_encoder.encode([features[i] for i in here])
            tokens = self.projector.project(frames, counts)
            for row, i in enumerate(here):
                found[i] = tokens[row, : self.projector.tokens(counts[row])]
        return [found[i] for i in range(len(features))]

    def encode_frames(self, features: Any, *, projected: bool = False) -> dict[str, Tensor]:
        """The encoder's frames (T, all layers and parts): the mix of layers is the projector's."""
        del projected  # the frames serve every projector
        if isinstance(features, WindowedFeatures):
            return window_frames(self.audio_encoder, features)
        frames, counts = self.audio_encoder.encode([features])
        return {"frames": frames[0, : counts[0]]}

    def project_frames(self, kept: Sequence[Mapping[str, Tensor]]) -> list[Tensor]:
        """Tokens (n, width of the LM) of each clip; clips of similar length share a batch."""
        rows = [one["frames"] for one in kept]
        found = {
            i: tokens_in_windows(self._memory, one)
            for i, one in enumerate(kept)
            if "starts_ms" in one
        }
        whole = [i for i in range(len(kept)) if i not in found]
        for group in similar([len(rows[i]) for i in whole], 1.5):
            here = [whole[place] for place in group]
            counts = [len(rows[i]) for i in here]
            padded = nn.utils.rnn.pad_sequence([rows[i] for i in here], batch_first=True)
            tokens = self.projector.project(padded, counts)
            for row, i in enumerate(here):
                found[i] = tokens[row, : self.projector.tokens(counts[row])]
        return [found[i] for i in range(len(kept))]

    def tokens_of_frames(self, kept: Mapping[str, Tensor]) -> int:
        """See `Projector.tokens` and `MemoryProjector.recalled`."""
        if "starts_ms" in kept:
            return self._memory.recalled(len(kept["starts_ms"]))
        return self.projector.tokens(len(kept["frames"]))

    @property
    def _memory(self) -> MemoryProjector:
        """The projector, of a model that hears long clips window by window."""
        assert isinstance(self.projector, MemoryProjector)
        return self.projector

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


def similar(lengths: Sequence[int], ratio: float) -> list[list[int]]:
    """Indices by length in groups: the longest is at most `ratio` times the shortest, plus 16."""
    groups: list[list[int]] = []
    limit = -1.0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if lengths[i] > limit:
            groups.append([])
            limit = ratio * lengths[i] + 16
        groups[-1].append(i)
    return groups
