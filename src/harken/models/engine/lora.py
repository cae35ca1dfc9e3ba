"""LoRA (Hu et al. 2021, arXiv 2106.09685) in the language model, with peft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import MissingExtra, ModelError

_ATTENTION = (
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("qkv_proj", "o_proj"),
    ("c_attn",),  # GPT-2
    ("query_key_value", "dense"),
)
"""Names of attention's linear layers in language models of transformers, the usual ones first."""


def lora_settings(lm: nn.Module, rank: int, alpha: int, targets: Sequence[str]) -> dict[str, Any]:
    """The settings of an adapter as JSON values; without `targets`, attention's linear layers.

    Raises:
        ModelError: the layers of attention have unknown names.
    """
    found = list(targets)
    if not found:
        names = {name.rsplit(".", 1)[-1] for name, _ in lm.named_modules()}
        known = [group for group in _ATTENTION if names.issuperset(group)]
        if not known:
            raise ModelError(
                "LoRA finds no attention layers by their usual names",
                hint="Name the linear layers to adapt (targets).",
            )
        found = list(known[0])
    return {"rank": rank, "alpha": alpha, "targets": found}


def add_lora(lm: nn.Module, settings: Mapping[str, Any]) -> None:
    """Add freshly initialised adapters to linear layers of `lm`; the rest of it is frozen.

    Args:
        lm: the language model.
        settings: ``rank``, ``alpha`` (the scale is alpha / rank) and ``targets`` (layer names).

    Raises:
        MissingExtra: peft is not installed.
        ModelError: there are adapters already, or no layer has such a name.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtra("peft", "train") from None
    if any("lora_" in name for name, _ in lm.named_parameters()):
        raise ModelError(
            "the language model has LoRA adapters already",
            hint="Train those, or merge them into the weights first.",
        )
    adapter = LoraConfig(
        r=settings["rank"], lora_alpha=settings["alpha"], target_modules=list(settings["targets"])
    )
    like = next(lm.parameters())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            inject_adapter_in_model(adapter, lm)
        except ValueError as error:
            raise ModelError(f"LoRA finds no layer to adapt: {error}") from error
    for name, parameter in lm.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.to(like.device, like.dtype)


def own_name(name: str) -> str:
    """The name that a model's own tensor has without adapters."""
    return name.replace(".base_layer.", ".")


def base_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's own tensors under the names they have without adapters."""
    return {own_name(name): tensor for name, tensor in state.items() if "lora_" not in name}


def lora_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the adapters, by name."""
    return {name: tensor for name, tensor in state.items() if "lora_" in name}
