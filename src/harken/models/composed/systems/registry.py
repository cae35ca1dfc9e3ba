"""Published audio-language models by name."""

from __future__ import annotations

from harken.models.composed.systems import cross_attention, end_to_end, prefix, two_encoders
from harken.models.composed.systems.base import System
from harken.registry import Registry

BUILT_IN = (
    prefix.PENGI,
    prefix.LTU,
    prefix.SLAM_ASR,
    prefix.ULTRAVOX,
    prefix.MELLOW,
    prefix.QWEN_AUDIO,
    prefix.MALLM,
    prefix.QWEN2_AUDIO,
    two_encoders.SALMONN,
    two_encoders.GAMA,
    cross_attention.AUDIO_FLAMINGO_1,
    cross_attention.AUDIO_FLAMINGO_2,
    end_to_end.AUDIO_FLAMINGO_3,
    end_to_end.MOSS_AUDIO,
)

SYSTEMS: Registry[System] = Registry(
    "system",
    {system.name: system for system in BUILT_IN},
    shape="harken.models.composed.systems.base:System",
)
