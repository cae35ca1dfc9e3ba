"""The interface of a native family: one audio language model class of transformers.

Every class has the same three parts: an audio tower with a projector that turns a clip into n
embeddings, a text decoder, and a head that turns hidden states into logits. A `NativeFamily` names
them for one class, and defines the windows of a clip, its number of tokens, and the prompt format.
Everything else (chat template, placeholders, batches, caches, choices, generation) is implemented
once, in `chat`, `net` and `model`::

    wave (n,) 16 kHz mono --windows--> [Window] --encode--> embeddings (tokens, width)
    messages --template, placeholder * tokens(n)--> ids --embed--> (L, width)
                      audio embeddings replace those of placeholders --decode, head--> logits

The processors of transformers are never used: they need torchvision, torchaudio or
mistral-common, refuse several clips, truncate at 30 s or pad to 300 s.

**A new family is one file** like `harken.models.native.qwen2_audio`, one line in
`harken.models.native.families.FAMILIES`, and a tiny model in ``tests/models/native``. It sets the
class attributes, assigns ``tower``, ``projector``, ``decoder`` and ``head`` in ``__init__``, and
implements ``window``, ``tokens_of`` and ``encode``. It overrides:

- ``embed`` and ``decode`` where a token's input is more than its embedding (a mode, a per-layer
  vector): the results of ``embed`` and ``encode`` may be wider than the decoder, and ``decode``
  splits them again. So an extra per-token input passes through padding, batching and caching, and
  callers need no change.
- ``head``: any module that acts on each position alone; scaling or soft capping of logits is part
  of it (see `Scaled`).
- ``model_class``, ``load_extractor`` and ``after_open`` where opening needs more than two
  ``from_pretrained``.
- ``by_mask = False`` where tree attention with a 4-D mask is not exact (sliding windows,
  convolutions, prefix modes): each answer then follows a copy of the prompt. ``by_row = True``
  where a computation depends on the whole row (an adapter that is on if there is a clip, rotary
  frequencies by length): rotations of a question do not share a row then, its choices do.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.models.engine.chat import ChatFormat
from harken.models.engine.features import Array
from harken.models.pretrained import open_files


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Tower input for one segment of a clip.

    Attributes:
        features: at native length, in the layout of the class (for Whisper's mel (bins, T)); may
            have a few frames after the end of the clip, if the tower's convolutions need them.
        frames: number of frames up to the end of the clip.
        index: number of the window within its clip, from 0.
    """

    features: Array
    frames: int
    index: int = 0


class NativeFamily(ChatFormat, ABC):
    """One class of transformers; an instance holds one opened model. See `ChatFormat` too.

    Attributes:
        name: for display; of a family from outside, the ``model_type`` it serves.
        about: one sentence.
        types: the ``model_type`` values of ``config.json`` it serves.
        model_name: name of the class of transformers.
        extractor_name: name of the feature extractor's class.
        turn_end: the token that ends a turn; the tokenizer's end of text if it has no such token.
        template: chat template (jinja) for folders without one.

        window_s: longest segment the tower takes at once; longer clips are split into such windows
            and their tokens concatenated.
        max_clip_s: longest clip; a longer one is refused.
        min_samples: below this a window would have no token; it is padded with zeros.
        by_mask: tree attention with a 4-D mask is exact.
        text_in_audio: embeddings of text stand among the audio tokens of a clip.
        by_row: a computation depends on the whole row: prompts must not share rows.
        unused: name prefixes of tensors that are not opened (an image tower).
        extra_files: patterns of further files of the model (adapters).
        tower: the audio tower.
        projector: after the tower; None where the tower itself projects.
        decoder: the text model: inputs -> hidden states.
        head: hidden states -> logits, each position alone.
    """

    name: ClassVar[str]
    about: ClassVar[str] = ""
    types: ClassVar[tuple[str, ...]]
    model_name: ClassVar[str]
    extractor_name: ClassVar[str] = "WhisperFeatureExtractor"
    turn_end: ClassVar[str] = "<|im_end|>"
    template: ClassVar[str] = ""
    by_mask: ClassVar[bool] = True
    by_row: ClassVar[bool] = False
    text_in_audio: ClassVar[bool] = False
    unused: ClassVar[tuple[str, ...]] = ()
    extra_files: ClassVar[tuple[str, ...]] = ()
    min_samples: ClassVar[int] = 480

    window_s: float = 30.0
    max_clip_s: float = math.inf
    tower: nn.Module
    projector: nn.Module | None = None
    decoder: Any
    head: nn.Module

    def __init_subclass__(cls, **options: Any) -> None:
        """Without an `about` of its own, a family is what the first line of its text says."""
        super().__init_subclass__(**options)
        cls.about = cls.about or (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")

    def __init__(self, model: Any, extractor: Any) -> None:
        """Find the parts of the opened model.

        Args:
            model: an instance of `model_class`, in evaluation mode.
            extractor: an instance of `extractor_name`.
        """
        self.model = model
        self.extractor = extractor

    @classmethod
    def config(cls, whole: Any) -> Any:
        """The part of the folder's configuration that `model_class` is built from."""
        return whole

    @classmethod
    def model_class(cls) -> Any:
        """The class that is opened: `model_name` of transformers, or a part of it."""
        import transformers

        return getattr(transformers, cls.model_name)

    @classmethod
    def load_extractor(cls, folder: Path) -> Any:
        """The folder's feature extractor."""
        import transformers

        extractor_class = getattr(transformers, cls.extractor_name)
        return open_files(extractor_class, folder, local_files_only=True)

    def after_open(self, folder: Path, hf_tokenizer: Any) -> None:
        """Read further values from the folder and its tokenizer; called once, after opening.

        Raises:
            ModelError: a file that the model needs is not in the folder.
        """
        del folder, hf_tokenizer  # most classes need nothing more

    def save(self, folder: Path, state: dict[str, Tensor] | None = None) -> None:
        """Write weights and extractor into a folder; `state` replaces the model's own tensors."""
        given = {} if state is None else {"state_dict": state}
        self.model.save_pretrained(folder, **given)
        self.extractor.save_pretrained(folder)

    def feature_settings(self) -> str:
        """All settings of the feature extractor as text: what decides features beside the clip."""
        return str(self.extractor.to_json_string())

    @property
    def context(self) -> int:
        """Longest prompt with its answer, in tokens."""
        return int(getattr(self.decoder.config, "max_position_embeddings", 0) or 1 << 20)

    @property
    def like(self) -> Tensor:
        """The input embedding, whose device and dtype every input has."""
        weight: Tensor = self.decoder.get_input_embeddings().weight
        return weight

    @property
    def device(self) -> torch.device:
        """Device of ids and embeddings."""
        return self.like.device

    @abstractmethod
    def window(self, wave: Array, index: int) -> Window:
        """Features of one segment (n,) of at most `window_s`, number `index` of its clip.

        At native length: without padding to 30 s or 300 s.
        """

    @abstractmethod
    def tokens_of(self, samples: int) -> int:
        """Audio tokens of one window of `samples` samples."""

    @abstractmethod
    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Embeddings (tokens, width) of the windows of one clip, from tower and projector."""

    def bounds(self, samples: int) -> list[tuple[int, int]]:
        """Begin and end of the windows of a clip of `samples` samples."""
        if math.isinf(self.window_s):
            return [(0, samples)]
        size = round(self.window_s * RATE_HZ)
        return [(at, min(at + size, samples)) for at in range(0, max(samples, 1), size)]

    def tokens(self, samples: int) -> int:
        """Audio tokens of a clip of `samples` samples at 16 kHz."""
        ends = self.bounds(samples)
        return sum(self.tokens_of(max(end - start, self.min_samples)) for start, end in ends)

    def windows(self, wave: Array) -> list[Window]:
        """The windows of a clip (n,) at 16 kHz."""
        return [
            self.window(padded(wave[start:end], self.min_samples), index)
            for index, (start, end) in enumerate(self.bounds(len(wave)))
        ]

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) -> decoder inputs (…, width)."""
        embedded: Tensor = self.decoder.get_input_embeddings()(ids)
        return embedded

    def decode(self, inputs: Tensor, **options: Any) -> Any:
        """Run the decoder on inputs (B, L, width).

        Args:
            inputs: from `embed` and `encode`.
            options: ``attention_mask``, ``position_ids`` (B, L), ``past_key_values``,
                ``use_cache``.

        Returns:
            An output of transformers with ``last_hidden_state`` and ``past_key_values``.
        """
        return self.decoder(inputs_embeds=inputs, **options)


class Scaled(nn.Module):
    """A head whose logits are divided by a number or soft-capped (tanh), as in some classes."""

    def __init__(self, head: nn.Module, divide: float = 1.0, cap: float | None = None) -> None:
        super().__init__()
        self.inner = head
        self.divide = divide
        self.cap = cap

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, width) -> (…, V)."""
        logits: Tensor = self.inner(hidden) / self.divide
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap


def padded(wave: Array, samples: int) -> Array:
    """`wave` (n,), zero-padded at its end to at least `samples`."""
    short = samples - len(wave)
    return np.pad(wave, (0, short)) if short > 0 else wave
