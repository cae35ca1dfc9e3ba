"""Tiny Qwen2-Audio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import transformers as tf
from tiny import LM, WINDOW_S, OfficialInputs, Tiny, Wave, padded_mel, pooled, whisper

from harken.audio.clip import RATE_HZ


def build(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.Qwen2AudioForConditionalGeneration(
        tf.Qwen2AudioConfig(
            audio_config={
                "model_type": "qwen2_audio_encoder",
                "num_mel_bins": 128,
                "encoder_layers": 1,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 32,
                "d_model": 16,
                "max_source_positions": 50 * WINDOW_S,
            },
            text_config={"model_type": "qwen2", "vocab_size": vocabulary, **LM},
            audio_token_index=ids["<|AUDIO|>"],
        )
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


TINY = Tiny(
    kind="qwen2_audio",
    specials=(
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|AUDIO|>",
        "<|audio_bos|>",
        "<|audio_eos|>",
    ),
    build=build,
    extractor=whisper,
    official_inputs=official_inputs,
    mel=padded_mel,
)
