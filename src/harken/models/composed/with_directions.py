"""A trained composed model that hears one channel, with an encoder that hears directions as well.

The new planes of the encoder have weights of zero in its first layer, so the model names sounds as
before, and has to be trained to use what it is told of their places.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch

from harken.errors import ConfigError
from harken.models.composed.build import build_net
from harken.models.composed.encoders.resnet import ResNetEncoder
from harken.models.composed.encoders.spatial import PLANES, SpatialEncoder
from harken.models.composed.model import ComposedModel

_FIRST = "audio_encoder.encoder.embedder.embedder.convolution.weight"
"""The first layer of the encoder: (out, planes, height, width)."""


def with_directions(model: ComposedModel) -> ComposedModel:
    """A copy of `model` with the encoder `spatial`; what it makes of a clip is what it was.

    Raises:
        ConfigError: its encoder is no ResNet of harken-tiny, or hears directions already; or it has
            adapters, which a fresh net has not.
    """
    encoder = model.net.audio_encoder
    if not isinstance(encoder, ResNetEncoder) or isinstance(encoder, SpatialEncoder):
        raise ConfigError(
            f"the encoder of {model.name} is {encoder.name}", hint="Use a model with a resnet."
        )
    if model.config.get("lora"):
        raise ConfigError(f"{model.name} has adapters", hint="Merge them: harken merge")
    config: dict[str, Any] = deepcopy(dict(model.config))
    config["encoder"] |= {"kind": SpatialEncoder.name}
    config["encoder"]["config"]["num_channels"] = PLANES + 1
    made = ComposedModel(build_net(config), model.tokenizer, config)
    state = dict(model.state())
    first = state[_FIRST]
    state[_FIRST] = torch.zeros_like(made.state()[_FIRST])
    state[_FIRST][:, : first.shape[1]] = first
    made.load_state(state)
    return made
