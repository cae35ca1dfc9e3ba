"""Tiny Gemma 3n and Gemma 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import transformers as tf
from tiny import LM, OfficialInputs, Tiny, Wave

from harken.models.native.families import FAMILIES

WINDOW_S = 4
"""A multiple of the frames in one token, so windows are 4 s here."""


def gemma3n(ids: Mapping[str, int], vocabulary: int) -> Any:
    """Ids as in the checkpoints: text, then those of images, then those of audio (two are used)."""
    model_class = FAMILIES.get("gemma3n").model_class()
    first = ids["<end_of_audio>"]
    text = {
        **LM,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "vocab_size": first + 16,
        "vocab_size_per_layer_input": first - 1,
        "hidden_size_per_layer_input": 4,
        "layer_types": ["sliding_attention", "full_attention"],
        "num_kv_shared_layers": 0,
        "laurel_rank": 4,
        "altup_num_inputs": 2,
        "sliding_window": 24,
    }
    audio = {
        "vocab_size": 16,
        "vocab_offset": first,
        "hidden_size": 16,
        "conf_num_attention_heads": 2,
        "conf_num_hidden_layers": 1,
        "sscp_conv_channel_size": (4, 4),
    }
    made = model_class(
        tf.Gemma3nConfig(
            text_config=text,
            audio_config=audio,
            vision_config={"hidden_size": 16, "vocab_size": 1, "vocab_offset": first - 1},
            audio_token_id=ids["<audio_soft_token>"],
            boa_token_id=ids["<start_of_audio>"],
            eoa_token_id=first,
            image_token_id=first - 1,
            audio_soft_tokens_per_image=WINDOW_S * 25 // 4,
        )
    )
    return made


def gemma3n_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    made = extractor(list(waves), return_tensors="pt")
    return OfficialInputs(dict(made), [WINDOW_S * 25 // 4] * len(waves))


def gemma4(ids: Mapping[str, int], vocabulary: int, layered: bool = True) -> Any:
    text = {
        **LM,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "global_head_dim": 8,
        "vocab_size": vocabulary,
        "vocab_size_per_layer_input": vocabulary,
        "hidden_size_per_layer_input": 4 if layered else 0,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 24,
        "pad_token_id": ids["<eos>"],
        "final_logit_softcapping": 30.0,
    }
    audio = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "subsampling_conv_channels": [128, 4],
        "output_proj_dims": 16,
        "use_clipped_linears": False,
    }
    return tf.Gemma4ForConditionalGeneration(
        tf.Gemma4Config(
            text_config=text,
            audio_config=audio,
            vision_config=None,
            audio_token_id=ids["<|audio|>"],
            boa_token_id=ids["<|audio>"],
            eoa_token_index=ids["<audio|>"],
            image_token_id=vocabulary,
            video_token_id=vocabulary,
        )
    )


def gemma4_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    """Truncated at 30 s; the count is that of its processor."""
    made = extractor(list(waves), return_tensors="pt")
    mask = made["input_features_mask"]
    return OfficialInputs(dict(made), mask[:, ::2][:, ::2].sum(1).tolist())


def sound4(extractor: Any, wave: Wave) -> np.ndarray:
    made = extractor([wave], return_tensors="np")
    return made["input_features"][0][made["input_features_mask"][0]]


GEMMA3N = Tiny(
    kind="gemma3n",
    specials=[
        "<eos>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_audio>",
        "<image_soft_token>",
        "<end_of_audio>",
        "<audio_soft_token>",
    ],
    build=gemma3n,
    extractor=tf.Gemma3nAudioFeatureExtractor,
    official_inputs=gemma3n_inputs,
    mel=lambda extractor, wave: extractor(wave, return_tensors="np")["input_features"][0],
    time_axis=0,
    alone=True,
    run=lambda placeholder, count: f"\n\n<start_of_audio>{placeholder * count}<end_of_audio>\n\n",
)
GEMMA4 = Tiny(
    kind="gemma4",
    window_s=WINDOW_S,
    specials=["<eos>", "<bos>", "<|turn>", "<turn|>", "<|audio>", "<audio|>", "<|audio|>"],
    build=gemma4,
    extractor=tf.Gemma4AudioFeatureExtractor,
    official_inputs=gemma4_inputs,
    mel=lambda extractor, wave: sound4(extractor, wave),
    time_axis=0,
    run=lambda placeholder, count: f"<|audio>{placeholder * count}<audio|>",
)


def gemma4_unified(ids: Mapping[str, int], vocabulary: int) -> Any:
    text = {
        **LM,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "global_head_dim": 8,
        "vocab_size": vocabulary,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 24,
        "pad_token_id": ids["<eos>"],
        "final_logit_softcapping": 30.0,
    }
    return tf.Gemma4UnifiedForConditionalGeneration(
        tf.Gemma4UnifiedConfig(
            text_config=text,
            audio_config={"audio_embed_dim": 640},
            vision_config=None,
            audio_token_id=ids["<|audio|>"],
            boa_token_id=ids["<|audio>"],
            eoa_token_index=ids["<audio|>"],
            image_token_id=vocabulary,
            video_token_id=vocabulary,
        )
    )


def gemma4_unified_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    made = extractor(list(waves), return_tensors="pt")
    return OfficialInputs(dict(made), made["input_features_mask"].sum(1).tolist())


GEMMA4_UNIFIED = replace(
    GEMMA4,
    kind="gemma4_unified",
    window_s=0.0,
    build=gemma4_unified,
    extractor=tf.Gemma4UnifiedAudioFeatureExtractor,
    official_inputs=gemma4_unified_inputs,
    long=True,
)
TINIES = [
    GEMMA3N,
    GEMMA4,
    GEMMA4_UNIFIED,
    replace(GEMMA4, build=partial(gemma4, layered=False), part=True),
]
