"""The contract of a family: one audio language model class of transformers, opened up.

Every class of transformers is the same three things: an audio tower with a projector that turns a
clip into n embeddings, a text decoder that reads embeddings, and a head that turns hidden states
into logits. A `NativeFamily` names them for one class and says how a clip becomes windows, how many
tokens it becomes, and what the prompt looks like. Everything else (chat template, placeholders,
batches, memory of clips, choices, replies) is written once, in `chat`, `net` and `model`::

    wave (n,) 16 kHz mono --windows--> [Window] --encode--> embeddings (tokens, width)
    messages --template, placeholder * tokens(n)--> ids --embed--> (L, width)
                      embeddings put at the placeholders --decode, head--> logits

The processors of transformers are never used: they want torchvision, torchaudio or
mistral-common, refuse several clips, cut at 30 s or pad to 300 s.

**A new family is one file** shaped like `harken.models.native.qwen2_audio`, one line in
`harken.models.native.families.FAMILIES`, and one entry in ``tests/models/native/tiny.py``. It sets
the class attributes, assigns ``tower``, ``projector``, ``decoder`` and ``head`` in ``__init__``,
and writes ``window``, ``tokens_of`` and ``encode``. What differs further is overridden:

- ``embed`` and ``decode`` where a token's input is more than its embedding (a mode, a per-layer
  vector): what ``embed`` and ``encode`` give may be wider than the decoder's own width, and
  ``decode`` takes it apart again. So an extra per-token input rides along, through padding,
  batching and remembering, and no caller knows of it.
- ``head`` is any module that acts on each position alone; scaling or soft capping of logits belongs
  into it (see `Scaled`).
- ``built``, ``load_extractor`` and ``settle`` where opening is more than two ``from_pretrained``.
- ``by_mask = False`` where more than a 4-D mask decides what is read (sliding windows,
  convolutions, prefix modes): answers are then read behind copies of the prompt.
  ``by_row = True`` where a row is read by what is in it (an adapter that is on if there is a clip,
  frequencies by its length): rotations of a question do not share a row then, its choices do.
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
from harken.models.engine.features import Array


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What the tower is given of one stretch of a clip.

    Attributes:
        features: at native length, in the layout of the class (for Whisper's mel (bins, T)); may
            hold a few frames past the end of the sound where the tower's convolutions see them.
        frames: how many of its frames are of the sound.
        place: number of the window within its clip, from 0.
    """

    features: Array
    frames: int
    place: int = 0


class NativeFamily(ABC):
    """One class of transformers; an instance holds one opened model.

    Attributes:
        name: for people; of a family from outside, the ``model_type`` it serves.
        about: one sentence.
        types: the ``model_type`` values of ``config.json`` it serves.
        opens: name of the class of transformers.
        extracts: name of the feature extractor's class.
        placeholder: the token (as text) that stands for one audio embedding.
        turn_end: the token that ends a turn; the tokenizer's end of text if it has no such token.
        template: chat template (jinja) for folders that bring none.
        after_clip: put between a clip and a text that follows it (templates often put it there).
        window_s: longest stretch the tower takes at once; longer clips are cut into such windows
            and their tokens stand one behind the other.
        max_clip_s: longest clip; a longer one is refused.
        shortest: samples below which a window would have no token; it is filled up with zeros.
        by_mask: a 4-D attention mask alone decides what a token reads.
        by_row: what else stands in a row changes how it is read: prompts must not share rows.
        around: what its processor puts before and after the placeholder, where templates do not.
        unused: names that tensors of parts begin with that are not opened (an image tower).
        further: patterns of files in subfolders that belong to the model (adapters).
        tower: the audio tower.
        projector: what follows it; None where the tower itself projects.
        decoder: the text model: hidden states come out.
        head: hidden states -> logits, each position alone.
    """

    name: ClassVar[str]
    about: ClassVar[str] = ""
    types: ClassVar[tuple[str, ...]]
    opens: ClassVar[str]
    extracts: ClassVar[str] = "WhisperFeatureExtractor"
    placeholder: str
    turn_end: ClassVar[str] = "<|im_end|>"
    template: ClassVar[str] = ""
    after_clip: ClassVar[str] = "\n"
    by_mask: ClassVar[bool] = True
    by_row: ClassVar[bool] = False
    around: tuple[str, str] = ("", "")
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
        """Take the opened model apart.

        Args:
            model: an instance of `opens`, in evaluation mode.
            extractor: an instance of `extracts`.
        """
        self.model = model
        self.extractor = extractor

    @classmethod
    def config(cls, whole: Any) -> Any:
        """The part of the folder's configuration that `opens` is built from."""
        return whole

    @classmethod
    def built(cls) -> Any:
        """The class that is opened: `opens` of transformers, or a part of it."""
        import transformers

        return getattr(transformers, cls.opens)

    @classmethod
    def load_extractor(cls, folder: Path) -> Any:
        """The folder's feature extractor."""
        import transformers

        return getattr(transformers, cls.extracts).from_pretrained(folder, local_files_only=True)

    def settle(self, folder: Path, hf_tokenizer: Any) -> None:
        """Take in what only the folder and its tokenizer know; called once, after opening.

        Raises:
            ModelError: something that the model needs is not in the folder.
        """
        del folder, hf_tokenizer  # most classes need nothing more

    def save(self, folder: Path, state: dict[str, Tensor] | None = None) -> None:
        """Write weights and extractor into a folder; `state` goes before the model's own."""
        given = {} if state is None else {"state_dict": state}
        self.model.save_pretrained(folder, **given)
        self.extractor.save_pretrained(folder)

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The chat that the template is rendered with.

        Args:
            system: the system message, or empty.
            blocks: of the question: ``{"type": "text", "text": …}`` and ``{"type": "audio"}``.
        """
        first = [{"role": "system", "content": system}] if system else []
        return [*first, {"role": "user", "content": blocks}]

    @property
    def context(self) -> int:
        """Tokens the decoder reads at most."""
        return int(getattr(self.decoder.config, "max_position_embeddings", 0) or 1 << 20)

    @property
    def like(self) -> Tensor:
        """The input embeddings, of whose device and type every input is."""
        weight: Tensor = self.decoder.get_input_embeddings().weight
        return weight

    @property
    def device(self) -> torch.device:
        """Where ids and embeddings are put."""
        return self.like.device

    @abstractmethod
    def window(self, wave: Array, place: int) -> Window:
        """Features of one stretch (n,) of at most `window_s`, the `place`-th of its clip.

        At native length: no padding to 30 s or 300 s is made here.
        """

    @abstractmethod
    def tokens_of(self, samples: int) -> int:
        """Audio tokens of one window of `samples` samples."""

    @abstractmethod
    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Embeddings (tokens, width) of the windows of one clip, by the tower and projector."""

    def cut(self, samples: int) -> list[tuple[int, int]]:
        """Begin and end of the windows of a clip of `samples` samples."""
        if math.isinf(self.window_s):
            return [(0, samples)]
        size = round(self.window_s * RATE_HZ)
        return [(at, min(at + size, samples)) for at in range(0, max(samples, 1), size)]

    def tokens(self, samples: int) -> int:
        """Audio tokens of a clip of `samples` samples at 16 kHz."""
        ends = self.cut(samples)
        return sum(self.tokens_of(max(end - start, self.min_samples)) for start, end in ends)

    def windows(self, wave: Array) -> list[Window]:
        """The windows of a clip (n,) at 16 kHz."""
        return [
            self.window(filled(wave[start:end], self.min_samples), place)
            for place, (start, end) in enumerate(self.cut(len(wave)))
        ]

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) -> what the decoder is given for them (…, width)."""
        embedded: Tensor = self.decoder.get_input_embeddings()(ids)
        return embedded

    def decode(self, inputs: Tensor, **reading: Any) -> Any:
        """Run the decoder on inputs (B, L, width).

        Args:
            inputs: from `embed` and `encode`.
            reading: ``attention_mask``, ``position_ids`` (B, L), ``past_key_values``,
                ``use_cache``.

        Returns:
            An output of transformers with ``last_hidden_state`` and ``past_key_values``.
        """
        return self.decoder(inputs_embeds=inputs, **reading)


class Scaled(nn.Module):
    """A head whose logits are divided by a number, or capped softly (tanh), as some classes do."""

    def __init__(self, head: nn.Module, divide: float = 1.0, cap: float | None = None) -> None:
        super().__init__()
        self.inner = head
        self.divide = divide
        self.cap = cap

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, width) -> (…, V)."""
        logits: Tensor = self.inner(hidden) / self.divide
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap


def filled(wave: Array, samples: int) -> Array:
    """`wave` (n,), with zeros behind it up to `samples`."""
    short = samples - len(wave)
    return np.pad(wave, (0, short)) if short > 0 else wave


def flat(messages: list[dict[str, Any]], placeholder: str) -> list[dict[str, Any]]:
    """Messages whose blocks are written as one text, for templates that know texts only."""
    return [
        {
            **message,
            "content": "".join(block.get("text", placeholder) for block in message["content"])
            if isinstance(message["content"], list)
            else message["content"],
        }
        for message in messages
    ]
