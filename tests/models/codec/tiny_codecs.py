"""Codecs of a few thousand parameters: harken's own, and classes of transformers."""

from __future__ import annotations

from typing import Any

import torch

from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.conv import ConvCodec, ConvCodecShape
from harken.models.codec.spectral import SpectralCodec, SpectralCodecShape

SHAPE = ConvCodecShape(
    strides=(4, 5), channels=(8, 12), dilations=(1,), dim=6, codebooks=3, size=16
)
"""20 samples a frame."""


def tiny_codec(seed: int = 0) -> ConvCodec:
    """With fresh weights; the entries of the codebooks are drawn and not set by data."""
    settings = CodebookSettings(size=SHAPE.size, kmeans_steps=0, seed=seed)
    return ConvCodec.build(SHAPE, settings, seed=seed)


SPECTRAL = SpectralCodecShape(
    step=20, window=80, mels=8, width=8, dilations=(1,), dim=6, codebooks=3, size=16
)
"""40 samples a frame."""


def tiny_spectral_codec(seed: int = 0) -> SpectralCodec:
    """The same of the other kind."""
    settings = CodebookSettings(size=SPECTRAL.size, kmeans_steps=0, seed=seed)
    return SpectralCodec.build(SPECTRAL, settings, seed=seed)


def tiny_encodec() -> Any:
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(0)
    config = EncodecConfig(
        target_bandwidths=[1.5, 3.0], num_filters=4, hidden_size=16, codebook_dim=16,
        codebook_size=32, upsampling_ratios=[8, 5, 4, 2], num_lstm_layers=1, num_residual_layers=1,
    )  # fmt: skip
    return EncodecModel(config)


def tiny_dac() -> Any:
    from transformers import DacConfig, DacModel

    torch.manual_seed(0)
    config = DacConfig(
        encoder_hidden_size=4, downsampling_ratios=[2, 4], decoder_hidden_size=16,
        upsampling_ratios=[4, 2], n_codebooks=3, codebook_size=32, codebook_dim=4,
        sampling_rate=16_000,
    )  # fmt: skip
    return DacModel(config)


def tiny_xcodec() -> Any:
    from transformers import DacConfig, HubertConfig, XcodecConfig, XcodecModel

    torch.manual_seed(0)
    acoustic = DacConfig(
        encoder_hidden_size=4, downsampling_ratios=[8, 5, 4, 2], decoder_hidden_size=32,
        upsampling_ratios=[8, 5, 4, 2], hidden_size=8,
    )  # fmt: skip
    semantic = HubertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=[8] * 7, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    config = XcodecConfig(
        target_bandwidths=[0.25, 0.5, 0.75], codebook_size=32,
        acoustic_model_config=acoustic, semantic_model_config=semantic,
    )  # fmt: skip
    model = XcodecModel(config)
    for one in model.quantizer.quantizers:  # fresh entries are all zero
        one.codebook.embed.normal_(std=0.1)
    return model


def tiny_mimi() -> Any:
    from transformers import MimiConfig, MimiModel

    torch.manual_seed(0)
    config = MimiConfig(
        num_filters=4, hidden_size=16, codebook_dim=8, codebook_size=32, num_quantizers=4,
        vector_quantization_hidden_dimension=8, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, intermediate_size=16, upsampling_ratios=[8, 6, 5, 4],
        upsample_groups=16, num_semantic_quantizers=1,
    )  # fmt: skip
    return MimiModel(config)
