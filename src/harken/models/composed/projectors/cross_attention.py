"""cross-attention: words attend to the audio in every layer of a frozen language model.

Flamingo (Alayrac et al. 2022, arXiv 2204.14198), for audio Audio Flamingo 1 and 2 (arXiv
2402.01831, 2503.03983): frames go through a few self-attention layers, and before every `every`-th
layer of the language model stands a gated block, x + tanh(a) · attention(x, audio), then
x + tanh(b) · MLP(x). Both gates start at 0, so a fresh model is the language model alone.

The clips are no part of the text: their placeholders hold the place of a clip in the prompt and
are taken out before the language model. A word attends to all clips before it. The weights belong
to the projector, so the language model stays frozen while they are trained.

Departures: positions of the frames are sinusoids; each block normalises the audio too (layer
norm), so that its scale does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.models.composed.cross_lm import CrossAttentionLanguageModel
from harken.models.composed.injected_lm import layers_of
from harken.models.composed.projectors.base import Projector, require_heads

HEAD = 64
"""Width of a head of the gated blocks."""


class CrossAttentionProjector(Projector):
    """Frames -> audio to attend to, and the gated blocks of the language model.

    Settings: ``depth`` (3 self-attention layers), ``heads`` (8, in these and in the blocks),
    ``inner`` (2048, width of their MLPs), ``every`` (1: a block before every layer).
    """

    name = "cross-attention"
    about = "gated cross-attention in the LM's layers; depth=3, heads=8, inner=2048, every=1"
    options: ClassVar[Mapping[str, type]] = {
        "pool": int, "norm": bool, "depth": int, "heads": int, "inner": int, "every": int,
    }  # fmt: skip

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.audio_width = width * self.pool
        self.extra = self.audio_width + 1
        self._heads = require_heads(
            self.audio_width, int(settings.get("heads") or 8), f"the audio of {self.name}"
        )
        self.every = int(settings.get("every") or 1)
        layer = nn.TransformerEncoderLayer(
            self.audio_width, self._heads, int(settings.get("inner") or 2048), 0.0,
            activation="gelu", batch_first=True, norm_first=True,
        )  # fmt: skip
        self.layers = nn.TransformerEncoder(
            layer, int(settings.get("depth") or 3), enable_nested_tensor=False
        )
        self.blocks = nn.ModuleList()  # made in `into`, which knows the language model

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def finish(self, shape: Sequence[tuple[int, int]], gain: float) -> None:
        """See `Projector.finish`; the norm behind is of the audio's width."""
        super().finish(shape, gain)
        if self._norm:
            self.norm_out = nn.RMSNorm(self.audio_width, eps=1e-6)
            nn.init.constant_(self.norm_out.weight, gain)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, audio width); frames past a row's count are masked."""
        stacked = self.stacked(frames, counts)
        sizes = torch.tensor([self.tokens(count) for count in counts], device=stacked.device)
        place = torch.arange(stacked.shape[1], device=stacked.device)
        behind = place[None] >= sizes.clamp(min=1)[:, None]
        found: Tensor = self.layers(
            stacked + sinusoids(place, self.audio_width).to(stacked.dtype),
            src_key_padding_mask=behind,
        )
        return found

    def project(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """Audio tokens (B, tokens, out + audio width + 1): zeros, the audio, and 0: no word."""
        return nn.functional.pad(super().project(frames, counts), (self._out, 1))

    def into(self, lm: Any) -> CrossAttentionLanguageModel:
        """The language model with a gated block before every `every`-th layer."""
        count = len(range(self.every - 1, len(layers_of(lm)), self.every))
        self.blocks = nn.ModuleList(
            [GatedCrossAttention(self._out, self.audio_width, self._heads) for _ in range(count)]
        )
        return CrossAttentionLanguageModel(lm, self)


class GatedCrossAttention(nn.Module):
    """Cross-attention and an MLP, each behind a gate that starts closed.

    Args:
        width: of the language model; `audio`: of what is attended to.
        heads: of `HEAD` each.
    """

    def __init__(self, width: int, audio: int, heads: int) -> None:
        super().__init__()
        inner = heads * HEAD
        self.heads = heads
        self.norm, self.norm_audio = nn.LayerNorm(width), nn.LayerNorm(audio)
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(audio, 2 * inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)
        self.gate = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
        )
        self.mlp_gate = nn.Parameter(torch.zeros(1))

    def forward(self, hidden: Tensor, audio: Tensor, allowed: Tensor) -> Tensor:
        """Hidden states (B, L, width) after attending.

        Args:
            hidden: (B, L, width).
            audio: (B, M, audio).
            allowed: (B, L, M), whether a word attends to an audio token; with none it gets 0.
        """
        if audio.shape[1]:
            attended = self.out(self._attend(self.norm(hidden), self.norm_audio(audio), allowed))
            hears = allowed.any(-1, keepdim=True)
            hidden = hidden + self.gate.tanh() * attended * hears
        moved: Tensor = hidden + self.mlp_gate.tanh() * self.mlp(hidden)
        return moved

    def _attend(self, words: Tensor, audio: Tensor, allowed: Tensor) -> Tensor:
        """(B, L, heads · HEAD)."""
        query = self.query(words).unflatten(-1, (self.heads, HEAD)).transpose(1, 2)
        both = self.key_value(audio).unflatten(-1, (2, self.heads, HEAD))
        key, value = both[:, :, 0].transpose(1, 2), both[:, :, 1].transpose(1, 2)
        # A row without any entry would be NaN; its result is not used.
        mask = allowed | ~allowed.any(-1, keepdim=True)
        found = nn.functional.scaled_dot_product_attention(query, key, value, mask[:, None])
        return found.transpose(1, 2).flatten(2)


def sinusoids(place: Tensor, width: int) -> Tensor:
    """(T, width) of positions (T,): sines and cosines (arXiv 1706.03762), 10,000 as base."""
    half = (width + 1) // 2
    rates = 10000.0 ** (-torch.arange(half, device=place.device) / half)
    angles = place.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)[:, :width]
