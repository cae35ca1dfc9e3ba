"""The net of an engine: audio encoder, projector and language model in one module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harken.errors import ModelError
from harken.models.engine.features import Array
from harken.threads import fix_products

fix_products()  # MKL reads its setting with its first product

GROUPS = ("audio_encoder", "projector", "lm")
"""Names of the module groups that can be frozen."""


class LearnerNet(nn.Module):
    """Base of the nets of composed and native models.

    Attributes:
        audio_encoder, projector, lm: the module groups, under the names by which they are frozen;
            `lm` has the interface of a causal language model of transformers.
        pads_with_silence: silent clips with the same number of frames have the same audio tokens,
            whatever their length in samples.
        trained_rows: ids of tensors of which some rows are trained though their group has adapters
            (`harken.models.engine.time_tokens.rows_trained`).
    """

    pads_with_silence = False
    trained_rows: frozenset[int] = frozenset()

    def __init__(self, audio_encoder: nn.Module, projector: nn.Module, lm: nn.Module) -> None:
        super().__init__()
        self.audio_encoder = audio_encoder
        self.projector = projector
        self.lm = lm

    @property
    def device(self) -> torch.device:
        """Device of ids, features and embeddings."""
        return next(self.lm.parameters()).device

    def encode(self, features: Sequence[Array]) -> list[Tensor]:
        """Audio tokens (n, width of the LM) of each clip's prepared features."""
        raise NotImplementedError

    def encode_frames(self, features: Array, *, projected: bool = False) -> dict[str, Tensor]:
        """What can be kept of one clip while the audio encoder is frozen (`KeptFrames`).

        Args:
            features: prepared features of a clip.
            projected: the projector is frozen too: what it gives may be kept.
        """
        raise NotImplementedError

    def project_frames(self, kept: Sequence[Mapping[str, Tensor]]) -> list[Tensor]:
        """Audio tokens (n, width of the LM) from what `encode_frames` gave of each clip."""
        raise NotImplementedError

    def tokens_of_frames(self, kept: Mapping[str, Tensor]) -> int:
        """Number of audio tokens that `project_frames` gives."""
        raise NotImplementedError

    def frames_like(self) -> Tensor:
        """A tensor with the dtype and device that kept frames are read as."""
        return next(self.audio_encoder.parameters())

    def frames(self, length: int) -> int:
        """Two silent clips are encoded alike if this is equal for the length of their features."""
        return length

    def replaceable(self, name: str) -> bool:
        """Whether an adapter in place of the layer `name` is used wherever the layer was."""
        del name
        return True

    def clip_number_embeddings(self) -> Tensor | None:
        """(clips + 1, width): row k is added to every audio token of clip k; None: nothing is."""
        return None


def set_trainable(net: LearnerNet, groups: Sequence[str]) -> list[nn.Parameter]:
    """Freeze all but `groups`; returns the trainable tensors.

    Of a group with adapters only these are trained, of the others all tensors.

    Raises:
        ModelError: no such group.
    """
    unknown = sorted({*groups} - {*GROUPS})
    if unknown:
        raise ModelError(
            f"no module group is called {', '.join(unknown)}", hint=f"Known: {', '.join(GROUPS)}"
        )
    adapted = {name.split(".")[0] for name, _ in net.named_parameters() if "lora_" in name}
    for name, parameter in net.named_parameters():
        group = name.split(".")[0]
        own = group not in adapted or "lora_" in name or id(parameter) in net.trained_rows
        parameter.requires_grad_(group in groups and own)
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


@contextmanager
def eval_mode(net: nn.Module) -> Iterator[None]:
    """Evaluation mode for a block; after it each module has the mode it had.

    In training some modules are in evaluation mode (`harken.train.step.set_modes`).
    """
    before = [module for module in net.modules() if module.training]
    if before:
        net.eval()
    try:
        yield
    finally:
        for module in before:
            module.training = True
