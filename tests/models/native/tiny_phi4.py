"""Tiny Phi-4-multimodal; its adapter is merged into the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import transformers as tf
from tiny import LM, OfficialInputs, Tiny, Wave, text_chat

from harken.audio.clip import RATE_HZ


def phi4(ids: Mapping[str, int], vocabulary: int, **rope: Any) -> Any:
    return tf.Phi4MultimodalForCausalLM(
        tf.Phi4MultimodalConfig(
            **LM,
            vocab_size=vocabulary,
            bos_token_id=None,
            pad_token_id=ids["<|endoftext|>"],
            eos_token_id=[ids["<|endoftext|>"], ids["<|end|>"]],
            audio_config={
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_blocks": 1,
                "num_attention_heads": 2,
                "ext_pw_out_channel": 16,
                "depthwise_separable_out_channel": 16,
                "nemo_conv_channels": 8,
                "bias_max_distance": 50,
                "audio_token_id": ids["<|audio|>"],
            },
            vision_config={
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_token_id": ids["<|image|>"],
            },
            speech_lora="merged",
            **rope,
        )
    )


def phi4_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    made = extractor(list(waves), sampling_rate=RATE_HZ, return_tensors="pt")
    return OfficialInputs(dict(made), made["audio_embed_sizes"].tolist())


TINY = Tiny(
    kind="phi4_multimodal",
    specials=("<|endoftext|>", "<|user|>", "<|end|>", "<|audio|>", "<|image|>", "<|assistant|>"),
    build=phi4,
    extractor=tf.Phi4MultimodalFeatureExtractor,
    official_inputs=phi4_inputs,
    mel=lambda extractor, wave: extractor(wave, sampling_rate=RATE_HZ, return_tensors="np")[
        "audio_input_features"
    ][0],
    time_axis=0,
    long=True,
    alone=True,
    chat=text_chat("<|audio|>"),
)
