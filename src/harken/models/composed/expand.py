"""Block expansion: a trained model with more layers in its language model, which begins as it was.

LLaMA Pro (Wu et al. 2024, arXiv 2401.02415): new blocks are copies of the block before them whose
output projections are zero, so that they add nothing to their input until they are trained.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from harken.errors import ModelError
from harken.models.composed.build import build_net
from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.registry import PROJECTORS, timed_projectors
from harken.models.learner import cast

_OUTPUTS = ("o_proj.weight", "down_proj.weight", "o_proj.bias", "down_proj.bias")
"""What a block of the Llama kind adds to its input goes through these."""


def expanded(model: ComposedModel, layers: int, times: int = 0) -> ComposedModel:
    """A copy of a model with so many layers in its language model; its answers are the same.

    Args:
        model: of a causal language model of the Llama kind (``layers.N.self_attn.o_proj``,
            ``layers.N.mlp.down_proj``), without adapters.
        layers: of the new one; new layers stand behind the old ones, evenly spread.
        times: places of an embedding of the absolute time of audio tokens, zero at first
            (`harken.models.composed.projectors.base.Projector`); 0: as it was.

    Raises:
        ModelError: another kind of model, adapters, fewer layers than it has, or times for a
            projector without them.
    """
    config = deepcopy(dict(model.config))
    own = config["lm"]["config"]
    old = int(own.get("num_hidden_layers") or 0)
    state = model.state()
    if config.get("lora") or any(
        f"lm.model.layers.{layer}.{name}" not in state
        for layer in range(old)
        for name in ("self_attn.o_proj.weight", "mlp.down_proj.weight")
    ):
        raise ModelError(
            "only language models of the Llama kind, without adapters, can be expanded",
            hint="Open a model without adapters, whose layers have o_proj and down_proj.",
        )
    if layers < old:
        raise ModelError(f"the language model has {old} layers, and {layers} are asked for")
    if len({*(own.pop("layer_types", None) or ())}) > 1:
        raise ModelError("layers of several kinds (sliding and full attention) cannot be expanded")
    if times not in (0, int(config["projector"].get("times") or times)):
        raise ModelError(f"the projector has {config['projector']['times']} times, not {times}")
    kind = str(config["projector"].get("kind", "mlp"))
    if times and "times" not in PROJECTORS.get(kind).options:
        raise ModelError(
            f"the projector {kind} has no embedding of times",
            hint=f"Those that have: {', '.join(timed_projectors())}.",
        )
    own["num_hidden_layers"] = layers
    config["projector"] |= {"times": times} if times else {}
    net = build_net(config)
    cast(net, model.net.audio_encoder.dtype)
    found = {k: v for k, v in state.items() if not k.startswith("lm.model.layers.")}
    source = [layer * old // layers for layer in range(layers)]
    for layer, copied in enumerate(source):
        fresh = layer > 0 and source[layer - 1] == copied
        begin = f"lm.model.layers.{copied}."
        for name, value in state.items():
            if name.startswith(begin):
                silent = fresh and name.endswith(_OUTPUTS)
                key = f"lm.model.layers.{layer}." + name.removeprefix(begin)
                found[key] = torch.zeros_like(value) if silent else value
    missing, _ = net.load_state_dict(found, strict=False)
    # Tied embeddings are in it once.
    assert {*missing} <= {"projector.times.weight", "lm.lm_head.weight"}, missing
    if net.projector.times is not None and "projector.times.weight" not in found:
        nn.init.zeros_(net.projector.times.weight)
    return ComposedModel(net, model.tokenizer, config)
