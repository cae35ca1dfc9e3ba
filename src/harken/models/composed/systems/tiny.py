"""Tiny models with the wiring of a published one: random parts, built in seconds without network.

Every part is of the published kind (a Whisper for a Whisper, a Qwen2 for a Qwen), with a few layers
of a few dozen units. The weights know nothing: such a model is for trying a stage, a setting, a
change of the wiring, and is trained in all its groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from harken.errors import ConfigError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.concat import ConcatEncoder
from harken.models.composed.encoders.registry import ENCODERS
from harken.models.composed.lms.registry import LMS
from harken.models.composed.model import TINY_STYLE, ComposedModel
from harken.models.composed.projectors.registry import PROJECTORS
from harken.models.composed.systems.base import System, SystemPart
from harken.models.composed.transformers_parts import config_of, plain_config
from harken.models.engine.tokenizer import TextTokenizer

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS = 1024, 2048, 48, 4, 2

_ENCODERS: dict[str, dict[str, Any]] = {
    "whisper": {
        "own_length": True,
        "config": {
            "model_type": "whisper", "d_model": 32, "encoder_layers": 2, "decoder_layers": 1,
            "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64, "num_mel_bins": 80, "max_source_positions": 1500,
            "vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
            "decoder_start_token_id": 1,
        },
    },
    "ast": {
        "config": {
            "model_type": "audio-spectrogram-transformer", "hidden_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
            "max_length": 1024, "num_mel_bins": 32, "frequency_stride": 16, "time_stride": 16,
        },
    },
    "htsat": {
        "config": {
            "model_type": "clap_audio_model", "enable_fusion": False, "hidden_size": 64,
            "patch_embeds_hidden_size": 8, "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
        },
    },
    "af-whisper": {
        "config": {
            "model_type": "audioflamingo3_encoder", "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 64, "num_mel_bins": 80,
            "max_source_positions": 50,
        },
    },
    "waveform": {
        "config": {
            "model_type": "wavlm", "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 64, "conv_dim": [16, 16],
            "conv_kernel": [10, 8], "conv_stride": [80, 4], "num_feat_extract_layers": 2,
            "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
        },
    },
    "beats": {
        "config": {
            "embed_dim": 16, "encoder_embed_dim": 32, "encoder_layers": 2,
            "encoder_attention_heads": 2, "encoder_ffn_embed_dim": 64, "conv_pos": 8,
            "conv_pos_groups": 2, "num_buckets": 32, "max_distance": 80,
        },
    },
}  # fmt: skip
"""Settings of a tiny encoder of each kind."""

_TEXTS = (
    "What do you hear?", "Which of these sounds do you hear?", "Is the same sound in both clips?",
    "What is said?", "yes", "no", "0 1 2 3 4 5 6 7 8 9", *[f"clip {i}:" for i in range(1, 9)],
)  # fmt: skip


def tiny_model(system: System, texts: Iterable[str] = (), seed: int = 0) -> ComposedModel:
    """A tiny model with the wiring of `system` and fresh weights.

    Args:
        system: a published model.
        texts: questions, choices and answers: the tokenizer is trained on them.
        seed: of the weights.

    Raises:
        ConfigError: a part of a kind that has no tiny build.
    """
    tokenizer = TextTokenizer.train([*_TEXTS, *sorted({*texts})], VOCABULARY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoders = [_encoder(part, system) for part in system.encoders]
        lm = LMS.get("causal").build({"config": _lm_config(system.lm, tokenizer)})
    kind, _, published = system.projector.partition("?")
    own = {**_values(published), "norm": "true"}
    own.pop("hidden", None)
    spec = {**own, **_values(system.tiny)}
    known = PROJECTORS.get(kind).options
    model = ComposedModel.compose(
        encoders[0] if len(encoders) == 1 else ConcatEncoder.of(encoders),
        lm,
        tokenizer,
        projector=f"{kind}?" + "&".join(f"{k}={v}" for k, v in spec.items() if k in known),
        name=f"{system.name} (tiny)",
        style=TINY_STYLE,
        seed=seed,
    )
    model.config |= {"fresh_encoder": True, "system": system.name}
    return model


def _encoder(part: SystemPart, system: System) -> AudioEncoder:
    if part.kind not in _ENCODERS:
        raise ConfigError(
            f"the encoder {part.kind!r} of {system.name} has no tiny build",
            hint="Known: " + ", ".join(_ENCODERS),
        )
    layers = {"layers": system.tiny_layers} if system.tiny_layers else {}
    return ENCODERS.get(part.kind).build({"kind": part.kind, **_ENCODERS[part.kind], **layers})


def _lm_config(part: SystemPart, tokenizer: TextTokenizer) -> Mapping[str, Any]:
    """The configuration of a tiny language model of the published kind."""
    kind = str(part.config["model_type"])
    config: dict[str, Any] = {
        "model_type": kind, "vocab_size": tokenizer.size, "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad, "bos_token_id": tokenizer.bos,
        "eos_token_id": tokenizer.eos, "initializer_range": 0.06,
    }  # fmt: skip
    if kind == "gpt2":
        sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_positions": CONTEXT}
        dropouts = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        return plain_config(config_of({**config, **sizes, **dropouts}))
    config |= {
        "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "max_position_embeddings": CONTEXT,
    }  # fmt: skip
    if kind == "opt":
        config |= {"ffn_dim": 2 * WIDTH, "word_embed_proj_dim": WIDTH, "dropout": 0.0}
    else:
        heads = part.config.get("num_key_value_heads", 0) < part.config["num_attention_heads"]
        config |= {
            "intermediate_size": 2 * WIDTH, "num_key_value_heads": 1 if heads else HEADS,
            "head_dim": WIDTH // HEADS,
        }  # fmt: skip
    return config


def _values(settings: str) -> dict[str, str]:
    """``a=1&b=2`` as a mapping of texts."""
    return dict(entry.split("=", 1) for entry in settings.split("&") if entry)
