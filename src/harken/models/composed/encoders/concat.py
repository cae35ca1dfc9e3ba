"""concat: several audio encoders side by side, frame by frame (SALMONN, arXiv 2310.13289).

The rate is that of the part with most frames for a clip; the others repeat theirs (nearest frame).
SALMONN's two parts, Whisper and BEATs, have the same 50 frames in a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.registry import build_encoder
from harken.models.engine.features import Array, check_length


class ConcatEncoder(AudioEncoder):
    """Encoders whose frames are concatenated.

    The features of all parts are packed into one array (`packed`), so that they are cached, and
    moved to workers, as those of any encoder.
    """

    name = "concat"
    about = "several encoders side by side: name them with --encoder more than once"

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        self.parts: list[AudioEncoder] = list(encoder)  # type: ignore[call-overload]
        super().__init__(
            encoder,
            {
                **(settings or {}),
                "kind": self.name,
                "parts": [{"kind": part.name, **part.settings} for part in self.parts],
            },
        )
        limits = [part.limit_s for part in self.parts]
        self.limit_s = min([float(self.settings.get("limit_s") or min(limits)), *limits])
        self.hears_channels = any(part.hears_channels for part in self.parts)
        self.layer_shape = tuple(shape for part in self.parts for shape in part.layer_shape)

    @classmethod
    def of(cls, parts: Sequence[AudioEncoder], settings: Mapping[str, Any] | None = None) -> Self:
        """Several encoders as one."""
        return cls(nn.ModuleList(parts), settings)

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """Every part with fresh weights, from ``settings["parts"]``."""
        return cls.of([build_encoder(part) for part in settings["parts"]], settings)

    def clip_features(self, clip: Clip) -> Array:
        """The features of every part, packed; parts that hear all channels get the clip."""
        if not self.hears_channels:
            return super().clip_features(clip)
        samples = load(clip)
        check_length(len(samples) / RATE_HZ, self.limit_s)
        made = (
            part.clip_features(clip) if part.hears_channels else part.features(samples)
            for part in self.parts
        )
        return packed([p.prepare(own) for p, own in zip(self.parts, made, strict=True)])

    def features(self, samples: Array) -> Array:
        """The features of every part, packed."""
        return packed([part.prepare(part.features(samples)) for part in self.parts])

    def frames_of(self, features: Array) -> int:
        """The most that any part has."""
        return max(self._counts(unpacked(features)))

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Each part encodes the batch; the frames of slower ones are repeated."""
        rows = [unpacked(features) for features in batch]
        each = [self._counts(row) for row in rows]
        counts = [max(found) for found in each]
        columns = []
        for at, part in enumerate(self.parts):
            frames, _ = part.encode([row[at] for row in rows])
            nearest = torch.zeros(len(batch), max(counts), dtype=torch.long)
            for row, count in enumerate(counts):
                own = each[row][at]
                place = (2 * torch.arange(count) + 1) * own // (2 * count)
                nearest[row, :count] = place
            picked = nearest.to(frames.device)[..., None].expand(-1, -1, frames.shape[-1])
            columns.append(frames.gather(1, picked))
        return torch.cat(columns, -1), counts

    def _counts(self, features: Sequence[Array]) -> list[int]:
        return [part.frames_of(own) for part, own in zip(self.parts, features, strict=True)]

    def _width(self) -> int:
        """Set by the parts."""
        return 0

    def _layers(self, asked: Any) -> tuple[int, ...]:
        """Each part has its own."""
        return ()


def packed(parts: Sequence[Array]) -> Array:
    """Arrays of one or two dimensions as one: their number, their shapes, their values."""
    shapes = [(*part.shape, 0)[:2] for part in parts]  # width 0: one dimension
    head = np.array([len(parts), *(n for shape in shapes for n in shape)], np.int32)
    return np.concatenate([head.view(np.float32), *(part.ravel() for part in parts)])


def unpacked(features: Array) -> list[Array]:
    """The arrays that `packed` was given."""
    count = int(features[:1].view(np.int32)[0])
    shapes = features[1 : 1 + 2 * count].view(np.int32).reshape(count, 2)
    found, start = [], 1 + 2 * count
    for length, width in shapes.tolist():
        end = start + length * (width or 1)
        found.append(features[start:end].reshape((length, width) if width else (length,)))
        start = end
    return found
