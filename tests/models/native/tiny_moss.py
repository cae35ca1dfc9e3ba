"""Tiny MOSS Transcribe Diarize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers as tf
from tiny import LM, OfficialInputs, Tiny, Wave

from harken.audio.clip import RATE_HZ

WINDOW_S = 4
"""A multiple of the frames in one token, so windows are 4 s here."""


def build(ids: Mapping[str, int], vocabulary: int) -> Any:
    return tf.MossTranscribeDiarizeForConditionalGeneration(
        tf.MossTranscribeDiarizeConfig(
            audio_config={
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "max_source_positions": 50 * WINDOW_S,
            },
            text_config={"model_type": "qwen3", "vocab_size": vocabulary, "head_dim": 8, **LM},
            audio_token_id=ids["<|audio_pad|>"],
            audio_chunk_size=WINDOW_S * RATE_HZ,
        )
    )


def official_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    """As in its processor; the marks of time are put into the text by `marked`."""
    made = extractor(list(waves), sampling_rate=RATE_HZ, return_tensors="pt")
    size = int(extractor.n_samples)
    owners = [i for i, wave in enumerate(waves) for _ in range(-(-len(wave) // size))]
    frames = (made["input_features_mask"].sum(-1) - 1) // 2 + 1
    groups = torch.zeros(len(waves), dtype=torch.long)
    groups = groups.index_add(0, torch.tensor(owners), -(-frames // 4))
    return OfficialInputs(dict(made), groups.tolist())


def marked(placeholder: str, count: int) -> str:
    """The processor's text of a clip: 12.5 tokens a second, the time every 2 s."""
    text, done = "", 0
    for second in range(2, int(count / 12.5) + 1, 2):
        text += placeholder * (second // 2 * 25 - done) + str(second)
        done = second // 2 * 25
    return text + placeholder * (count - done)


def mel(extractor: Any, wave: Wave) -> np.ndarray:
    made = extractor(wave, sampling_rate=RATE_HZ, return_tensors="np")
    return made["input_features"][0][:, : int(made["input_features_mask"].sum())]


TINY = Tiny(
    kind="moss_transcribe_diarize",
    specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    + [f"<|audio_{name}|>" for name in ("start", "pad", "end")],
    build=build,
    extractor=lambda: tf.MossTranscribeDiarizeFeatureExtractor(chunk_length=WINDOW_S),
    official_inputs=official_inputs,
    mel=mel,
    run=marked,
)
