"""Projectors by name."""

from __future__ import annotations

import math
from typing import Any

from harken.errors import ConfigError
from harken.models.composed.projectors.base import Projector
from harken.models.target import split_settings
from harken.registry import Registry

_HERE = "harken.models.composed.projectors"

PROJECTORS: Registry[type[Projector]] = Registry(
    "projector",
    {
        "mlp": f"{_HERE}.mlp:MlpProjector",
        "linear": f"{_HERE}.linear:LinearProjector",
        "pooling": f"{_HERE}.pooling:PoolingProjector",
        "qformer": f"{_HERE}.qformer:QFormerProjector",
        "window-qformer": f"{_HERE}.window_qformer:WindowQFormerProjector",
        "gated-mlp": f"{_HERE}.gated_mlp:GatedMlpProjector",
        "pooled-mlp": f"{_HERE}.pooled_mlp:PooledMlpProjector",
        "merging": f"{_HERE}.merging:MergingProjector",
        "mapping": f"{_HERE}.mapping:MappingProjector",
        "aggregator": f"{_HERE}.aggregator:AggregatorProjector",
        "deepstack": f"{_HERE}.deepstack:DeepStackProjector",
        "cross-attention": f"{_HERE}.cross_attention:CrossAttentionProjector",
        "memory": f"{_HERE}.memory:MemoryProjector",
    },
    shape="harken.models.composed.projectors.base:Projector",
)


def timed_projectors() -> list[str]:
    """Names of those with the setting ``times``."""
    return [name for name in PROJECTORS if "times" in PROJECTORS.get(name).options]


def projector_settings(spec: str, pool: int) -> dict[str, Any]:
    """The settings of the projector that `spec` names, with norms unless it says otherwise.

    Args:
        spec: a name in `PROJECTORS`, and settings if there are any (``mlp?pool=5&norm=false``).
        pool: encoder frames in a token, for projectors that have this setting.

    Raises:
        ConfigError: no projector has this name, it has no such setting, or not with this value.
    """
    chosen = PROJECTORS.get(spec.partition("?")[0])
    name, given = split_settings(f"the projector {chosen.name}", spec, chosen.options)
    for key, value in given.items():
        _check(chosen, key, value)
    usual = {"pool": pool} if "pool" in chosen.options else {}
    return {"kind": name, **usual, "norm": True, **given}


def _check(projector: type[Projector], name: str, value: Any) -> None:
    """Raise ConfigError for a number that no projector can be built with."""
    if isinstance(value, bool | str):
        return
    least = projector.least.get(name, 0)
    if not (math.isfinite(value) and value >= least):
        raise ConfigError(
            f"{name} of {projector.name} is {value} (accepted: {least} or more)", where="projector"
        )
