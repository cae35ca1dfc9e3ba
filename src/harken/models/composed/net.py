"""Audio encoder, projector and language model as one module."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.projectors.mlp import MlpProjector
from harken.models.engine.features import Array

GROUPS = ("audio_encoder", "projector", "lm")


"""Names of the module groups that can be frozen."""


class Net(nn.Module):
    """Encoder, projector and language model, under the names by which they are frozen."""

    def __init__(self, audio_encoder: AudioEncoder, projector: MlpProjector, lm: nn.Module) -> None:
        super().__init__()
        self.audio_encoder = audio_encoder
        self.projector = projector
        self.lm = lm

    def encode(self, features: Sequence[Array]) -> list[Tensor]:
        """Tokens (n, width of the LM) of each clip's prepared features.

        Clips of like length are encoded together, so that little is padding.
        """
        order = sorted(range(len(features)), key=lambda i: len(features[i]))
        found: dict[int, Tensor] = {}
        start = 0
        while start < len(order):
            end = start + 1
            # Batch norm learns from a whole batch, so in training more is padded.
            reach = (2.2 if self.training else 1.25) * len(features[order[start]]) + 16
            while end < len(order) and len(features[order[end]]) <= reach:
                end += 1
            here = order[start:end]
            frames, counts = self.audio_encoder.encode([features[i] for i in here])
            tokens = self.projector(frames, counts)
            for row, i in enumerate(here):
                found[i] = tokens[row, : self.projector.tokens(counts[row])]
            start = end
        return [found[i] for i in range(len(features))]


def set_trainable(net: Net, groups: Sequence[str]) -> list[nn.Parameter]:
    """Freeze all but `groups`; returns what is left to train. LoRA keeps the LM's own frozen.

    Raises:
        ModelError: no such group.
    """
    unknown = sorted({*groups} - {*GROUPS})
    if unknown:
        raise ModelError(
            f"no module group is called {', '.join(unknown)}", hint=f"Known: {', '.join(GROUPS)}"
        )
    adapted = any("lora_" in name for name, _ in net.named_parameters())
    for name, parameter in net.named_parameters():
        own = name.startswith("lm.") and adapted and "lora_" not in name
        parameter.requires_grad_(name.split(".")[0] in groups and not own)
    return [parameter for parameter in net.parameters() if parameter.requires_grad]
