"""LoRA (Hu et al. 2021, arXiv 2106.09685) in the module groups of a net, with peft."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import MissingExtra, ModelError
from harken.listed import listed
from harken.models.engine.lora_settings import LoraSettings
from harken.models.engine.net import LearnerNet

ADAPTER = "default"
"""peft's name of the one adapter that a layer has."""

_ATTENTION = (
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("q_proj", "k_proj", "v_proj", "out_proj"),  # Whisper, wav2vec 2.0
    ("qkv_proj", "o_proj"),
    ("c_attn",),  # GPT-2
    ("query_key_value", "dense"),
    ("query", "key", "value"),  # AST, CLAP
    ("to_q", "to_kv", "to_out"),  # Granite Speech
    ("linear_q", "linear_k", "linear_v", "linear_out"),
)
"""Names of attention's linear layers in models of transformers, the usual ones first."""

_READ_DIRECTLY = ("WavLMAttention", "MultiheadAttention")
"""Modules that read the weights of their linear layers and never call these: an adapter in one
would have no effect and no gradient."""


def add_lora(net: LearnerNet, group: str, settings: LoraSettings, seed: int = 0) -> list[str]:
    """Add freshly initialised adapters to layers of a module group, and freeze the rest of it.

    A fresh adapter changes nothing: its second factor is zero.

    Args:
        net: holds the group.
        group: ``audio_encoder``, ``projector`` or ``lm``.
        settings: without targets, attention's linear layers, or in a projector all linear layers.
        seed: of the first factors.

    Returns:
        The names of the adapted layers.

    Raises:
        MissingExtra: peft is not installed.
        ModelError: the group has adapters already, or a target fits no layer of it.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtra("peft", "train") from None
    if group in adapted_groups(net):
        name = "language model" if group == "lm" else group
        raise ModelError(
            f"the {name} has LoRA adapters already",
            hint="Train those, or merge them into the weights first (harken merge).",
        )
    chosen = lora_layers(net, group, settings.targets)
    adapter = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.scale_alpha,
        lora_dropout=settings.dropout,
        use_dora=settings.dora,
        use_rslora=settings.rslora,
        target_modules="|".join(map(re.escape, chosen)),
    )
    trained = {name: p.requires_grad for name, p in net.named_parameters()}
    like = next(getattr(net, group).parameters())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(adapter, net)
        except ValueError as error:
            raise ModelError(f"LoRA finds no layer to adapt: {error}") from error
    del net.peft_config  # peft would take the next group for a second adapter of these layers
    net.train(net.training)  # fresh modules are in training mode, and would drop inputs out
    for name, parameter in net.named_parameters():
        if "lora_" in name and name not in trained:
            parameter.data = parameter.data.to(like.device, like.dtype)
        else:  # peft froze everything else
            before = trained.get(name, trained.get(own_name(name), False))
            own = name.startswith(f"{group}.") and "lora_" not in name
            parameter.requires_grad_(before and not own)
    return chosen


def lora_layers(net: LearnerNet, group: str, targets: Sequence[str] = ()) -> list[str]:
    r"""Names of the layers of a group that `targets` fit; without any, of its usual layers.

    Args:
        net: holds the group.
        group: a module group.
        targets: regular expressions for whole names within the group, or for the end of a name
            after a dot: ``q_proj``, ``layers\.[0-3]\..*``.

    Raises:
        ModelError: a target fits no layer that can be adapted; near names are listed.
    """
    layers, refused = _layers(net, group)
    short = {name: name.partition(".")[2] for name in layers}
    patterns = list(targets) or _usual(group, short.values())
    found: set[str] = set()
    for pattern in patterns:
        here = [name for name in layers if _fits(pattern, short[name])]
        if not here:
            _raise_no_layer(pattern, group, [*short.values()], refused)
        found |= {*here}
    return [name for name in layers if name in found]


def adapted_groups(net: nn.Module) -> tuple[str, ...]:
    """The module groups that have adapters, in the order of the net."""
    names = [name for name, _ in net.named_parameters() if "lora_" in name]
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def merge_lora(net: nn.Module) -> int:
    """Add every adapter to the weights of its layer, and remove it; returns their number.

    The sum is computed in float32 and rounded to the dtype of the weights once.
    """
    adapted = [(name, layer) for name, layer in net.named_modules() if _is_adapter(layer)]
    for name, layer in adapted:
        own: Any = layer
        base = own.get_base_layer()
        dtypes = [(p, p.dtype) for p in layer.parameters()]
        with torch.no_grad():
            for parameter, _ in dtypes:
                parameter.data = parameter.data.float()
            own.merge(safe_merge=True)
            for parameter, dtype in dtypes:
                parameter.data = parameter.data.to(dtype)
        parent, _, last = name.rpartition(".")
        setattr(net.get_submodule(parent), last, base)
    return len(adapted)


@contextmanager
def lora_off(net: nn.Module) -> Iterator[None]:
    """Every adapter without effect, for a block."""
    adapters: list[Any] = [layer for layer in net.modules() if _is_adapter(layer)]
    before = [layer._disable_adapters for layer in adapters]
    for layer in adapters:
        layer._disable_adapters = True  # peft's own switch also changes what is trained
    try:
        yield
    finally:
        for layer, off in zip(adapters, before, strict=True):
            layer._disable_adapters = off


@contextmanager
def lora_scaled(net: nn.Module, factor: float) -> Iterator[None]:
    """The scale of every adapter times `factor`, for a block.

    Raises:
        ModelError: an adapter with DoRA, whose effect is not in proportion to its scale.
    """
    adapters: list[Any] = [layer for layer in net.modules() if _is_adapter(layer)]
    if any(layer.use_dora.get(ADAPTER) for layer in adapters):
        raise ModelError(
            "adapters with DoRA have no scale that could be lowered",
            hint="Train LoRA adapters without dora.",
        )
    before = [layer.scaling[ADAPTER] for layer in adapters]
    for layer, scale in zip(adapters, before, strict=True):
        layer.scaling[ADAPTER] = scale * factor
    try:
        yield
    finally:
        for layer, scale in zip(adapters, before, strict=True):
            layer.scaling[ADAPTER] = scale


def own_name(name: str) -> str:
    """The name that a model's own tensor has without adapters."""
    return name.replace(".base_layer.", ".")


def base_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's own tensors under the names they have without adapters."""
    return {own_name(name): tensor for name, tensor in state.items() if "lora_" not in name}


def lora_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the adapters, by name."""
    return {name: tensor for name, tensor in state.items() if "lora_" in name}


def _is_adapter(layer: nn.Module) -> bool:
    return hasattr(layer, "lora_A") and hasattr(layer, "base_layer")


def _layers(net: LearnerNet, group: str) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """The linear layers of a group that can be adapted, and why others cannot, by name."""
    from transformers.pytorch_utils import Conv1D

    owners: dict[int, int] = {}
    modules = dict(net.named_modules())
    for layer in modules.values():
        for own in layer.parameters(recurse=False):
            owners[id(own)] = owners.get(id(own), 0) + 1
    layers: dict[str, nn.Module] = {}
    refused: dict[str, str] = {}
    for name, layer in modules.items():
        if not isinstance(layer, (nn.Linear, Conv1D)) or name.split(".")[0] != group:
            continue
        parent = modules[name.rpartition(".")[0]]
        if type(parent).__name__ in _READ_DIRECTLY:
            refused[name] = f"{type(parent).__name__} does not call it"
        elif owners[id(layer.weight)] > 1:
            refused[name] = "its weight is shared with another layer"
        elif not net.replaceable(name):
            refused[name] = "it is a whole part of the class"
        else:
            layers[name] = layer
    return layers, refused


def _usual(group: str, names: Any) -> list[str]:
    """The layers that are adapted where none are named.

    Raises:
        ModelError: the layers of attention have unknown names.
    """
    last = {name.rpartition(".")[2] for name in names}
    if group == "projector" and last:
        return [".*"]
    known = [usual for usual in _ATTENTION if last.issuperset(usual)]
    if not known:
        raise ModelError(
            f"LoRA finds no attention layers by their usual names in {group}",
            hint=f"Name the linear layers to adapt (targets): {', '.join(sorted(last)) or 'none'}.",
        )
    return [re.escape(name) for name in known[0]]


def _fits(pattern: str, name: str) -> bool:
    return re.fullmatch(rf"(?:.*\.)?(?:{pattern})", name) is not None


def _raise_no_layer(
    pattern: str, group: str, names: Sequence[str], refused: Mapping[str, str]
) -> None:
    for name, reason in refused.items():
        if _fits(pattern, name.partition(".")[2]):
            raise ModelError(
                f"LoRA cannot adapt {name}: {reason}",
                hint="Name other layers, or train this one without an adapter.",
            )
    last = sorted({name.rpartition(".")[2] for name in names})
    near = difflib.get_close_matches(pattern, last, n=3, cutoff=0.4)
    raise ModelError(
        f"the LoRA target {pattern!r} fits no linear layer of {group}",
        hint=f"Near names: {', '.join(near)}." if near else
        f"Its linear layers: {listed(last, 12) or 'none'}.",
    )  # fmt: skip
