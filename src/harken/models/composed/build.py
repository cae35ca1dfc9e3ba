"""Nets from saved configurations, or from an encoder and a language model.

A configuration is JSON: the settings of encoder, projector and language model, and of LoRA.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.registry import build_encoder
from harken.models.composed.lms.registry import LMS
from harken.models.composed.net import ComposedNet
from harken.models.composed.projectors.registry import PROJECTORS
from harken.models.engine.lora import add_lora
from harken.models.engine.lora_settings import LoraSettings


def build_net(config: Mapping[str, Any]) -> ComposedNet:
    """A net with freshly initialised weights from a configuration.

    Raises:
        ModelError: a part that this release, or that of transformers, does not have.
    """
    try:
        encoder = build_encoder(config["encoder"])
        lm = LMS.get(config["lm"].get("kind", "causal")).build(config["lm"])
        net = join(encoder, lm, config["projector"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the configuration cannot be built: {error}",
            hint="Install a transformers release that has this model_type.",
        ) from error
    for group, own in (config.get("lora") or {}).items():
        add_lora(net, group, LoraSettings.of(own))
    return net


def join(encoder: AudioEncoder, lm: Any, settings: Mapping[str, Any]) -> ComposedNet:
    """An encoder and a language model with a freshly initialised projector between them."""
    embeddings = lm.get_input_embeddings()
    projector_class = PROJECTORS.get(settings.get("kind", "mlp"))
    width = sum(width for _, width in encoder.layer_shape)
    projector = projector_class.build(width, int(embeddings.embedding_dim), settings)
    projector.finish(encoder.layer_shape, embedding_rms(embeddings.weight.detach()))
    if projector.clip_numbers is not None:
        std = getattr(lm.config, "initializer_range", 0.02)
        nn.init.normal_(projector.clip_numbers.weight, std=std)
    return ComposedNet(encoder, projector, projector.into(lm))


def embedding_rms(weight: Tensor) -> float:
    """Root mean square; 1 on the meta device, where there are no values."""
    return 1.0 if weight.is_meta else float(weight.float().square().mean().sqrt())
