"""Tiny Granite Speech, and its extractor without torchaudio."""

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
from tiny import LM, OfficialInputs, Tiny, Wave, text_chat

from harken.models.native.families import FAMILIES


def granite(ids: Mapping[str, int], vocabulary: int, plus: bool = False) -> Any:
    config = tf.GraniteSpeechPlusConfig if plus else tf.GraniteSpeechConfig
    family = FAMILIES.get("granite_speech_plus" if plus else "granite_speech")
    return family.model_class()(
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
    """Its extractor's formulas in double precision, since the class needs torchaudio.

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
        """The filter bank (257, 80)."""
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


def granite_inputs(extractor: Any, waves: Sequence[Wave]) -> OfficialInputs:
    features = np.stack([extractor(wave) for wave in waves])
    counts = [-(-((len(wave) // 160 + 1) // 2) // 15) * 3 for wave in waves]
    mask = torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]
    made = torch.from_numpy(features.astype(np.float32))
    return OfficialInputs({"input_features": made, "input_features_mask": mask}, counts)


TINY = Tiny(
    kind="granite_speech",
    specials=("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|audio|>"),
    build=granite,
    extractor=GraniteMel,
    official_inputs=granite_inputs,
    mel=lambda _, wave: GraniteMel()(wave),
    time_axis=0,
    long=True,
    alone=True,
    chat=text_chat("<|audio|>"),
)
TINIES = [TINY, replace(TINY, kind="granite_speech_plus", build=partial(granite, plus=True))]
