"""Language models by name."""

from __future__ import annotations

from harken.models.composed.lms.base import LanguageModel
from harken.registry import Registry

_HERE = "harken.models.composed.lms"

LMS: Registry[type[LanguageModel]] = Registry(
    "lm",
    {
        "causal": f"{_HERE}.causal:CausalLanguageModel",
        "llama": f"{_HERE}.llama:Llama",
        "qwen3": f"{_HERE}.qwen3:Qwen3",
        "lfm2": f"{_HERE}.lfm2:Lfm2",
        "apertus": f"{_HERE}.apertus:Apertus",
    },
    group="lms",
    shape="harken.models.composed.lms.base:LanguageModel",
)
