"""Prefix models: audio tokens stand in front of, or between, the words."""

from __future__ import annotations

from harken.models.composed.systems import parts
from harken.models.composed.systems.base import System, SystemSize

_PREFIX = "prefix"

PENGI = System(
    "pengi",
    "HTSAT, a mapping network and a frozen GPT-2; every task is told by its text prompt",
    _PREFIX,
    "arXiv 2305.11834",
    (parts.HTSAT,),
    parts.GPT2,
    "mapping?prefix=40&depth=4&heads=8&norm=false",
    4.0,
    ("audio_encoder", "projector"),
    built=194_536_856,
    weights="microsoft/Pengi",
    licence="MIT",
    tiny="prefix=4&depth=1&heads=2",
    departures=(
        "the text prompt is read by the language model itself, not by a CLIP text encoder and a "
        "second mapping network",
        "clips of any length in windows of 10 s, not cut to 7 s",
    ),
)

LTU = System(
    "ltu",
    "AST and LLaMA with LoRA, 32 tokens for 10 s",
    _PREFIX,
    "arXiv 2305.10790",
    (parts.AST,),
    parts.VICUNA_7B,
    "pooling?pool=2&norm=false",
    3.2,
    ("audio_encoder", "projector", "lm"),
    built=6_827_215_104,
    sizes=(SystemSize("lora", 4.2e6, "the paper's LoRA", 0.01),),
    lora="lm:r=8,alpha=16,targets=q_proj|v_proj",
    weights="YuanGongND/ltu",
    licence="not stated",
)

SLAM_ASR = System(
    "slam-asr",
    "WavLM, stacked frames through two layers, a frozen Vicuna; transcribes",
    _PREFIX,
    "arXiv 2402.08846",
    (parts.WAVLM,),
    parts.VICUNA_7B,
    "mlp?pool=5&hidden=2048&norm=false",
    10.0,
    ("projector",),
    built=7_072_749_248,
    weights="X-LANCE/SLAM-LLM",
    licence="MIT (code)",
    departures=("a GELU between the layers of the projector, where the paper has a ReLU",),
)

ULTRAVOX = System(
    "ultravox",
    "Whisper, eight stacked frames through a gated MLP, a frozen Llama; distilled from its text",
    _PREFIX,
    "https://huggingface.co/fixie-ai/ultravox-v0_4_1-llama-3_1-8b",
    (parts.WHISPER_TURBO,),
    parts.LLAMA31_8B,
    "gated-mlp?pool=8&hidden=2048&norm=true",
    6.25,
    ("projector",),
    built=8_717_567_232,
    weights="fixie-ai/ultravox-v0_4_1-llama-3_1-8b",
    licence="MIT (projector)",
    departures=("the first norm is of a frame, not of eight stacked ones",),
)

MELLOW = System(
    "mellow",
    "HTSAT and SmolLM2-135M, two clips in a prompt",
    _PREFIX,
    "arXiv 2503.08540",
    (parts.HTSAT,),
    parts.SMOLLM2,
    "mlp?pool=1&norm=true",
    3.2,
    ("projector", "lm"),
    built=162_826_136,
    sizes=(SystemSize("all", 167e6, "the paper", 0.03),),
    weights="soham97/Mellow",
    licence="not stated",
    departures=(
        "the projection has no residual connection",
        "a clip has the 32 tokens that HTSAT's last stage gives, not 129",
    ),
)

QWEN_AUDIO = System(
    "qwen-audio",
    "Whisper and Qwen-7B, many tasks told by tags",
    _PREFIX,
    "arXiv 2311.07919",
    (parts.WHISPER_V2,),
    parts.QWEN_7B,
    "pooling?pool=2&norm=false",
    25.0,
    ("audio_encoder", "projector"),
    built=8_363_356_160,
    sizes=(
        SystemSize("audio_encoder", 640e6, "the paper", 0.01),
        SystemSize("lm", 7.7e9, "the paper", 0.01),
    ),
    weights="Qwen/Qwen-Audio",
    licence="Tongyi Qianwen",
    departures=("task tags are words of the prompt, not tokens of their own",),
)

MALLM = System(
    "mallm",
    "Qwen-Audio with LoRA, taught to tell pairs of clips apart",
    _PREFIX,
    "arXiv 2409.18680",
    (parts.WHISPER_V2,),
    parts.QWEN_7B,
    "pooling?pool=2&norm=false",
    25.0,
    ("lm",),
    built=8_363_356_160,
    lora="lm:r=8,targets=q_proj|v_proj",
    licence="no weights published",
    departures=(
        "begins with Qwen-Audio's parts, whose whole model cannot be opened without its code",
        "the rank of the adapters is not stated in what is public; 8 here",
    ),
)

QWEN2_AUDIO = System(
    "qwen2-audio",
    "Whisper and Qwen-7B, instructions by voice and text",
    _PREFIX,
    "arXiv 2407.10759",
    (parts.WHISPER_V3,),
    parts.QWEN2_AUDIO_LM,
    "pooling?pool=2&norm=false",
    25.0,
    ("audio_encoder", "projector", "lm"),
    built=8_397_094_912,
    sizes=(SystemSize("all", 8.2e9, "the paper", 0.03),),
    weights="Qwen/Qwen2-Audio-7B",
    licence="Apache-2.0",
)
