"""The parts of the composed model: ears (audio encoders of one shape), the projector, their net.

An `AudioEncoder` makes every encoder alike: it says what it is fed (`features` of a clip's
samples), how many frames come out for it (`frames`, known before anything is computed) and gives
them (`encode`), the same for a clip whether it is alone or in a batch.

======== ============================================== ==========================================
kind     encoder                                        padding
======== ============================================== ==========================================
mel      Parakeet (FastConformer) on our own log-mel    masked in attention and convolutions
mel      ResNet on our own log-mel, as on a picture     only clips of one length share a batch
whisper  Whisper's encoder                              to its fixed length, with its own silence
ast      AST; patches averaged over frequency           to its fixed length, as its extractor does
wave     wav2vec 2.0, HuBERT, WavLM, …                  none: only clips of one length share a batch
======== ============================================== ==========================================
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from harken.models.engine.features import Array


class AudioEncoder(nn.Module):
    """An audio encoder with one face.

    Attributes:
        kind: see the table above.
        width: size of a frame's vector.
        limit_s: longest clip it takes.
        fills_with_silence: silent clips of as many frames are one to it.
    """

    kind = ""
    pads_with_silence = False

    def __init__(self, encoder: nn.Module, limit_s: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.limit_s = limit_s
        self.width = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def features(self, samples: Array) -> Array:
        """What is kept of a clip's samples (n,): time first."""
        raise NotImplementedError

    def prepare(self, features: Array) -> Array:
        """The last step before the encoder; augmentation comes before it."""
        return features

    def frames(self, length: int) -> int:
        """Frames that come out for features of `length`."""
        raise NotImplementedError

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Frames (B, T, width) of prepared features, and how many of each row are true."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.encoder.parameters()).device

    def _stack(self, batch: Sequence[Array], length: int, fill: Sequence[float]) -> Tensor:
        """(B, length, F), each row filled up with its own value."""
        out = np.empty((len(batch), length, batch[0].shape[1]), np.float32)
        for row, (part, value) in enumerate(zip(batch, fill, strict=True)):
            out[row, : len(part)] = part
            out[row, len(part) :] = value
        return torch.from_numpy(out).to(self.device)
