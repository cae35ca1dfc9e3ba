"""A codec language model of a few thousand parameters, with fresh weights."""

from __future__ import annotations

from pathlib import Path

from tiny_codecs import tiny_codec

from harken.models.codec_lm.model import CodecLanguageModel, CodecLMShape

WORDS = ("three", "seven")


def tiny_codec_lm(folder: Path, pattern: str = "delayed", seed: int = 0) -> CodecLanguageModel:
    """With the voices ann and bob; its codec of 3 codebooks is saved in `folder`."""
    if not (folder / "codec").is_dir():
        tiny_codec().save(folder / "codec")
    shape = CodecLMShape(width=16, layers=2, heads=2, inner=32, context=200, pattern=pattern)
    made = CodecLanguageModel.build(
        str(folder / "codec"), [*WORDS, "ann: three", "bob: seven"], shape, seed=seed
    )
    made.voices = ("ann", "bob")
    return made
