"""Adapters as a folder that ``PeftModel.from_pretrained`` opens.

Format of peft: ``adapter_config.json``, and ``adapter_model.safetensors`` with names such as
``base_model.model.<layer>.lora_A.weight``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from harken import files
from harken.errors import ModelError
from harken.models.engine.lora import ADAPTER
from harken.parsing import load_json

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"


def write_peft(
    model: Any, folder: Path, *, base: str, revision: str = "", task: str | None = "CAUSAL_LM"
) -> list[str]:
    """Write the adapters of a model of transformers; returns the names of the adapted layers.

    Args:
        model: with adapters in its layers.
        folder: of the adapters.
        base: folder or hub id of the model without them.
        revision: of a hub id.
        task: peft's ``task_type``.

    Raises:
        ModelError: adapters of different kinds (some with DoRA, some without).
    """
    from peft import LoraConfig, get_peft_model_state_dict
    from safetensors.torch import save as to_bytes

    layers = adapted_layers(model)
    config = LoraConfig(
        task_type=task,
        base_model_name_or_path=base,
        revision=revision or None,
        inference_mode=True,
        target_modules=_targets(model, [*layers]),
        **_kind(layers),
    )
    model.peft_config = {ADAPTER: config}  # where peft looks for it
    try:
        state = get_peft_model_state_dict(model, adapter_name=ADAPTER, save_embedding_layers=False)
    finally:
        del model.peft_config
    named = {f"base_model.model.{name}": tensor for name, tensor in sorted(state.items())}
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(str(folder))
    values = load_json(folder / CONFIG)
    values["target_modules"] = sorted(values["target_modules"])  # peft writes them from a set
    files.write_json(folder / CONFIG, values)
    data = to_bytes({name: t.detach().cpu().contiguous() for name, t in named.items()})
    files.write_whole(folder / TENSORS, data)
    return [*layers]


def adapted_layers(model: nn.Module) -> dict[str, Any]:
    """Name -> layer, of the layers that have an adapter."""
    return {name: layer for name, layer in model.named_modules() if hasattr(layer, "lora_A")}


def _kind(layers: Mapping[str, Any]) -> dict[str, Any]:
    """Rank, alpha and kind of the adapters; patterns where these differ between layers."""
    ranks = {name: int(layer.r[ADAPTER]) for name, layer in layers.items()}
    alphas = {name: layer.lora_alpha[ADAPTER] for name, layer in layers.items()}
    first = next(iter(layers))
    dora = {bool(layer.use_dora[ADAPTER]) for layer in layers.values()}
    rslora = {_is_rslora(layer) for layer in layers.values()}
    if len(dora) > 1 or len(rslora) > 1:
        raise ModelError(
            "adapters of different kinds (DoRA, rsLoRA) do not fit into one folder of peft",
            hint="Merge them first (harken merge), and export the merged model.",
        )
    return {
        "r": ranks[first],
        "lora_alpha": alphas[first],
        "rank_pattern": {name: r for name, r in ranks.items() if r != ranks[first]},
        "alpha_pattern": {name: a for name, a in alphas.items() if a != alphas[first]},
        "use_dora": dora == {True},
        "use_rslora": rslora == {True},
    }


def _is_rslora(layer: Any) -> bool:
    """Whether the scale is alpha / sqrt(rank); of rank 1 both are the same."""
    rank, alpha = int(layer.r[ADAPTER]), float(layer.lora_alpha[ADAPTER])
    return rank > 1 and abs(layer.scaling[ADAPTER] - alpha / rank**0.5) < 1e-9 * abs(alpha)


def _targets(model: nn.Module, layers: list[str]) -> list[str]:
    """Full names: peft takes a name for the end of one, too.

    Raises:
        ModelError: a name is the end of another layer's that has no adapter.
    """
    known = {*layers}
    for name, _ in model.named_modules():
        if name not in known and any(name.endswith(f".{one}") for one in layers):
            raise ModelError(
                f"peft would take {name} for one of the adapted layers",
                hint="Merge the adapters first (harken merge), and export the merged model.",
            )
    return layers
