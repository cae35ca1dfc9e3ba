"""Published codec language models by name: how their codes are laid out, and of what they are made.

An entry sets pattern, codebooks and kind of decoder of a small model that is trained here
(``harken train-codec-lm --preset``); where the sizes are public, `published_net` builds them
without memory, to be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harken.models.composed.systems import parts
from harken.registry import named

if TYPE_CHECKING:
    from harken.models.codec_lm.net import CodecLMNet


@dataclass(frozen=True, slots=True)
class CodecLMPreset:
    """A published codec language model.

    Attributes:
        name: by which it is chosen; `about`: one sentence.
        paper: its arXiv id.
        pattern: a name in `PATTERNS`.
        codebooks, size, frames_per_s: of its codes.
        codec: what makes them, and `lm` what predicts them.
        kind: of the decoder of the small model, a name in `LMS`.
        config: of the published decoder; None: it is not public.
        stated: parameters that paper or card state for the decoder without the codes, and
            `stated_by`, where.
        built: parameters of the published size as built here, the codes' embedding and heads with
            it; 0: the decoder is not public.
        weights: hub id of the trained model, and `licence`, that of these weights.
        departures: what differs from the published model.
    """

    name: str
    about: str
    paper: str
    pattern: str
    codebooks: int
    size: int
    frames_per_s: float
    codec: str
    lm: str
    kind: str = "llama"
    config: Mapping[str, Any] | None = None
    stated: float = 0.0
    stated_by: str = ""
    built: int = 0
    weights: str = ""
    licence: str = "no weights published"
    departures: tuple[str, ...] = ()

    @property
    def positions_s(self) -> float:
        """Positions of the decoder that a second of sound takes."""
        return self.frames_per_s * (self.codebooks if self.pattern == "flattened" else 1)


AUDIOLM = CodecLMPreset(
    "audiolm",
    "semantic tokens, then coarse, then fine codes, each by a decoder of its own",
    "arXiv 2209.03143",
    "flattened",
    12,
    1024,
    50.0,
    "SoundStream",
    "decoders of 12 layers, width 1024",
    departures=("one decoder for all codebooks, and no semantic tokens",),
)
AUDIOPALM = CodecLMPreset(
    "audiopalm",
    "semantic tokens in the vocabulary of a language model, made sound by later stages",
    "arXiv 2306.12925",
    "flattened",
    1,
    1024,
    25.0,
    "tokens of USM",
    "PaLM 2, 8 B",
    departures=("codes of the first codebook, and no stage that adds the finer ones",),
)
LLAMA_MIMI = CodecLMPreset(
    "llama-mimi",
    "all codes of Mimi's first codebooks in one sequence, a single decoder",
    "arXiv 2509.14882",
    "flattened",
    4,
    2048,
    12.5,
    "Mimi",
    "Llama-3.2-1B",
    config={
        "model_type": "llama", "vocab_size": 128256, "hidden_size": 2048,
        "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 64, "tie_word_embeddings": True,
    },
    stated=1.24e9,
    stated_by="the card of Llama-3.2-1B",
    built=1_269_372_928,
    weights="llm-jp/Llama-Mimi-1.3B",
    licence="not stated",
)  # fmt: skip
UALM = CodecLMPreset(
    "ualm",
    "delayed codes out, classifier-free guidance; frames of an encoder in",
    "arXiv 2510.12000",
    "delayed",
    8,
    1024,
    50.0,
    "X-codec",
    "Qwen2.5-7B",
    kind="qwen3",
    config=parts.QWEN25_7B.config,
    stated=7.61e9,
    stated_by="the card of Qwen2.5-7B-Instruct",
    built=7_674_394_112,
    licence="not stated",
    departures=("codes in as well as out, and no encoder of its own",),
)

APERTUS = CodecLMPreset(
    "apertus-1.5",
    "codes of sound, and of pictures, in the vocabulary of a language model that writes text",
    "https://huggingface.co/swiss-ai/Apertus-v1.5-8B",
    "flattened",
    1,
    4096,
    40.0,
    "WavTokenizer",
    "Apertus-8B",
    kind="apertus",
    config={
        "model_type": "apertus", "vocab_size": 131072, "hidden_size": 4096,
        "intermediate_size": 21504, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "tie_word_embeddings": False,
    },
    stated=8.05e9,
    stated_by="the weights of Apertus-8B-2509",
    built=8_086_900_800,
    weights="swiss-ai/Apertus-v1.5-8B",
    licence="Apache-2.0",
    departures=(
        "codes out as well as in: the published head writes text only",
        "no pictures, whose codes are 131,072 further entries of the published vocabulary",
        "the published weights are opened by releases of transformers that have apertus1p5 only",
    ),
)  # fmt: skip

CODEC_LMS = {one.name: one for one in (AUDIOLM, AUDIOPALM, LLAMA_MIMI, UALM, APERTUS)}


def codec_lm_preset(name: str) -> CodecLMPreset:
    """The preset called `name`.

    Raises:
        ConfigError: there is none.
    """
    return named(name, CODEC_LMS, "codec language model")


def published_net(preset: CodecLMPreset) -> CodecLMNet | None:
    """The net in its published size on the meta device; None where the decoder is not public."""
    if preset.config is None:
        return None
    import torch

    from harken.models.codec_lm.net import CodecLMNet
    from harken.models.codec_lm.patterns import code_pattern
    from harken.models.composed.lms.registry import LMS

    pattern = code_pattern(preset.pattern, preset.codebooks, preset.size)
    with torch.device("meta"):
        lm = LMS.get("causal").build({"config": dict(preset.config)})
        return CodecLMNet(lm, pattern.streams, pattern.entries)
