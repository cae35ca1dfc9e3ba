"""deepstack: several layers of the encoder go into several layers of the language model.

DeepStack (Meng et al. 2024, arXiv 2406.04334; for audio MOSS-Audio, arXiv 2606.01802): the
encoder's last layer gives the audio tokens as usual, and each of its earlier layers is projected
by itself and added to the hidden states of the same tokens before a layer of the language model.
The first of them goes into layer 1, what comes out of layer 0; so MOSS-Audio has it.

Departure: the projections of the earlier layers start at 0, so that a fresh model is the one that
has the last layer only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.composed.injected_lm import Change, InjectedLanguageModel, layers_of
from harken.models.composed.projectors.base import Projector, several_layers, windows
from harken.models.composed.projectors.gated_mlp import GatedMlp


class DeepStackProjector(Projector):
    """Frames of several layers -> tokens, and what is added to their hidden states.

    Settings: ``pool``, frames in a token (their mean); ``hidden``, the width of the gated MLPs (the
    language model's if not given); ``start``, the first layer of the language model that gets
    audio (1).
    """

    name = "deepstack"
    about = "the last layer as tokens, earlier ones into layers of the LM; hidden=0, start=1"
    options: ClassVar[Mapping[str, type]] = {
        "pool": int, "norm": bool, "hidden": int, "start": int,
    }  # fmt: skip
    takes_layers: ClassVar[bool] = True

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self._hidden = int(settings.get("hidden") or out)
        self.start = int(settings.get("start", 1))
        self.last: nn.Module = nn.Identity()  # made in `finish`, which knows the layers
        self.earlier = nn.ModuleList()

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    @property
    def layers(self) -> range:
        """The layers of the language model before which audio is added."""
        return range(self.start, self.start + len(self.earlier))

    def finish(self, shape: Sequence[tuple[int, int]], gain: float) -> None:
        """Make the projections, one for each layer of the encoder.

        Raises:
            ConfigError: the encoder gives one layer, or is made of several.
        """
        count, width = several_layers(shape, "deepstack", "8,16,24,-1")
        self._width = width
        self.extra = (count - 1) * self._out
        inside = (width, self._hidden, self._out)
        self.last = GatedMlp(*inside)
        self.earlier = nn.ModuleList([GatedMlp(*inside, zero=True) for _ in range(count - 1)])
        if self._norm:
            self.norm_in = nn.RMSNorm(width, eps=1e-6)
            self.norm_out = nn.RMSNorm(self._out, eps=1e-6)
            nn.init.constant_(self.norm_out.weight, gain)

    def project(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, all layers) -> (B, tokens, out · layers): the token, then what is added."""
        parts = frames.reshape(*frames.shape[:2], -1, self._width)
        if self.norm_in is not None:
            parts = self.norm_in(parts)
        *earlier, last = parts.unbind(2)
        token = self.last(self._mean(last, counts))
        if self.norm_out is not None:
            token = self.norm_out(token)
        pairs = zip(self.earlier, earlier, strict=True)
        return torch.cat([token, *(mlp(self._mean(part, counts)) for mlp, part in pairs)], -1)

    def _mean(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, width): the mean of every `pool` valid frames."""
        cut, valid = windows(frames, counts, self.pool)
        return cut.sum(2) / valid.sum(2, keepdim=True).clamp(min=1)

    def into(self, lm: Any) -> DeepStackLanguageModel:
        """The language model, whose layers take the further columns.

        Raises:
            ConfigError: it has too few layers.
        """
        count = len(layers_of(lm))
        if self.start < 0 or self.layers.stop > count:
            raise ConfigError(
                f"deepstack adds audio before the layers {self.layers.start} to "
                f"{self.layers.stop - 1} of the language model, which has {count}",
                hint="Name fewer layers of the encoder, or another `start`.",
            )
        return DeepStackLanguageModel(lm, self)


class DeepStackLanguageModel(InjectedLanguageModel):
    """Hidden states of audio tokens are added to, before the layers of the projector."""

    def decode(
        self, inputs_embeds: Tensor | None = None, input_ids: Tensor | None = None, **options: Any
    ) -> Any:
        """See `InjectedLanguageModel.decode`; ids are words, to which nothing is added."""
        if inputs_embeds is None:
            return self.run({}, input_ids=input_ids, **options)
        parts = torch.split(inputs_embeds, self.width, -1)
        changes: dict[int, Change] = {
            layer: _Added(part)
            for layer, part in zip(self.projector.layers, parts[1:], strict=True)
        }
        return self.run(changes, inputs_embeds=parts[0].contiguous(), **options)


class _Added:
    """Hidden states plus `part` (B, L, width)."""

    def __init__(self, part: Tensor) -> None:
        self.part = part

    def __call__(self, hidden: Tensor) -> Tensor:
        """The sum."""
        return hidden + self.part
