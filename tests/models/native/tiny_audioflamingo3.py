"""Tiny Audio Flamingo 3 and Music Flamingo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers as tf
from tiny import LM, WINDOW_S, OfficialInputs, Tiny, Wave, chat_of, padded_mel, pooled, whisper

from harken.audio.clip import RATE_HZ

AUDIO: dict[str, Any] = {
    "model_type": "audioflamingo3_encoder",
    "num_mel_bins": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_size": 20,
    "max_source_positions": 50 * WINDOW_S,
}


def build_audio(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.AudioFlamingo3ForConditionalGeneration(
        tf.AudioFlamingo3Config(
            audio_config=dict(AUDIO),
            text_config={"model_type": "qwen2", "vocab_size": vocabulary, **LM},
            audio_token_id=ids["<sound>"],
        )
    )


def build_music(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.MusicFlamingoForConditionalGeneration(
        tf.MusicFlamingoConfig(
            audio_config=dict(AUDIO),
            text_config={"model_type": "qwen2", "vocab_size": vocabulary, **LM},
            audio_token_id=ids["<sound>"],
            audio_bos_token_id=ids["<|sound_bos|>"],
            audio_eos_token_id=ids["<|sound_eos|>"],
        )
    )


def official_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    size = extractor.n_samples
    cuts = [[wave[at : at + size] for at in range(0, len(wave), size)] for wave in waves]
    made = extractor(
        [part for parts in cuts for part in parts],
        sampling_rate=RATE_HZ,
        return_attention_mask=True,
        return_tensors="pt",
    )
    mask = made["attention_mask"]
    frames = torch.split(mask.sum(-1), [len(parts) for parts in cuts])
    counts = [pooled(int(each.sum())) for each in frames]
    return OfficialInputs(
        {"input_features": made["input_features"], "input_features_mask": mask}, counts
    )


def chat(
    system: str, blocks: list[dict[str, Any]], placeholder: str = "<sound>"
) -> list[dict[str, Any]]:
    """The official template takes one clip only: with several, the content is one text."""
    text, after = "", ""
    many = sum(block["type"] == "audio" for block in blocks) > 1
    for block in blocks:
        sound = block["type"] == "audio"
        text += placeholder if sound else after + block["text"]
        after = "\n" if sound and many else ""
    return chat_of(system, text)  # type: ignore[arg-type]


def music_chat(system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return chat(system, blocks, "<|sound_bos|><sound><|sound_eos|>")


TINIES = [
    Tiny(
        kind="audioflamingo3",
        specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<sound>"),
        build=build_audio,
        extractor=whisper,
        official_inputs=official_inputs,
        mel=padded_mel,
        long=True,
        chat=chat,
    ),
    Tiny(
        kind="musicflamingo",
        specials=(
            "<|endoftext|>",
            "<|im_start|>",
            "<|im_end|>",
            "<sound>",
            "<|sound_bos|>",
            "<|sound_eos|>",
        ),
        build=build_music,
        extractor=whisper,
        official_inputs=official_inputs,
        mel=padded_mel,
        long=True,
        chat=music_chat,
    ),
]
