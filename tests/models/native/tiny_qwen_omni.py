"""Tiny Qwen2.5-Omni and Qwen3-Omni: complete checkpoints without a talker, and thinkers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers as tf
from tiny import LM, OfficialInputs, Tiny, Wave, padded_mel, pooled, whisper

from harken.audio.clip import RATE_HZ

AUDIO: dict[str, Any] = {
    "num_mel_bins": 128,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "d_model": 16,
    "output_dim": 16,
}
VISION: dict[str, Any] = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "out_hidden_size": 16,
}
ROPE: dict[str, Any] = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}


def thinker(ids: Mapping[str, int], vocabulary: int) -> dict[str, Any]:
    return {
        "audio_config": {**AUDIO, "n_window": 20},
        "vision_config": {**VISION, "fullatt_block_indexes": [0]},
        "text_config": {**LM, "vocab_size": vocabulary, "rope_parameters": ROPE},
        "audio_token_id": ids["<|AUDIO|>"],
        "audio_start_token_id": ids["<|audio_bos|>"],
        "audio_end_token_id": ids["<|audio_eos|>"],
        "vision_start_token_id": ids["<|IMAGE|>"],
        "image_token_id": ids["<|IMAGE|>"],
        "video_token_id": ids["<|VIDEO|>"],
    }


def thinker3(ids: Mapping[str, int], vocabulary: int) -> dict[str, Any]:
    return {
        "audio_config": {**AUDIO, "downsample_hidden_size": 4},
        "vision_config": {**VISION, "deepstack_visual_indexes": [0]},
        "text_config": {
            **LM,
            "vocab_size": vocabulary,
            "rope_parameters": {**ROPE, "mrope_interleaved": True},
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
        },
        "audio_token_id": ids["<|audio_pad|>"],
        "audio_start_token_id": ids["<|audio_start|>"],
        "vision_start_token_id": ids["<|image_pad|>"],
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
    }


def build(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.Qwen2_5OmniThinkerForConditionalGeneration(
        tf.Qwen2_5OmniThinkerConfig(**thinker(ids, vocabulary))
    )


def build_whole(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.Qwen2_5OmniForConditionalGeneration(
        tf.Qwen2_5OmniConfig(thinker_config=thinker(ids, vocabulary), enable_audio_output=False)
    )


def build3(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.Qwen3OmniMoeThinkerForConditionalGeneration(
        tf.Qwen3OmniMoeThinkerConfig(**thinker3(ids, vocabulary))
    )


def build3_whole(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.Qwen3OmniMoeForConditionalGeneration(
        tf.Qwen3OmniMoeConfig(thinker_config=thinker3(ids, vocabulary), enable_audio_output=False)
    )


def official_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    made = extractor(
        list(waves),
        sampling_rate=RATE_HZ,
        padding="max_length",
        return_attention_mask=True,
        return_tensors="pt",
    )
    mask = made["attention_mask"]
    inputs = {"input_features": made["input_features"], "feature_attention_mask": mask}
    return OfficialInputs(inputs, [pooled(int(n)) for n in mask.sum(-1)])


def qwen3_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    made = [
        extractor(
            wave,
            sampling_rate=RATE_HZ,
            padding=True,
            truncation=False,
            return_attention_mask=True,
            return_tensors="pt",
        )
        for wave in waves
    ]
    # Each clip alone; in a batch with longer ones the extractor gives it another last frame.
    longest = max(m["input_features"].shape[-1] for m in made)
    features, mask = (
        torch.cat([torch.nn.functional.pad(m[k], (0, longest - m[k].shape[-1])) for m in made])
        for k in ("input_features", "attention_mask")
    )
    inputs = {"input_features": features, "feature_attention_mask": mask}
    return OfficialInputs(inputs, [eighth(int(n)) for n in mask.sum(-1)])


def eighth(frames: int) -> int:
    """Tokens of `frames` mel frames: 13 for every 100; the rest through three strides of 2."""
    rest = frames % 100
    for _ in range(3):
        rest = (rest - 1) // 2 + 1
    return rest + frames // 100 * 13


def mel3(extractor: Any, wave: Wave) -> Any:
    made = extractor(
        wave, sampling_rate=RATE_HZ, padding=True, truncation=False, return_tensors="np"
    )
    return made["input_features"][0]


OLD = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|IMAGE|>", "<|VIDEO|>")
NEW = ("<|audio_pad|>", "<|audio_start|>", "<|audio_end|>", "<|image_pad|>", "<|video_pad|>")
TEXT = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TWO: dict[str, Any] = {
    "specials": (*TEXT, *OLD),
    "extractor": whisper,
    "official_inputs": official_inputs,
    "mel": padded_mel,
}
THREE: dict[str, Any] = {
    "specials": (*TEXT, *NEW),
    "extractor": whisper,
    "official_inputs": qwen3_inputs,
    "mel": mel3,
    "long": True,
}
TINIES = [
    Tiny(kind="qwen2_5_omni", build=build_whole, **TWO),
    Tiny(kind="qwen2_5_omni_thinker", build=build, part=True, **TWO),
    Tiny(kind="qwen3_omni_moe", build=build3_whole, **THREE),
    Tiny(kind="qwen3_omni_moe_thinker", build=build3, part=True, **THREE),
]
