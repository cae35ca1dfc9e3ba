"""Audio language model classes of transformers, asked in this process; see `base` for the shape."""

from __future__ import annotations

from typing import Any

from harken.errors import MissingExtra
from harken.models.base import Model
from harken.models.native.settings import read_target
from harken.registry import Registry

FAMILIES: Registry[type] = Registry(
    "native family",
    {
        "qwen2_audio": "harken.models.native.qwen2_audio:Qwen2Audio",
        "qwen2_5_omni": "harken.models.native.qwen2_5_omni:Qwen25Omni",
        "qwen2_5_omni_thinker": "harken.models.native.qwen2_5_omni:Qwen25Omni",
        "qwen3_omni_moe": "harken.models.native.qwen3_omni_moe:Qwen3Omni",
        "qwen3_omni_moe_thinker": "harken.models.native.qwen3_omni_moe:Qwen3Omni",
        "audioflamingo3": "harken.models.native.audioflamingo3:AudioFlamingo3",
        "musicflamingo": "harken.models.native.musicflamingo:MusicFlamingo",
        "qwen3_asr": "harken.models.native.qwen3_asr:Qwen3Asr",
        "voxtral": "harken.models.native.voxtral:Voxtral",
        "glmasr": "harken.models.native.glmasr:GlmAsr",
        "granite_speech": "harken.models.native.granite_speech:GraniteSpeech",
        "granite_speech_plus": "harken.models.native.granite_speech:GraniteSpeechPlus",
        "gemma3n": "harken.models.native.gemma3n:Gemma3n",
        "gemma4": "harken.models.native.gemma4:Gemma4",
        "phi4_multimodal": "harken.models.native.phi4mm:Phi4Multimodal",
    },
)
"""``model_type`` of a folder's configuration -> the family that serves it."""


def build(target: str, **options: Any) -> Model:
    """The registry's factory: `target` is a folder, or an id on the hub, and ``?settings``.

    Args:
        target: for example ``Qwen/Qwen2-Audio-7B-Instruct?device=cuda``.
        options: settings (see `harken.models.native.settings.Settings`) over those of the target.

    Raises:
        MissingExtra: transformers is not installed.
        ConfigError: no target, or a setting that does not exist.
        ModelError: it cannot be opened; see `harken.models.native.open.open_model`.
    """
    name, settings = read_target(target, options)
    try:
        from harken.models.native.model import Native
    except ImportError as error:
        raise MissingExtra(str(error.name or "transformers"), "models") from None
    return Native.open(name, settings)
