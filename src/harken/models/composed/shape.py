"""The sizes of a preset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PresetShape:
    """The sizes of a preset.

    Attributes:
        width, layers, heads, inner: the language model's.
        lm: its kind: ``llama``, ``qwen3``, or ``lfm2-`` and a letter a layer (c: convolution, a:
            attention).
        audio_encoder: ``resnet`` (learns from few recordings), ``spatial`` (the same, and hears
            directions) or ``conformer``.
        encoder_layers, encoder_channels: its sizes; encoder_width, encoder_heads, dropout: a
            conformer's.
        bins: mel bands; `pool`: encoder frames in a token.
        clip_numbers: largest clip number with an embedding (0: none).
        tied_clip_numbers: that embedding is the language model's own for the number.
        question_first: prompt style (several questions in a prompt need it False).
        vocabulary: most ids of the tokenizer; `context`: longest prompt in tokens.
        init: standard deviation of the language model's initial weights; at the usual 0.02 to 0.04
            a small model does not learn which clip is which.
        hop: samples between feature frames.
        limit_s: longest clip, in seconds.
        mimetic: scale of an initialisation in which attention copies similar tokens (keys equal
            queries, output is the transpose of values: Trockman and Kolter 2023, arXiv 2305.09828);
            0: the usual initialisation.
        pretrained_lm: initialise the language model from `harken.models.composed.lm_init`, if the
            shapes are equal.
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
    clip_numbers: int = 8
    tied_clip_numbers: bool = True
    question_first: bool = False
    vocabulary: int = 4096
    context: int = 2048
    init: float = 0.06
    limit_s: float = 60.0
    mimetic: float = 1.5
    pretrained_lm: bool = True
