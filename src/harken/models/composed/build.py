"""Nets from plain values: saved configurations, and parts that are joined.

A configuration is JSON: the settings of encoder, projector and language model, and of LoRA.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.registry import build_encoder
from harken.models.composed.lms.registry import LMS
from harken.models.composed.net import ComposedNet
from harken.models.composed.projectors.registry import PROJECTORS
from harken.models.engine.lora import add_lora


def build_net(config: Mapping[str, Any]) -> ComposedNet:
    """A net with fresh weights from a configuration.

    Raises:
        ModelError: a part that this release, or that of transformers, does not know.
    """
    try:
        encoder = build_encoder(config["encoder"])
        lm = LMS.get(config["lm"].get("kind", "causal")).build(config["lm"])
        net = join(encoder, lm, config["projector"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the configuration cannot be built: {error}",
            hint="Install a transformers release that knows this kind of model.",
        ) from error
    if config.get("lora"):
        add_lora(net.lm, config["lora"])
    return net


def join(encoder: AudioEncoder, lm: Any, settings: Mapping[str, Any]) -> ComposedNet:
    """Put an encoder and a language model together, with a fresh projector between them."""
    width = int(lm.get_input_embeddings().embedding_dim)
    made = PROJECTORS.get(settings.get("kind", "mlp"))
    projector = made.build(encoder.width, width, settings)
    if projector.clip_numbers is not None:
        spread = getattr(lm.config, "initializer_range", 0.02)
        nn.init.normal_(projector.clip_numbers.weight, std=spread)
    return ComposedNet(encoder, projector, lm)
