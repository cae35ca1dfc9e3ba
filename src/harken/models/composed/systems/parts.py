"""Parts of published models: hub id, licence, and configuration as their ``config.json`` has it.

Only what decides shapes is here; dropout and the like are those of transformers. Sources: the
``config.json`` of each hub id, unless a line says otherwise.
"""

from __future__ import annotations

from typing import Any

from harken.models.composed.systems.base import SystemPart


def _whisper(source: str, bins: int, licence: str = "Apache-2.0") -> SystemPart:
    """The large Whisper encoder (637 M parameters), with `bins` mel bands."""
    config: dict[str, Any] = {
        "model_type": "whisper", "d_model": 1280, "encoder_layers": 32, "decoder_layers": 32,
        "encoder_attention_heads": 20, "decoder_attention_heads": 20, "encoder_ffn_dim": 5120,
        "decoder_ffn_dim": 5120, "num_mel_bins": bins, "max_source_positions": 1500,
    }  # fmt: skip
    return SystemPart("whisper", source, config, licence)


def _llama(source: str, licence: str, **changes: Any) -> SystemPart:
    """A LLaMA, by default of 7 billion parameters (arXiv 2302.13971)."""
    config: dict[str, Any] = {
        "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
        "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 32, "tie_word_embeddings": False, **changes,
    }  # fmt: skip
    return SystemPart("causal", source, config, licence)


def _qwen(source: str, licence: str, kind: str, refused: str = "", **sizes: Any) -> SystemPart:
    config: dict[str, Any] = {"model_type": kind, "vocab_size": 151936, **sizes}
    return SystemPart("causal", source, config, licence, refused=refused)


def _htsat(source: str, licence: str, refused: str = "", **changes: Any) -> SystemPart:
    """HTSAT (arXiv 2202.00874) in the layout of CLAP: 768 wide at the end."""
    config: dict[str, Any] = {"model_type": "clap_audio_model", "enable_fusion": False, **changes}
    return SystemPart("htsat", source, config, licence, refused=refused)


_PICKLES = "published as a pickle, which is not read: convert it to safetensors first"

WHISPER_V2 = _whisper("openai/whisper-large-v2", 80)
WHISPER_V3 = _whisper("openai/whisper-large-v3", 128)
WHISPER_TURBO = _whisper("openai/whisper-large-v3-turbo", 128, "MIT")
AF_WHISPER = SystemPart(
    "af-whisper",
    "nvidia/audio-flamingo-3-hf",
    {"model_type": "audioflamingo3_encoder"},
    "NVIDIA OneWay Noncommercial",
)
"""The encoder inside of Audio Flamingo 3; the sizes are the defaults of its configuration."""

BEATS = SystemPart(
    "beats",
    "microsoft/unilm/beats/BEATs_iter3_plus_AS2M",
    {"model_type": "beats"},
    "MIT",
    refused=_PICKLES,
)
"""BEATs iter3+ (arXiv 2212.09058); the sizes are the defaults of `BeatsConfig`."""

AST = SystemPart(
    "ast",
    "YuanGongND/cav-mae",
    {
        "model_type": "audio-spectrogram-transformer", "frequency_stride": 16, "time_stride": 16,
        "max_length": 1024, "num_mel_bins": 128,
    },
    "BSD-2-Clause",
    refused=_PICKLES,
)  # fmt: skip
"""The audio branch of CAV-MAE (arXiv 2210.07839): 512 patches of 16 × 16 for 10 s."""

WAVLM = SystemPart(
    "waveform",
    "microsoft/wavlm-large",
    {
        "model_type": "wavlm", "hidden_size": 1024, "num_hidden_layers": 24,
        "num_attention_heads": 16, "intermediate_size": 4096, "do_stable_layer_norm": True,
        "feat_extract_norm": "layer", "conv_bias": False, "num_ctc_classes": 80,
    },
    "not stated",
    refused="published as a pickle: convert it to safetensors first",
)  # fmt: skip

HTSAT = _htsat("laion/clap-htsat-unfused", "Apache-2.0")
AF_CLAP = _htsat(
    "nvidia/audio-flamingo-2",
    "NVIDIA OneWay Noncommercial",
    "AF-CLAP is published in a layout of its own, which is not on the shelf",
    patch_embeds_hidden_size=256,
    hidden_size=2048,
)
"""HTSAT, 2,048 wide at the end as AF-CLAP; its other sizes are chosen to come near its 203 M."""

VICUNA_7B = _llama("lmsys/vicuna-7b-v1.5", "Llama 2 Community")
VICUNA_13B = _llama(
    "lmsys/vicuna-13b-v1.1", "Llama 1, non-commercial", hidden_size=5120, intermediate_size=13824,
    num_hidden_layers=40, num_attention_heads=40, num_key_value_heads=40,
)  # fmt: skip
LLAMA2_7B = _llama("meta-llama/Llama-2-7b-chat-hf", "Llama 2 Community")
LLAMA31_8B = _llama(
    "meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama 3.1 Community", vocab_size=128256,
    intermediate_size=14336, num_key_value_heads=8,
)  # fmt: skip
SMOLLM2 = _llama(
    "HuggingFaceTB/SmolLM2-135M", "Apache-2.0", vocab_size=49152, hidden_size=576,
    intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
    tie_word_embeddings=True,
)  # fmt: skip
_SEVEN: dict[str, Any] = {
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "tie_word_embeddings": False,
}  # fmt: skip
QWEN_7B = _qwen(
    "Qwen/Qwen-7B", "Tongyi Qianwen", "qwen2",
    "opens only by running code from the hub, which is not done", **_SEVEN,
)  # fmt: skip
"""Of the first Qwen; its layers have the shapes of Qwen2's with 32 key-value heads."""
QWEN2_AUDIO_LM = _qwen(
    "Qwen/Qwen2-Audio-7B", "Apache-2.0", "qwen2",
    "published inside of the whole model: harken opens that as native:Qwen/Qwen2-Audio-7B",
    **{**_SEVEN, "vocab_size": 156032},
)  # fmt: skip
QWEN25_3B = _qwen(
    "Qwen/Qwen2.5-3B", "Qwen Research", "qwen2", hidden_size=2048, intermediate_size=11008,
    num_hidden_layers=36, num_attention_heads=16, num_key_value_heads=2, tie_word_embeddings=True,
)  # fmt: skip
QWEN25_7B = _qwen(
    "Qwen/Qwen2.5-7B-Instruct", "Apache-2.0", "qwen2", hidden_size=3584, intermediate_size=18944,
    num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4, vocab_size=152064,
    tie_word_embeddings=False,
)  # fmt: skip
QWEN3_4B = _qwen(
    "Qwen/Qwen3-4B", "Apache-2.0", "qwen3", hidden_size=2560, intermediate_size=9728,
    num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    tie_word_embeddings=True,
)  # fmt: skip
GPT2 = SystemPart("causal", "openai-community/gpt2", {"model_type": "gpt2"}, "MIT")
OPT_IML = SystemPart(
    "causal",
    "facebook/opt-iml-max-1.3b",
    {
        "model_type": "opt", "vocab_size": 50272, "hidden_size": 2048, "ffn_dim": 8192,
        "num_hidden_layers": 24, "num_attention_heads": 32, "word_embed_proj_dim": 2048,
    },
    "OPT, non-commercial",
    refused="published as a pickle: convert it to safetensors first",
)  # fmt: skip
