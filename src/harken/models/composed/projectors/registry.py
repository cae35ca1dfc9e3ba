"""Projectors by name."""

from __future__ import annotations

from harken.models.composed.projectors.base import Projector
from harken.registry import Registry

_HERE = "harken.models.composed.projectors"

PROJECTORS: Registry[type[Projector]] = Registry(
    "projector",
    {"mlp": f"{_HERE}.mlp:MlpProjector", "linear": f"{_HERE}.linear:LinearProjector"},
    shape="harken.models.composed.projectors.base:Projector",
)
