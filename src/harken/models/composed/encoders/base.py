"""The interface of an audio encoder: features, number of frames, frames.

One file for each encoder: a subclass of `AudioEncoder` in the registry
`harken.models.composed.encoders.registry.ENCODERS`::

    name, about, model_types     its name, and the ``model_type`` values it serves
    build(settings)              with fresh weights; `settings`: JSON values, saved with the model
    open(folder, settings)       with pretrained weights, from a folder
    features(samples)            the cached features of a clip: numpy, time first
    prepare(features)            the last step before the encoder, after augmentation
    frames(length)               number of output frames, without running the encoder
    encode(batch)                the frames, equal for a clip alone and in a batch

============ ============================================== ======================================
name         encoder                                        padding
============ ============================================== ======================================
conformer    Parakeet (FastConformer) on harken's log-mel   masked in attention and convolutions
resnet       ResNet on harken's log-mel as an image         only clips of one length share a batch
whisper      Whisper's encoder                              to 30 s, with its own value of silence
ast          AST; patches averaged over frequency           to its fixed length
waveform     wav2vec 2.0, HuBERT, WavLM, …                  only clips of one length share a batch
============ ============================================== ======================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.models.composed.transformers_parts import config_of, open_part, plain_config
from harken.models.engine.features import Array
from harken.models.pretrained import build_model


class AudioEncoder(nn.Module):
    """An audio encoder with the interface that projector and engine need.

    Attributes:
        name: in the registry; `about`: one sentence.
        model_types: of transformers' configurations that this class serves.
        longest_s: default of `limit_s`.
        augmentable: its features are log-mel frames that `harken.train.augment` may change.
        pads_with_silence: silent clips with the same number of frames are encoded alike.
        encoder: the network.
        settings: JSON values from which `build` makes it again.
        width: size of a frame's vector.
        limit_s: longest clip it takes, in seconds.
    """

    name: ClassVar[str] = ""
    about: ClassVar[str] = ""
    model_types: ClassVar[tuple[str, ...]] = ()
    longest_s: ClassVar[float] = 60.0
    augmentable: ClassVar[bool] = False
    pads_with_silence: ClassVar[bool] = False

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        given = dict(settings or {})
        self.encoder = encoder
        if "config" not in given and hasattr(encoder, "config"):
            given["config"] = plain_config(encoder.config)
        self.settings = given
        self.limit_s = float(given.get("limit_s") or self.longest_s)
        self.width = self._width()

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """With fresh weights, from the transformers configuration ``settings["config"]``."""
        from transformers import AutoModel

        return cls(build_model(AutoModel, config_of(settings["config"])), settings)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """With pretrained weights in float32, from a local folder.

        Raises:
            ModelError: no such folder, no safetensors in it, or weights of another kind.
        """
        from transformers import AutoModel

        return cls(open_part(AutoModel, folder), settings)

    def features(self, samples: Array) -> Array:
        """The features of a clip's samples (n,): time first."""
        raise NotImplementedError

    def prepare(self, features: Array) -> Array:
        """The last step before the encoder, after augmentation."""
        return features

    def frames(self, length: int) -> int:
        """Number of output frames for features of `length`."""
        raise NotImplementedError

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Frames (B, T, width) of prepared features, and the number of valid ones in each row."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Device of its weights."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of its weights; inputs are cast to it."""
        return next(self.parameters()).dtype

    def _width(self) -> int:
        config: Any = self.encoder.config
        return int(config.hidden_size)

    def _stack(self, batch: Sequence[Array], length: int, fill: Sequence[float]) -> Tensor:
        """(B, length, F), each row padded with its own value."""
        out = np.empty((len(batch), length, batch[0].shape[1]), np.float32)
        for row, (part, value) in enumerate(zip(batch, fill, strict=True)):
            out[row, : len(part)] = part
            out[row, len(part) :] = value
        return torch.from_numpy(out).to(self.device, self.dtype)
