"""Long clips for models that hear window by window: features that are made when they are used.

A clip that is longer than a window is divided into equal windows (`WindowedFeatures`), so none is
shorter than half of one. Features are made of one window at a time, and nothing of it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from harken.audio.clip import Clip
from harken.audio.single import duration_s, span
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.projectors.memory import MemoryProjector
from harken.models.engine.features import Array, check_length


@dataclass(frozen=True, slots=True, eq=False)
class WindowedFeatures:
    """Stands for the features of a long clip.

    Attributes:
        clip: the whole clip.
        encoder: whose features they are.
        count: windows.
        length_s: of each.
    """

    clip: Clip
    encoder: AudioEncoder
    count: int
    length_s: float

    @staticmethod
    def of(clip: Clip, encoder: AudioEncoder, window_s: float) -> WindowedFeatures | None:
        """The windows of a clip; None if it fits into one of `window_s`.

        Raises:
            ModelError: its length is not finite.
        """
        length = duration_s(clip)
        if length <= window_s + 1e-3:
            return None
        check_length(length, math.inf)
        count = math.ceil(length / window_s - 1e-6)
        return WindowedFeatures(clip, encoder, count, length / count)

    def __len__(self) -> int:
        """Number of windows."""
        return self.count

    def start_s(self, number: int) -> float:
        """When a window begins, in whole milliseconds."""
        return round(number * self.length_s, 3)

    def load(self, number: int) -> Array:
        """The prepared features of one window."""
        part = span(self.clip, self.start_s(number), self.length_s)
        return self.encoder.prepare(self.encoder.clip_features(part))


def heard_in_windows(
    encoder: AudioEncoder, projector: MemoryProjector, features: WindowedFeatures
) -> Tensor:
    """The audio tokens of a long clip, (tokens, width of the LM).

    Where a gradient is needed, a window is encoded again in the backward pass, so that the
    activations of one window are held at a time, and of the others only their summary.
    """

    def summary_of(number: int) -> Tensor:
        frames, counts = encoder.encode([features.load(number)])
        return projector.summarised(frames, counts[0], features.start_s(number))

    def again(number: int) -> Tensor:
        made: Tensor = checkpoint(summary_of, number, use_reentrant=False)
        return made

    return projector.remembered(len(features), again if torch.is_grad_enabled() else summary_of)


def window_frames(encoder: AudioEncoder, features: WindowedFeatures) -> dict[str, Tensor]:
    """What can be kept of a long clip while its encoder is frozen.

    Returns:
        ``frames`` (windows, T, all layers), ``counts`` (windows,) valid frames, ``starts_ms``
        (windows,), whole numbers, which are not rounded where frames are.
    """
    rows, counts = [], []
    for number in range(len(features)):
        frames, (count,) = encoder.encode([features.load(number)])
        rows.append(frames[0, :count])
        counts.append(count)
    starts = [round(1000 * features.start_s(number)) for number in range(len(features))]
    return {
        "frames": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
        "counts": torch.tensor(counts),
        "starts_ms": torch.tensor(starts),
    }


def tokens_in_windows(projector: MemoryProjector, kept: Mapping[str, Tensor]) -> Tensor:
    """The audio tokens of a long clip from `window_frames`."""
    counts: Sequence[int] = kept["counts"].tolist()

    def summary_of(number: int) -> Tensor:
        frames, start_ms = kept["frames"][number : number + 1], int(kept["starts_ms"][number])
        return projector.summarised(frames[:, : counts[number]], counts[number], start_ms / 1000)

    return projector.remembered(len(counts), summary_of)
