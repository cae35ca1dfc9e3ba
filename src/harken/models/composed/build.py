"""Nets from plain values: presets, saved configurations, and folders of pretrained models.

A configuration is JSON: the encoder's and the language model's own (as transformers writes them,
without paths or versions), and what joins them. No code is ever loaded from a folder, and weights
from safetensors only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harken.errors import ConfigError, ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.conformer import ConformerEncoder, FrameNorm
from harken.models.composed.encoders.log_mel import MelSettings
from harken.models.composed.encoders.registry import audio_encoder_for
from harken.models.composed.net import Net
from harken.models.composed.projectors.mlp import MlpProjector
from harken.models.engine.tokenizer import TextTokenizer

_PASSING = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


@dataclass(frozen=True, slots=True)
class PresetShape:
    """The sizes of a preset.

    Attributes:
        width, layers, heads, inner: the language model's.
        lm: its kind: ``llama``, ``qwen3``, or ``lfm2-`` and a letter a layer (c: convolution, a:
            attention).
        ear: ``resnet`` (learns from few recordings) or ``conformer``.
        ear_layers, ear_channels: the audio encoder's; ear_width, ear_heads, dropout: a conformer's.
        bins: mel bands; `pool`: encoder frames in a token.
        places: clips that get an embedding of their number (0: none).
        tied_places: that embedding is the language model's own for the number.
        question_first: how the model is asked (several questions in a line need it False).
        vocabulary: tokens at most; `context`: tokens read at once.
        init: spread of the language model's first weights; at the usual 0.02 to 0.04 a small model
            does not find out which clip is which.
        hop: samples between feature frames.
        limit_s: longest clip.
        mimetic: scale of a start in which attention looks for what is alike and passes it on
            (keys equal queries, output is the transpose of values: Trockman and Kolter 2023, arXiv
            2305.09828); 0: the usual start.
        first_words: start the language model from `harken.models.composed.lm_init`, if it fits.
    """

    width: int = 128
    layers: int = 2
    heads: int = 4
    inner: int = 256
    lm: str = "llama"
    audio_encoder: str = "resnet"
    encoder_width: int = 144
    encoder_layers: int = 1
    encoder_heads: int = 4
    encoder_channels: int = 32
    dropout: float = 0.1
    bins: int = 64
    hop: int = 256
    pool: int = 1
    places: int = 8
    tied_places: bool = True
    question_first: bool = False
    vocabulary: int = 4096
    context: int = 2048
    init: float = 0.06
    limit_s: float = 60.0
    mimetic: float = 1.5
    first_words: bool = True


PRESETS: dict[str, PresetShape] = {
    "harken-tiny": PresetShape(),
    "harken-mini": PresetShape(
        width=32, layers=2, heads=2, inner=64, encoder_width=32, encoder_layers=1, encoder_heads=2,
        encoder_channels=8, dropout=0.0, vocabulary=384, context=512,
    ),
}  # fmt: skip
"""harken-tiny learns to listen on a CPU; harken-mini is for tests: too small to learn much."""


def preset_shape(name: str, changes: Mapping[str, Any]) -> PresetShape:
    """The sizes of the preset `name`, some of them changed; raises ConfigError for unknown ones."""
    if name not in PRESETS:
        raise ConfigError(f"no preset is called {name!r}", hint="Known: " + ", ".join(PRESETS))
    known = {entry.name for entry in fields(PresetShape)}
    unknown = sorted({*changes} - known)
    if unknown:
        raise ConfigError(
            f"a preset has no {', '.join(unknown)}", hint="Known: " + ", ".join(sorted(known))
        )
    return replace(PRESETS[name], **changes)


def preset_config(shape: PresetShape, tokenizer: TextTokenizer) -> dict[str, Any]:
    """The configuration of a preset for its tokenizer."""
    numbers = [tokenizer.encode(f"clip {number}")[-1] for number in range(shape.places + 1)]
    encoder = _conformer(shape) if shape.audio_encoder == "conformer" else _resnet(shape)
    return {
        "encoder": {
            "config": encoder,
            "limit_s": shape.limit_s,
            "frame_norm": shape.audio_encoder == "conformer",
            "mel": asdict(MelSettings(bins=shape.bins, hop=shape.hop)),
        },
        "projector": {
            "pool": shape.pool,
            "places": shape.places,
            "numbers": numbers if shape.tied_places else [],
        },
        "lm": {"config": _lm_config(shape, tokenizer.size, tokenizer.marks)},
        "lora": None,
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
        "num_channels": 1,
        "embedding_size": shape.encoder_channels,
        "hidden_sizes": [shape.encoder_channels * 2**i for i in range(3)],
        "depths": [shape.encoder_layers] * 3,
        "layer_type": "basic",
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
    }


def build_net(config: Mapping[str, Any]) -> Net:
    """A net with fresh weights from a configuration.

    Raises:
        ModelError: a kind of encoder or language model that transformers does not know.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    try:
        heard = AutoConfig.for_model(**config["encoder"]["config"])
        spoken = AutoConfig.for_model(**config["lm"]["config"])
        if heard.model_type == "whisper":
            from transformers.models.whisper.modeling_whisper import WhisperEncoder

            encoder: Any = WhisperEncoder(heard)
        else:
            encoder = AutoModel.from_config(heard)
            if heard.model_type == "parakeet_encoder":
                _init_convolutions(encoder)
        lm = AutoModelForCausalLM.from_config(spoken)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the configuration cannot be built: {error}",
            hint="Install a transformers release that knows this kind of model.",
        ) from error
    net = join(encoder, lm, config)
    if config.get("lora"):
        add_lora(net, config["lora"])
    return net


def mimetic_init(lm: Any, scale: float) -> None:
    """The mimetic start of `PresetShape.mimetic`, for models whose heads have keys of their own."""
    with torch.no_grad():
        for layer in lm.model.layers:
            own = getattr(layer, "self_attn", None)
            if own is None or own.q_proj.weight.shape != own.k_proj.weight.shape:
                continue
            own.q_proj.weight.mul_(scale)
            own.k_proj.weight.copy_(own.q_proj.weight)
            own.v_proj.weight.mul_(scale)
            own.o_proj.weight.copy_(own.v_proj.weight.T)


def join(encoder: nn.Module, lm: Any, config: Mapping[str, Any]) -> Net:
    """Put an encoder and a language model together, with a fresh projector between them."""
    audio_encoder = _encoder_of(encoder, config["encoder"])
    between = config["projector"]
    width = int(lm.get_input_embeddings().embedding_dim)
    projector = MlpProjector(
        audio_encoder.width,
        between["pool"],
        width,
        between.get("places", 0),
        between.get("numbers", ()),
    )
    if projector.places is not None:
        spread = getattr(lm.config, "initializer_range", 0.02)
        nn.init.normal_(projector.places.weight, std=spread)
    return Net(audio_encoder, projector, lm)


def add_lora(net: Net, settings: Mapping[str, Any]) -> None:
    """Put low-rank adapters (Hu et al. 2021, arXiv 2106.09685) into the linear layers of the LM.

    The rest of the LM is frozen. `settings`: ``rank``, ``alpha``, ``targets`` (names of layers).

    Raises:
        MissingExtra: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        from harken.errors import MissingExtra

        raise MissingExtra("peft", "train") from None
    adapter = LoraConfig(
        r=settings["rank"], lora_alpha=settings["alpha"], target_modules=list(settings["targets"])
    )
    try:
        inject_adapter_in_model(adapter, net.lm)
    except ValueError as error:
        raise ModelError(f"LoRA finds no layer to adapt: {error}") from error


def plain_config(config: Any) -> dict[str, Any]:
    """A transformers configuration as JSON values, without where it came from."""
    values = {name: value for name, value in config.to_diff_dict().items() if name not in _PASSING}
    return {"model_type": config.model_type, **values}


def open_encoder(path: Path) -> nn.Module:
    """A pretrained audio encoder from a folder on this disk, in float32.

    Raises:
        ModelError: no such folder, no safetensors in it, or a kind nobody can hear with.
    """
    from transformers import AutoModel

    model = _open(AutoModel, path)
    if model.config.model_type == "whisper":
        return model.encoder  # type: ignore[no-any-return]
    if model.config.model_type.startswith("parakeet"):
        raise ModelError(
            "a pretrained Parakeet wants its own features, which are not made here",
            where=str(path),
            hint="Use a Whisper, AST or wav2vec-like encoder.",
        )
    return model  # type: ignore[no-any-return]


def open_lm(path: Path) -> Any:
    """A pretrained causal language model from a folder on this disk, in float32."""
    from transformers import AutoModelForCausalLM

    return _open(AutoModelForCausalLM, path)


def _open(loader: Any, path: Path) -> Any:
    if not (path / "config.json").is_file():
        raise ModelError(
            "the folder holds no model (there is no config.json)",
            where=str(path),
            hint="Give the folder of a model that is on this disk.",
        )
    try:
        return loader.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the model cannot be opened: {error}", where=str(path)) from error


def _encoder_of(encoder: nn.Module, settings: Mapping[str, Any]) -> AudioEncoder:
    if settings.get("frame_norm"):
        for module in list(encoder.modules()):
            if isinstance(getattr(module, "norm", None), nn.BatchNorm1d):
                norm: Any = module.norm
                module.norm = FrameNorm(norm.num_features)
    audio_encoder = audio_encoder_for(encoder, settings.get("limit_s"))
    if isinstance(audio_encoder, ConformerEncoder) and settings.get("mel"):
        audio_encoder.settings = MelSettings(**settings["mel"])
    return audio_encoder


def _init_convolutions(encoder: Any) -> None:
    """First weights of the convolutions that let the sound through.

    At transformers' spread of 0.02 three of them make a sound 10^-7 of itself, all clips sound
    alike, and hundreds of steps go by before anything is heard. The last bias is for silence, which
    is all zeros: a layer norm multiplies the gradient of zeros by 300, and one silent clip would
    drown a whole batch.
    """
    for module in encoder.subsampling.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    last = encoder.subsampling.linear
    nn.init.normal_(last.weight, std=last.in_features**-0.5)
    nn.init.normal_(last.bias, std=0.2)


def _lm_config(shape: PresetShape, vocabulary: int, marks: Mapping[str, int]) -> dict[str, Any]:
    kind, _, layers = shape.lm.partition("-")
    common = {
        "model_type": kind,
        "vocab_size": vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "num_hidden_layers": len(layers) or shape.layers,
        "max_position_embeddings": shape.context,
        "tie_word_embeddings": True,
        "initializer_range": shape.init,
        "pad_token_id": marks["<pad>"],
        "bos_token_id": marks["<bos>"],
        "eos_token_id": marks["<eos>"],
    }
    if kind == "qwen3":
        return {**common, "head_dim": shape.width // shape.heads}
    if kind == "lfm2":
        names = {"c": "conv", "a": "full_attention"}
        kinds = [names[letter] for letter in layers]
        return {
            **common,
            "layer_types": kinds,
            "block_auto_adjust_ff_dim": False,
            "conv_L_cache": 3,
        }
    if kind == "llama":
        return common
    raise ConfigError(f"lm is {shape.lm!r}", hint="Use llama, qwen3, or lfm2- and its layers.")
