"""Tiny Voxtral, GLM-ASR and Qwen3-ASR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers as tf
from tiny import LM, OfficialInputs, Tiny, Wave, padded_mel, whisper

from harken.audio.clip import RATE_HZ

WINDOW_S = 4
"""A multiple of the frames in one token, so windows are 4 s here."""


def short_whisper() -> Any:
    return whisper(chunk_length=WINDOW_S)


def voxtral(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.VoxtralForConditionalGeneration(
        tf.VoxtralConfig(
            audio_config={
                "model_type": "voxtral_encoder",
                "hidden_size": 16,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "max_source_positions": 50 * WINDOW_S,
            },
            text_config={"model_type": "llama", "vocab_size": vocabulary, "head_dim": 8, **LM},
            audio_token_id=ids["[AUDIO]"],
        )
    )


def voxtral_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    """As in its processor: padded to full windows, one mel, reshaped."""
    features, counts = [], []
    for wave in waves:
        made = extractor(
            wave,
            sampling_rate=RATE_HZ,
            padding=True,
            truncation=False,
            pad_to_multiple_of=WINDOW_S * RATE_HZ,
            return_tensors="pt",
        )["input_features"]
        features.append(made.reshape(128, -1, 100 * WINDOW_S).transpose(0, 1))
        counts.append(len(features[-1]) * 100 * WINDOW_S // 8)
    return OfficialInputs({"input_features": torch.cat(features)}, counts)


def glmasr(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.GlmAsrForConditionalGeneration(
        tf.GlmAsrConfig(
            audio_config={
                "model_type": "glmasr_encoder",
                "hidden_size": 16,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
            },
            text_config={
                "model_type": "llama",
                "vocab_size": vocabulary,
                "head_dim": 8,
                "eos_token_id": 2,
                **LM,
            },
            audio_token_id=ids["<|pad|>"],
        )
    )


def glmasr_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    """As in its processor for one clip, for each of several."""
    size = WINDOW_S * RATE_HZ
    features, masks, counts = [], [], []
    for wave in waves:
        made = extractor(
            [wave[at : at + size] for at in range(0, len(wave), size)],
            sampling_rate=RATE_HZ,
            return_attention_mask=True,
            return_tensors="pt",
        )
        features.append(made["input_features"])
        masks.append(made["attention_mask"])
        counts.append((((int(masks[-1].sum()) - 1) // 2 + 1) - 4) // 4 + 1)
    inputs = {"input_features": torch.cat(features), "input_features_mask": torch.cat(masks)}
    return OfficialInputs(inputs, counts)


def qwen3_asr(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.Qwen3ASRForConditionalGeneration(
        tf.Qwen3ASRConfig(
            audio_config={
                "model_type": "qwen3_asr_encoder",
                "encoder_layers": 1,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 32,
                "d_model": 16,
                "output_dim": 16,
                "downsample_hidden_size": 4,
            },
            text_config={"model_type": "qwen3", "vocab_size": vocabulary, "head_dim": 8, **LM},
            audio_token_id=ids["<|audio_pad|>"],
            pad_token_id=ids["<|endoftext|>"],
            eos_token_id=[ids["<|endoftext|>"], ids["<|im_end|>"]],
        )
    )


def qwen3_asr_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    made = extractor(
        list(waves),
        sampling_rate=RATE_HZ,
        padding=True,
        return_attention_mask=True,
        return_tensors="pt",
    )
    mask = made["attention_mask"]
    inputs = {"input_features": made["input_features"], "input_features_mask": mask}
    return OfficialInputs(
        inputs, [13 * (n // 100) + -(-(n % 100) // 8) for n in mask.sum(-1).tolist()]
    )


def qwen3_asr_mel(extractor: Any, wave: Wave) -> np.ndarray:
    made = extractor(
        wave,
        sampling_rate=RATE_HZ,
        padding=True,
        return_attention_mask=True,
        return_tensors="np",
    )
    return made["input_features"][0][:, : int(made["attention_mask"].sum())]


VOXTRAL = Tiny(
    kind="voxtral",
    specials=[
        "</s>",
        "<s>",
        "[INST]",
        "[/INST]",
        "[SYSTEM_PROMPT]",
        "[/SYSTEM_PROMPT]",
        "[BEGIN_AUDIO]",
        "[AUDIO]",
    ],
    build=voxtral,
    extractor=short_whisper,
    official_inputs=voxtral_inputs,
    mel=padded_mel,
    long=True,
)
GLMASR = Tiny(
    kind="glmasr",
    specials=[
        "<|endoftext|>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<|pad|>",
        "<|begin_of_audio|>",
        "<|end_of_audio|>",
    ],
    build=glmasr,
    extractor=short_whisper,
    official_inputs=glmasr_inputs,
    mel=padded_mel,
    long=True,
)
QWEN3_ASR = Tiny(
    kind="qwen3_asr",
    specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    + [f"<|audio_{name}|>" for name in ("start", "pad", "end")],
    build=qwen3_asr,
    extractor=tf.Qwen3ASRFeatureExtractor,
    official_inputs=qwen3_asr_inputs,
    mel=qwen3_asr_mel,
    long=True,
    alone=True,
    chat=lambda system, blocks: [
        {"role": "system", "content": system},
        {"role": "user", "content": blocks},
    ],
)
TINIES = [VOXTRAL, GLMASR, QWEN3_ASR]
