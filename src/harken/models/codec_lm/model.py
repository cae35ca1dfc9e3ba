"""A codec language model: a codec, a code pattern and a decoder over text and codes.

It speaks (text to sound), continues a sound, writes what is said in one, and gives the likelihood
of a sound. It is trained here from fresh weights (`harken.train.codec_lm`). A saved folder has the
weights, the tokenizer and a codec of harken's own; a codec of transformers is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harken import files
from harken.audio.clip import Clip
from harken.audio.load import load
from harken.errors import ConfigError, ModelError
from harken.models.codec.base import AudioTokenizer
from harken.models.codec.open import open_codec
from harken.models.codec.own import OwnCodec
from harken.models.codec_lm.lines import Line, score_lines, speak_line, transcribe_line
from harken.models.codec_lm.net import CodecLMNet
from harken.models.codec_lm.patterns import CodePattern, Ints, code_pattern
from harken.models.composed.lms.registry import LMS
from harken.models.composed.shape import PresetShape
from harken.models.engine.features import Array
from harken.models.engine.tokenizer import FILE, TextTokenizer
from harken.models.saved_module import (
    find_saved,
    load_into,
    require_kind,
    save_module,
    state_hash,
)

KIND = "codec-lm"
"""``kind`` in the `MODEL_FILE` of a saved one."""

CODEC = "codec"
"""Folder of the codec in that of a saved model."""


@dataclass(frozen=True, slots=True)
class CodecLMShape:
    """Sizes of a new model.

    Attributes:
        lm: kind of the decoder, a name in `LMS` with a small configuration.
        width, layers, heads, inner: of the decoder.
        vocabulary: most ids of the tokenizer.
        context: most positions, text and rows.
        pattern: a name in `PATTERNS`.
        codebooks: of the codec, the first ones; 0: all.
        dropout: of what enters the decoder, in training.
    """

    lm: str = "llama"
    width: int = 192
    layers: int = 4
    heads: int = 4
    inner: int = 512
    vocabulary: int = 512
    context: int = 2048
    pattern: str = "delayed"
    codebooks: int = 0
    dropout: float = 0.1


class CodecLanguageModel:
    """See the module's docstring.

    Attributes:
        net: with the weights.
        codec, pattern, tokenizer: its parts.
        codec_spec: how a codec of transformers is opened again; empty: it is saved inside.
        name: for display.
        voices: names of the voices it was trained with.
        texts: what its training recordings say, the most frequent first.
        training: what is told of its training, as JSON values.
    """

    def __init__(
        self,
        net: CodecLMNet,
        codec: AudioTokenizer,
        pattern: CodePattern,
        tokenizer: TextTokenizer,
        *,
        codec_spec: str = "",
        name: str = "codec-lm",
    ) -> None:
        self.net, self.codec, self.pattern, self.tokenizer = net.eval(), codec, pattern, tokenizer
        self.codec_spec, self.name = codec_spec, name
        self.voices: tuple[str, ...] = ()
        self.texts: tuple[str, ...] = ()
        self.training: dict[str, Any] = {}
        self.lm_config: dict[str, Any] = {}
        self.dropout = 0.0

    @staticmethod
    def build(
        codec: str, texts: Sequence[str], shape: CodecLMShape = CodecLMShape(), *, seed: int = 0
    ) -> CodecLanguageModel:
        """With fresh weights.

        Args:
            codec: see `open_codec`.
            texts: what will be said, and by whom; the tokenizer is trained on them.
            shape: the sizes.
            seed: of the weights.

        Raises:
            ModelError: no such codec, or a decoder that has no small configuration.
            ConfigError: an unknown pattern, or more codebooks than the codec has.
        """
        opened = open_codec(codec)
        tokenizer = TextTokenizer.train(texts, shape.vocabulary)
        count = opened.require(shape.codebooks or None)
        pattern = code_pattern(shape.pattern, count, opened.size)
        sizes = PresetShape(
            width=shape.width, layers=shape.layers, heads=shape.heads, inner=shape.inner,
            lm=shape.lm, context=shape.context,
        )  # fmt: skip
        kind = LMS.get(shape.lm.partition("-")[0])
        config = kind.preset(sizes, tokenizer.size, tokenizer.special_ids)
        config["tie_word_embeddings"] = False  # tensors that share memory cannot be saved
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            lm = LMS.get("causal").build({"config": config})
            net = CodecLMNet(lm, pattern.streams, pattern.entries, dropout=shape.dropout)
        own = isinstance(opened, OwnCodec)
        spec = "" if own else codec
        made = CodecLanguageModel(net, opened, pattern, tokenizer, codec_spec=spec)
        made.lm_config, made.dropout = config, shape.dropout
        return made

    @staticmethod
    def open(spec: str) -> CodecLanguageModel:
        """The saved model `spec`: a folder, or the name of one below ``$HARKEN_MODELS``.

        Raises:
            ModelError: there is none, it is damaged or of another kind, or its codec is another.
        """
        folder, content = find_saved(spec)
        require_kind(folder, content, KIND, "codec language model")
        try:
            held, sizes = dict(content["codec"]), dict(content["pattern"])
            _check_tokenizer(folder, str(content["tokenizer"]))
            tokenizer = TextTokenizer.open(folder)
            codec = open_codec(str(held["spec"] or folder / CODEC))
            pattern = code_pattern(sizes["name"], int(sizes["codebooks"]), int(sizes["size"]))
            config, dropout = dict(content["lm"]), float(content["dropout"])
            lm = LMS.get("causal").build({"config": config})
            net = CodecLMNet(lm, pattern.streams, pattern.entries, dropout=dropout)
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise ModelError(f"{error!r} in its configuration", where=str(folder)) from None
        if codec.identity() != held.get("identity"):
            raise ModelError(
                "its codec is another one than it was trained with",
                where=str(held["spec"] or folder / CODEC),
                hint="Put back the codec of its training, or train again.",
            )
        load_into(net, folder, content)
        spec_of, name = str(held["spec"]), str(content.get("name") or folder.name)
        made = CodecLanguageModel(net, codec, pattern, tokenizer, codec_spec=spec_of, name=name)
        made.lm_config, made.dropout = config, dropout
        made.voices, made.texts = tuple(content["voices"]), tuple(content["texts"])
        made.training = dict(content.get("training") or {})
        return made

    def save(self, folder: Path) -> str:
        """Write the folder that `open` opens; returns the identity.

        Raises:
            RunError: the folder has another model.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if not self.codec_spec and isinstance(self.codec, OwnCodec):
            self.codec.save(folder / CODEC)
        files.write_whole(folder / FILE, self.tokenizer.to_json())
        return save_module(folder, KIND, self._config(), self.net.state_dict())

    def identity(self) -> str:
        """Hash of configuration and weights."""
        return state_hash(self._config(), self.net.state_dict())

    def _config(self) -> Mapping[str, Any]:
        own = self.pattern
        return {
            "name": self.name,
            "codec": {"spec": self.codec_spec, "identity": self.codec.identity()},
            "pattern": {"name": own.name, "codebooks": own.codebooks, "size": own.size},
            "tokenizer": files.sha256_of_text(self.tokenizer.to_json()),
            "lm": self.lm_config,
            "dropout": self.dropout,
            "voices": list(self.voices),
            "texts": list(self.texts),
            "training": self.training,
        }

    # Sounds, rows and lines -------------------------------------------------------------------

    @property
    def frames_per_s(self) -> float:
        """Frames in one second."""
        return self.codec.frames_per_s

    def codes_of(self, clip: Clip) -> Ints:
        """The codes (frames, codebooks) of a clip.

        Raises:
            AudioError: it cannot be read.
        """
        return np.ascontiguousarray(self.codec.encode(load(clip), self.pattern.codebooks).T)

    def samples_of(self, codes: Ints) -> Array:
        """The sound, float32 at 16 kHz, of codes (frames, codebooks)."""
        return self.codec.decode(np.ascontiguousarray(codes.T))

    def speak_line(self, rows: Ints, text: str = "", voice: str = "") -> Line:
        """See `harken.models.codec_lm.lines.speak_line`.

        Raises:
            ConfigError: a voice that it was not trained with.
        """
        if voice and voice not in self.voices:
            known = ", ".join(self.voices) or "none"
            raise ConfigError(f"there is no voice {voice!r}", hint=f"Voices: {known}.")
        return speak_line(self.tokenizer, rows, text, voice)

    def transcribe_line(self, rows: Ints, text: str | None = None) -> Line:
        """See `harken.models.codec_lm.lines.transcribe_line`."""
        return transcribe_line(self.tokenizer, rows, text)

    @torch.no_grad()
    def code_losses(self, lines: Sequence[Line], batch: int = 32) -> list[float]:
        """Mean negative log-likelihood of the codes of each line, in nats a code."""
        found: list[float] = []
        for start in range(0, len(lines), batch):
            own = lines[start : start + batch]
            scores = score_lines(self.net, self.pattern, own)
            for number in range(len(own)):
                found.append(-float(scores.codes[scores.code_line == number].double().mean()))
        return found

    @torch.no_grad()
    def text_losses(self, lines: Sequence[Line], batch: int = 32) -> list[float]:
        """Negative log-likelihood of the text after the rows of each line, in nats in all."""
        found: list[float] = []
        for start in range(0, len(lines), batch):
            own = lines[start : start + batch]
            scores = score_lines(self.net, self.pattern, own, codes=[False] * len(own))
            for number in range(len(own)):
                found.append(-float(scores.text[scores.text_line == number].double().sum()))
        return found

    def describe(self) -> dict[str, Any]:
        """What it is, as JSON values."""
        return {
            "name": self.name,
            "pattern": self.pattern.name,
            "codebooks": self.pattern.codebooks,
            "size": self.pattern.size,
            "frames_per_s": self.frames_per_s,
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "voices": list(self.voices),
            "lm": _sizes_of(self.lm_config),
        }


def _sizes_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Kind and sizes of a decoder's configuration."""
    keys = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    return {key: config[key] for key in keys if key in config}


def _check_tokenizer(folder: Path, sha256: str) -> None:
    """Raise ModelError unless the saved tokenizer is the one that the model was saved with."""
    path = folder / FILE
    found = files.sha256_of_text(path.read_text("utf-8")) if path.is_file() else ""
    if found != sha256:
        raise ModelError(
            f"{FILE} is {'not what was written' if found else 'missing'}",
            where=str(folder),
            hint="Copy the folder again, or train again.",
        )
