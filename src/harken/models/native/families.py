"""Native families by ``model_type`` of a folder's configuration."""

from __future__ import annotations

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
        "moss_transcribe_diarize": "harken.models.native.moss_transcribe:MossTranscribeDiarize",
        "granite_speech": "harken.models.native.granite_speech:GraniteSpeech",
        "granite_speech_plus": "harken.models.native.granite_speech:GraniteSpeechPlus",
        "gemma3n": "harken.models.native.gemma3n:Gemma3n",
        "gemma4": "harken.models.native.gemma4:Gemma4",
        "gemma4_unified": "harken.models.native.gemma4_unified:Gemma4Unified",
        "phi4_multimodal": "harken.models.native.phi4mm:Phi4Multimodal",
    },
    group="native_families",
    shape="harken.models.native.base:NativeFamily",
)
