"""Presets: configurations of small models that are trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import torch

from harken.errors import ConfigError
from harken.models.composed.lms.registry import LMS
from harken.models.composed.log_mel import MelSettings
from harken.models.composed.shape import PresetShape
from harken.models.engine.tokenizer import TextTokenizer
from harken.registry import named

PRESETS: dict[str, PresetShape] = {
    "harken-tiny": PresetShape(),
    "harken-tiny-spatial": PresetShape(audio_encoder="spatial"),
    "harken-mini": PresetShape(
        width=32, layers=2, heads=2, inner=64, encoder_width=32, encoder_layers=1, encoder_heads=2,
        encoder_channels=8, dropout=0.0, vocabulary=384, context=512,
    ),
}  # fmt: skip
"""harken-tiny is trained on a CPU in minutes, harken-tiny-spatial hears directions as well;
harken-mini is for tests, too small to learn much."""


def preset_shape(name: str, changes: Mapping[str, Any]) -> PresetShape:
    """The sizes of the preset `name` with changes; raises ConfigError for unknown names."""
    shape = named(name, PRESETS, "preset")
    known = {entry.name for entry in fields(PresetShape)}
    unknown = sorted({*changes} - known)
    if unknown:
        raise ConfigError(
            f"a preset has no {', '.join(unknown)}", hint="Known: " + ", ".join(sorted(known))
        )
    return replace(shape, **changes)


def preset_config(shape: PresetShape, tokenizer: TextTokenizer) -> dict[str, Any]:
    """The configuration of a preset for its tokenizer."""
    numbers = [tokenizer.encode(f"clip {number}")[-1] for number in range(shape.clip_numbers + 1)]
    kind = shape.lm.partition("-")[0]
    return {
        "encoder": encoder_config(shape),
        "projector": {
            "pool": shape.pool,
            "clip_numbers": shape.clip_numbers,
            "number_ids": numbers if shape.tied_clip_numbers else [],
        },
        "lm": {
            "kind": kind,
            "config": LMS.get(kind).preset(shape, tokenizer.size, tokenizer.special_ids),
        },
        "lora": None,
    }


def encoder_config(shape: PresetShape) -> dict[str, Any]:
    """The configuration of the audio encoder of a preset."""
    conformer = shape.audio_encoder == "conformer"
    return {
        **({"kind": "spatial"} if shape.audio_encoder == "spatial" else {}),
        "config": _conformer(shape) if conformer else _resnet(shape),
        "limit_s": shape.limit_s,
        "frame_norm": conformer,
        "mel": asdict(MelSettings(bins=shape.bins, hop=shape.hop)),
    }


def _conformer(shape: PresetShape) -> dict[str, Any]:
    return {
        "model_type": "parakeet_encoder",
        "hidden_size": shape.encoder_width,
        "num_hidden_layers": shape.encoder_layers,
        "num_attention_heads": shape.encoder_heads,
        "intermediate_size": shape.encoder_width * 3,
        "subsampling_conv_channels": shape.encoder_channels,
        "num_mel_bins": shape.bins,
        "dropout": shape.dropout,
        "activation_dropout": shape.dropout,
        "attention_dropout": shape.dropout,
        "layerdrop": 0.0,
        "scale_input": False,
        "convolution_bias": True,
        "initializer_range": shape.encoder_width**-0.5,
    }


def _resnet(shape: PresetShape) -> dict[str, Any]:
    return {
        "model_type": "resnet",
        "num_channels": 5 if shape.audio_encoder == "spatial" else 1,
        "embedding_size": shape.encoder_channels,
        "hidden_sizes": [shape.encoder_channels * 2**i for i in range(3)],
        "depths": [shape.encoder_layers] * 3,
        "layer_type": "basic",
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
    }


def mimetic_init(lm: Any, scale: float) -> None:
    """The initialisation of `PresetShape.mimetic`, without grouped-query attention layers."""
    with torch.no_grad():
        for layer in lm.model.layers:
            own = getattr(layer, "self_attn", None)
            if own is None or own.q_proj.weight.shape != own.k_proj.weight.shape:
                continue
            own.q_proj.weight.mul_(scale)
            own.k_proj.weight.copy_(own.q_proj.weight)
            own.v_proj.weight.mul_(scale)
            own.o_proj.weight.copy_(own.v_proj.weight.T)
