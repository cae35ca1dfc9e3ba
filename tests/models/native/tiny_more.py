"""Voxtral, GLM-ASR, Granite Speech, Gemma 3n and Phi-4-multimodal in small."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as tf
from tiny import LM, Heard, Tiny, Wave, chat_of, padded_mel, whisper

from harken.audio import RATE_HZ
from harken.models.native import FAMILIES

WINDOW_S = 4
"""Frames of the tower go by fours, so windows are 4 s here."""


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


def voxtral_hear(extractor: Any, waves: Sequence[Wave]) -> Heard:
    """Padded to whole windows, one mel, reshaped: what its processor does with a clip."""
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
    return Heard({"input_features": torch.cat(features)}, counts)


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


def glmasr_hear(extractor: Any, waves: Sequence[Wave]) -> Heard:
    """What its processor does with one clip, for each of several."""
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
    return Heard(inputs, counts)


def granite(ids: Mapping[str, int], vocabulary: int, plus: bool = False) -> Any:
    config = tf.GraniteSpeechPlusConfig if plus else tf.GraniteSpeechConfig
    family = FAMILIES.get("granite_speech_plus" if plus else "granite_speech")
    return family.built()(
        config(
            encoder_config={
                "model_type": "granite_speech_plus_encoder" if plus else "granite_speech_encoder",
                **({"cat_hidden_layers": [1]} if plus else {}),
                "num_layers": 2,
                "hidden_dim": 16,
                "feedforward_mult": 2,
                "num_heads": 2,
                "output_dim": 8,
                "context_size": 20,
                "max_pos_emb": 32,
                "conv_kernel_size": 5,
            },
            projector_config={
                "model_type": "blip_2_qformer",
                "hidden_size": 16,
                "encoder_hidden_size": 32 if plus else 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 32,
                "cross_attention_frequency": 1,
            },
            text_config={"model_type": "granite", "vocab_size": vocabulary, **LM},
            audio_token_index=ids["<|audio|>"],
            has_lora_adapter=False,
        )
    )


class GraniteMel:
    """Its extractor's formulas written out in double precision, since the class wants torchaudio.

    ``torchaudio.transforms.MelSpectrogram(16000, n_fft=512, win_length=400, hop_length=160,
    n_mels=80)`` with its defaults (periodic Hann window in the middle of the 512 points, centred
    frames mirrored at the ends, power 2, HTK scale, no normalisation), and what
    ``_extract_mel_spectrograms`` does with it.
    """

    @staticmethod
    def from_pretrained(folder: Path) -> GraniteMel:
        assert json.loads((Path(folder) / "preprocessor_config.json").read_text())["n_fft"] == 512
        return GraniteMel()

    def save_pretrained(self, folder: Path) -> None:
        text = json.dumps({"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 80})
        (Path(folder) / "preprocessor_config.json").write_text(text)

    def __call__(self, wave: Wave) -> np.ndarray:
        """(T, 160) of a wave (n,)."""
        whole = np.pad(wave.astype(np.float64), 256, mode="reflect")
        window = np.zeros(512)
        window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
        starts = range(0, len(wave) + 1, 160)
        power = np.array([np.abs(np.fft.rfft(whole[s : s + 512] * window)) ** 2 for s in starts])
        mel = np.log10(np.maximum(power @ self.triangles(), 1e-10))
        mel = np.maximum(mel, mel.max() - 8) / 4 + 1
        return mel[: len(mel) // 2 * 2].reshape(-1, 160)

    @staticmethod
    def triangles() -> np.ndarray:
        """(257, 80), one corner after the other."""
        top = 2595 * math.log10(1 + 8000 / 700)
        corners = [700 * (10 ** (top * i / 81 / 2595) - 1) for i in range(82)]
        made = np.zeros((257, 80))
        for row in range(257):
            hz = row * 16_000 / 512
            for band, (low, mid, high) in enumerate(
                zip(corners[:-2], corners[1:-1], corners[2:], strict=True)
            ):
                rise, fall = (hz - low) / (mid - low), (high - hz) / (high - mid)
                made[row, band] = max(0.0, min(rise, fall))
        return made


def granite_hear(extractor: Any, waves: Sequence[Wave]) -> Heard:
    features = np.stack([extractor(wave) for wave in waves])
    counts = [-(-((len(wave) // 160 + 1) // 2) // 15) * 3 for wave in waves]
    mask = torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]
    made = torch.from_numpy(features.astype(np.float32))
    return Heard({"input_features": made, "input_features_mask": mask}, counts)


def written(mark: str) -> Any:
    """Messages whose content is one text, as its documentation shows them."""

    def chat(system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        text = "".join(mark if b["type"] == "audio" else b["text"] for b in blocks)
        return [*chat_of(system, [])[:-1], {"role": "user", "content": text}]

    return chat


def gemma3n(ids: Mapping[str, int], vocabulary: int) -> Any:
    """Its ids as in large: text, then those of images, then those of audio (two of them used)."""
    built = FAMILIES.get("gemma3n").built()
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
    made = built(
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


def gemma3n_hear(extractor: Any, waves: Sequence[Wave]) -> Heard:
    made = extractor(list(waves), return_tensors="pt")
    return Heard(dict(made), [WINDOW_S * 25 // 4] * len(waves))


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


def gemma4_hear(extractor: Any, waves: Sequence[Wave]) -> Heard:
    """Cut at 30 s; the count is that of its processor."""
    made = extractor(list(waves), return_tensors="pt")
    mask = made["input_features_mask"]
    return Heard(dict(made), mask[:, ::2][:, ::2].sum(1).tolist())


def sound4(extractor: Any, wave: Wave) -> np.ndarray:
    made = extractor([wave], return_tensors="np")
    return made["input_features"][0][made["input_features_mask"][0]]


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


def phi4_hear(extractor: Any, waves: Sequence[Wave]) -> Heard:
    made = extractor(list(waves), sampling_rate=RATE_HZ, return_tensors="pt")
    return Heard(dict(made), made["audio_embed_sizes"].tolist())


PHI4 = Tiny(
    kind="phi4_multimodal",
    specials=("<|endoftext|>", "<|user|>", "<|end|>", "<|audio|>", "<|image|>", "<|assistant|>"),
    build=phi4,
    extractor=tf.Phi4MultimodalFeatureExtractor,
    hear=phi4_hear,
    mel=lambda extractor, wave: extractor(wave, sampling_rate=RATE_HZ, return_tensors="np")[
        "audio_input_features"
    ][0],
    time_axis=0,
    long=True,
    alone=True,
    chat=written("<|audio|>"),
)
GRANITE = Tiny(
    kind="granite_speech",
    specials=("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|audio|>"),
    build=granite,
    extractor=GraniteMel,
    hear=granite_hear,
    mel=lambda _, wave: GraniteMel()(wave),
    time_axis=0,
    long=True,
    alone=True,
    chat=written("<|audio|>"),
)
GEMMA4 = Tiny(
    kind="gemma4",
    specials=["<eos>", "<bos>", "<|turn>", "<turn|>", "<|audio>", "<audio|>", "<|audio|>"],
    build=gemma4,
    extractor=tf.Gemma4AudioFeatureExtractor,
    hear=gemma4_hear,
    mel=lambda extractor, wave: sound4(extractor, wave),
    time_axis=0,
    run=lambda mark, count: f"<|audio>{mark * count}<audio|>",
)
TINIES = [
    Tiny(
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
        hear=voxtral_hear,
        mel=padded_mel,
        long=True,
    ),
    Tiny(
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
        hear=glmasr_hear,
        mel=padded_mel,
        long=True,
    ),
    GRANITE,
    replace(GRANITE, kind="granite_speech_plus", build=partial(granite, plus=True)),
    Tiny(
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
        hear=gemma3n_hear,
        mel=lambda extractor, wave: extractor(wave, return_tensors="np")["input_features"][0],
        time_axis=0,
        alone=True,
        run=lambda mark, count: f"\n\n<start_of_audio>{mark * count}<end_of_audio>\n\n",
    ),
    GEMMA4,
    replace(GEMMA4, build=partial(gemma4, layered=False), part=True),
    PHI4,
]
