"""The published size of a system on torch's meta device: shapes without memory, to be counted."""

from __future__ import annotations

import torch

from harken.models.composed.build import join
from harken.models.composed.encoders.concat import ConcatEncoder
from harken.models.composed.encoders.registry import ENCODERS
from harken.models.composed.lms.registry import LMS
from harken.models.composed.net import ComposedNet
from harken.models.composed.projectors.registry import projector_settings
from harken.models.composed.systems.base import System
from harken.models.engine.lora import add_lora
from harken.models.engine.lora_settings import parse_lora
from harken.models.engine.net import GROUPS, set_trainable


def published_net(system: System) -> ComposedNet:
    """The net in its published size, on the meta device."""
    with torch.device("meta"):
        encoders = [
            ENCODERS.get(part.kind).build(
                {"kind": part.kind, "config": dict(part.config), **part.settings}
            )
            for part in system.encoders
        ]
        lm = LMS.get("causal").build({"config": dict(system.lm.config)})
        encoder = encoders[0] if len(encoders) == 1 else ConcatEncoder.of(encoders)
        return join(encoder, lm, projector_settings(system.projector, 1))


def adapted_net(system: System) -> ComposedNet:
    """`published_net` with the paper's adapters; what the paper trains requires a gradient."""
    net = published_net(system)
    with torch.device("meta"):
        for group, settings in parse_lora([system.lora]).items():
            add_lora(net, group, settings)
    set_trainable(net, system.trained)
    return net


def published_counts(system: System) -> dict[str, int]:
    """Parameters of each module group of the published size, of its adapters, and of all.

    Returns:
        ``audio_encoder``, ``projector``, ``lm``, ``lora``, ``all`` (without adapters), ``trained``.
    """
    net = adapted_net(system)
    own = [(name, p.numel()) for name, p in net.named_parameters() if "lora_" not in name]
    found = {g: sum(n for name, n in own if name.startswith(f"{g}.")) for g in GROUPS}
    found["all"] = sum(found.values())
    found["lora"] = sum(p.numel() for p in net.parameters()) - found["all"]
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    return {**found, "trained": trained}
