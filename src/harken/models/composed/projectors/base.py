"""The interface of a projector: encoder frames -> audio tokens of the language model.

One file for each projector: a subclass of `Projector` in
`harken.models.composed.projectors.registry.PROJECTORS` with ``name``, ``about``, ``build``,
``tokens`` (their number, without a forward pass) and ``forward``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.composed.layer_mix import LayerMix


class Projector(nn.Module):
    """`pool` neighbouring frames become one audio token.

    Attributes:
        name: in the registry; `about`: one sentence.
        options: its settings that a user may give, and their types.
        least: what a number among them is at least; others 0.
        pool: frames in a token.
        number_ids: ids of "0", "1", "2", … in the LM's vocabulary: the LM's embedding of k is added
            to the tokens of clip k.
        clip_numbers: a learned embedding of the clip's number, added likewise.
        times: with the setting ``times=N``, an embedding of a token's place in its clip, added to
            it: its absolute time, since all tokens are equally long; tokens from the Nth on share
            the last. It starts at zero, as that of TimeAudio (arXiv 2511.11039).
        mix: of the encoder's layers, where it gives several (`add_mix`).
        norm_in, norm_out: with the setting ``norm``, RMS norms before and after the projector. The
            frames of encoders differ in scale by orders of magnitude, and without `norm_out` the
            audio tokens of a fresh projector may be tens of times longer than the embeddings of
            words, which the LM reads as noise; its gain starts at the RMS of those (`set_gain`).
        extra: columns of an audio token beyond the width of the LM: what goes into its layers
            (`harken.models.composed.injected_lm`).
        takes_layers: frames of several layers reach `forward` side by side and are not mixed.
    """

    name: ClassVar[str] = ""
    about: ClassVar[str] = ""
    options: ClassVar[Mapping[str, type]] = {
        "pool": int, "norm": bool, "clip_numbers": int, "times": int,
    }  # fmt: skip
    least: ClassVar[Mapping[str, float]] = {
        **dict.fromkeys(("pool", "window", "prefix", "queries", "summary", "heads"), 1),
        **dict.fromkeys(("depth", "every", "inner"), 1), "segments": 2, "window_s": 0.1,
    }  # fmt: skip
    takes_layers: ClassVar[bool] = False
    extra: int = 0

    def __init__(self, out: int, settings: Mapping[str, Any]) -> None:
        """`out` is the width of the language model."""
        super().__init__()
        self.pool = int(settings.get("pool", 1))
        self.number_ids = tuple(settings.get("number_ids") or ())
        count = int(settings.get("clip_numbers") or 0)
        # For LMs too small to infer from the prompt which clip a token belongs to.
        self.clip_numbers = nn.Embedding(count + 1, out) if count and not self.number_ids else None
        places = int(settings.get("times") or 0)
        # Given its weight, it draws nothing: other weights are as without it.
        self.times = nn.Embedding(places, out, _weight=torch.zeros(places, out)) if places else None
        self.mix: LayerMix | None = None
        self.norm_in: nn.Module | None = None
        self.norm_out: nn.RMSNorm | None = None
        self._out, self._norm = out, bool(settings.get("norm"))

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """A projector with fresh weights, from frames of `width` to tokens of `out`."""
        raise NotImplementedError

    def tokens(self, frames: int) -> int:
        """Number of tokens for `frames` frames."""
        return -(-frames // self.pool)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        raise NotImplementedError

    def finish(self, shape: Sequence[tuple[int, int]], gain: float) -> None:
        """Add what all projectors share: the mix of layers, and the norms if they are set.

        Args:
            shape: `AudioEncoder.layer_shape`.
            gain: the RMS of the language model's embeddings, at which the tokens start.
        """
        if any(count > 1 for count, _ in shape) and not self.takes_layers:
            self.mix = LayerMix(shape)
        if self._norm:
            self.norm_in = nn.RMSNorm(sum(width for _, width in shape), eps=1e-6)
            self.norm_out = nn.RMSNorm(self._out, eps=1e-6)
            nn.init.constant_(self.norm_out.weight, gain)

    def into(self, lm: Any) -> Any:
        """The language model with what this projector adds to its layers; called after `finish`.

        Most add nothing: their tokens take the places of words, and `lm` is returned as it is.
        """
        return lm

    def project(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """Frames as the encoder gives them (B, T, all layers) -> tokens (B, tokens, out)."""
        tokens: Tensor = self(self.mixed(frames), counts)
        tokens = tokens if self.norm_out is None else self.norm_out(tokens)
        if self.times is None:
            return tokens
        place = torch.arange(tokens.shape[1], device=tokens.device)
        own = self.times(place.clamp(max=self.times.num_embeddings - 1))
        return torch.cat([tokens[..., : self._out] + own, tokens[..., self._out :]], -1)

    def mixed(self, frames: Tensor) -> Tensor:
        """Frames as the encoder gives them, their layers mixed and normalised, for `forward`."""
        if self.mix is not None:
            frames = self.mix(frames)
        return frames if self.norm_in is None else self.norm_in(frames)

    def stacked(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, pool · width), zeros past each row's count."""
        frames, _ = windows(frames, counts, self.pool)
        return frames.flatten(2)


def require_heads(width: int, heads: int, name: str) -> int:
    """`heads`, if attention of so many can be `width` wide; else raise ConfigError."""
    if heads < 1 or width % heads:
        fitting = [n for n in range(1, min(width, 32) + 1) if not width % n]
        raise ConfigError(
            f"{name} is {width} wide, which {heads} heads cannot share",
            where="projector",
            hint=f"Set heads to one of {', '.join(map(str, fitting))}.",
        )
    return heads


def several_layers(shape: Sequence[tuple[int, int]], name: str, layers: str) -> tuple[int, int]:
    """(layers, width) of the one encoder that a projector of several layers needs.

    Args:
        shape: (layers, width) of each encoder.
        name: of the projector.
        layers: which ones its error names, as an example.

    Raises:
        ConfigError: the encoder gives one layer, or is made of several.
    """
    if len(shape) != 1 or shape[0][0] < 2:
        raise ConfigError(
            f"{name} needs several layers of one encoder",
            hint=f'Name them, the last one last: --encoder "FOLDER?layers={layers}"',
        )
    return shape[0]


def windows(frames: Tensor, counts: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
    """Frames in windows, with zeros past each row's count.

    Args:
        frames: (B, T, width).
        counts: valid frames in each row.
        size: frames in a window; the last one is filled up.

    Returns:
        (B, W, size, width), and which of the frames are valid: (B, W, size).
    """
    frames = nn.functional.pad(frames, (0, 0, 0, -frames.shape[1] % size))
    place = torch.arange(frames.shape[1], device=frames.device)[None]
    valid = place < torch.tensor(counts, device=frames.device)[:, None]
    cut = frames * valid[..., None]
    shape = (len(cut), -1, size)
    return cut.reshape(*shape, cut.shape[-1]), valid.reshape(shape)
