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
parakeet     Parakeet, pretrained, on its own features      masked in attention and convolutions
resnet       ResNet on harken's log-mel as an image         only clips of one length share a batch
spatial      the same on log-mel and directions             only clips of one length share a batch
whisper      Whisper's encoder                              to 30 s, with its own value of silence;
                                                            with `own_length` masked in attention
ast          AST; patches averaged over frequency           to its fixed length
htsat        HTSAT, CLAP's audio tower                      windows of 10 s, by repetition
af-whisper   the encoder of Audio Flamingo 3                windows of 30 s, masked in attention
cnn14        CNN14 of PANNs; a mean over frequency          only clips of one length share a batch
beats        BEATs; its patches in order                    masked in attention
waveform     wav2vec 2.0, HuBERT, WavLM, …                  only clips of one length share a batch
directional  any of them, on each sound of a spatial clip   as the encoder inside pads
concat       several of the above, side by side             as each of them pads
============ ============================================== ======================================

With the setting ``layers`` (``all``, or numbers such as ``2,4,-1``; 0 is the input of the first
layer) a frame holds the outputs of several layers side by side, and the projector learns how to mix
them (`harken.models.composed.layer_mix`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.errors import ConfigError
from harken.models.composed.transformers_parts import config_of, open_part, plain_config
from harken.models.engine.features import Array, check_length
from harken.models.pretrained import build_model


class AudioEncoder(nn.Module):
    """An audio encoder with the interface that projector and engine need.

    Attributes:
        name: in the registry; `about`: one sentence.
        model_types: of transformers' configurations that this class serves.
        options: its settings that a user may give, and their types.
        longest_s: default of `limit_s`.
        augmentable: its features are log-mel frames that `harken.train.augment` may change.
        pads_with_silence: silent clips with the same number of frames are encoded alike.
        hears_channels: it makes its features of all channels of a clip (`clip_features`).
        encoder: the network.
        settings: JSON values from which `build` makes it again.
        layers: the hidden states that a frame holds side by side; empty: the last one.
        layer_shape: for each part of a frame, the number of layers in it and their width.
        width: size of a frame's vector, all layers and parts together.
        limit_s: longest clip it takes, in seconds.
    """

    name: ClassVar[str] = ""
    about: ClassVar[str] = ""
    model_types: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, type]] = {"layers": str, "limit_s": float}
    longest_s: ClassVar[float] = 60.0
    augmentable: ClassVar[bool] = False
    pads_with_silence: bool = False
    hears_channels: bool = False

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        given = dict(settings or {})
        self.encoder = encoder
        if "config" not in given and hasattr(encoder, "config"):
            given["config"] = plain_config(encoder.config)
        self.settings = given
        self.limit_s = float(given.get("limit_s") or self.longest_s)
        if not self.limit_s > 0:  # NaN is not, either
            raise ConfigError(f"limit_s is {self.limit_s:g} (accepted: more than 0 seconds)")
        self.layers = self._layers(given.get("layers"))
        self.layer_shape: tuple[tuple[int, int], ...] = ((len(self.layers) or 1, self._width()),)

    @property
    def width(self) -> int:
        """Size of a frame's vector."""
        return sum(count * width for count, width in self.layer_shape)

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

    def clip_features(self, clip: Clip) -> Array:
        """The features of a clip: of its samples in mono, unless it hears where sounds are.

        Raises:
            ModelError: the clip is longer than `limit_s`.
            AudioError: it cannot be loaded.
        """
        samples = load(clip)
        check_length(len(samples) / RATE_HZ, self.limit_s)
        return self.features(samples)

    def features(self, samples: Array) -> Array:
        """The features of a clip's samples (n,): time first."""
        raise NotImplementedError

    def prepare(self, features: Array) -> Array:
        """The last step before the encoder, after augmentation."""
        return features

    def frames(self, length: int) -> int:
        """Number of output frames for features of `length`."""
        raise NotImplementedError

    def frames_of(self, features: Array) -> int:
        """Number of output frames for a clip's features."""
        return self.frames(len(features))

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
        """Width of one layer's output."""
        config: Any = self.encoder.config
        return int(config.hidden_size)

    def _layer_count(self) -> int:
        """Number of hidden states, the input of the first layer included; 0: not to be had."""
        config: Any = getattr(self.encoder, "config", None)
        return int(getattr(config, "num_hidden_layers", 0) or -1) + 1

    def _layers(self, asked: Any) -> tuple[int, ...]:
        """The setting ``layers`` as indices from 0.

        Raises:
            ConfigError: no such layer, or an encoder without hidden states of one width.
        """
        if not asked:
            return ()
        count = self._layer_count()
        if not count:
            raise ConfigError(
                f"the layers of the encoder {self.name!r} cannot be mixed",
                hint="They have no common width; leave `layers` out.",
            )
        if asked == "all":
            return tuple(range(count))
        try:
            wanted = asked.split(",") if isinstance(asked, str) else [*asked]
            numbers = [range(count)[int(number)] for number in wanted]
        except (ValueError, IndexError, TypeError):
            raise ConfigError(
                f"layers is {asked!r}",
                hint=f"Use all, or numbers from 0 (the input of the first layer) to {count - 1}.",
            ) from None
        return tuple(dict.fromkeys(numbers))

    def _side_by_side(self, output: Any) -> Tensor:
        """(B, T, layers · width) of the output of transformers: the last state, or `layers`."""
        if not self.layers:
            last: Tensor = output.last_hidden_state
            return last
        return torch.cat([output.hidden_states[i] for i in self.layers], -1)

    def _run(self, *inputs: Tensor, **named: Any) -> Any:
        """The output of the encoder, with hidden states if `layers` needs them."""
        return self.encoder(*inputs, **named, output_hidden_states=bool(self.layers))

    def _stack(self, batch: Sequence[Array], length: int, fill: Sequence[float]) -> Tensor:
        """(B, length, F), each row padded with its own value."""
        out = np.empty((len(batch), length, batch[0].shape[1]), np.float32)
        for row, (part, value) in enumerate(zip(batch, fill, strict=True)):
            out[row, : len(part)] = part
            out[row, len(part) :] = value
        return torch.from_numpy(out).to(self.device, self.dtype)
