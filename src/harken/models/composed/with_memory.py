"""A trained composed model with a memory around its projector: it hears hours from then on.

What it made of short clips stays as it was, to the bit; the memory has fresh weights.
"""

from __future__ import annotations

from copy import deepcopy

import torch

from harken.errors import ConfigError
from harken.models.composed.build import embedding_rms
from harken.models.composed.model import ComposedModel
from harken.models.composed.net import ComposedNet
from harken.models.composed.projectors.memory import MemoryProjector
from harken.models.composed.projectors.registry import projector_settings

_OUTER = ("clip_numbers", "number_ids")


def with_memory(model: ComposedModel, spec: str = "memory", seed: int = 0) -> ComposedModel:
    """A copy of `model` with a memory; its weights are those of `model` otherwise.

    Args:
        model: its projector becomes the inner one, and keeps its settings.
        spec: ``memory`` with settings, as ``memory?window_s=30&summary=4&segments=64``.
        seed: of the memory's initial weights.

    Raises:
        ConfigError: `spec` names another projector, or the model has a memory, adapters in its
            projector, or a projector that adds to the layers of the language model.
    """
    given = projector_settings(spec, 1)
    if given["kind"] != MemoryProjector.name:
        raise ConfigError(f"{given['kind']} is no memory", hint="Use memory, with settings.")
    if (model.config.get("lora") or {}).get("projector"):
        raise ConfigError("the projector has adapters", hint="Merge them: harken merge")
    own = {**model.config["projector"]}
    outer = {name: own.pop(name) for name in _OUTER if name in own}
    settings = {**given, "inner": own, **outer}
    inner, lm = deepcopy(model.net.projector), deepcopy(model.net.lm)
    embeddings = lm.get_input_embeddings()  # type: ignore[operator]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        memory = MemoryProjector(inner, int(embeddings.embedding_dim), settings)
        memory.begin(embedding_rms(embeddings.weight.detach()))
    memory.clip_numbers, inner.clip_numbers, inner.number_ids = inner.clip_numbers, None, ()
    like = embeddings.weight
    net = ComposedNet(deepcopy(model.net.audio_encoder), memory.to(like.device, like.dtype), lm)
    made = ComposedModel(net, model.tokenizer, {**model.config, "projector": settings})
    made.bases = model.bases
    return made
