"""Text embeddings by name: ``ngrams`` (no library, no weights) and ``hf:<repository or folder>``.

An embedder has ``name`` and ``encode(texts) -> float32 (n, d)``. transformers is imported on use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from harken.errors import MissingExtra, ModelError
from harken.models.pretrained import find_folder, open_files, open_weights
from harken.registry import Registry

Vectors = npt.NDArray[np.float32]


class Ngrams:
    """Counts of hashed words and character 3-grams: they compare spelling, not meaning."""

    name = "ngrams"

    def __init__(self, size: int = 1 << 12) -> None:
        """`size` is the length of a vector."""
        self.size = size

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Counts of hashed words and 3-grams, float32 (n, size)."""
        found = np.zeros((len(texts), self.size), np.float32)
        for row, text in enumerate(texts):
            words = re.findall(r"\w+", text.casefold())
            for word in words:
                padded = f"^{word}$"
                pieces = [padded, *(padded[i : i + 3] for i in range(len(padded) - 2))]
                for piece in pieces:
                    found[row, crc32(piece.encode()) % self.size] += 1
        return found


class Hf:
    """A transformers text encoder: the mean of its last hidden states over the text's tokens.

    Repositories that need their own code are refused (remote code is never run).
    """

    def __init__(self, target: str, batch: int = 16) -> None:
        """Load tokenizer and weights of `target`; `batch` texts are encoded at a time.

        Raises:
            MissingExtra: transformers is not installed.
            ModelError: `target` cannot be loaded.
        """
        try:
            import torch
            import transformers
        except ImportError:
            raise MissingExtra("transformers", "models") from None
        self.name = f"hf:{target}"
        self.batch = batch
        self._torch = torch
        try:
            folder = find_folder(target)
            self._tokenizer: Any = open_files(transformers.AutoTokenizer, folder)
            self._model: Any = open_weights(transformers.AutoModel, folder).eval()
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"no text encoder could be loaded ({type(error).__name__}: {str(error)[:200]})",
                where=target,
                hint="Name a folder or repository of a model class that transformers itself has.",
            ) from error
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Mean of the last hidden states over each text's tokens, float32 (n, d)."""
        parts = []
        with self._torch.inference_mode():
            for start in range(0, len(texts), self.batch):
                chunk = [text or " " for text in texts[start : start + self.batch]]
                tokens = self._tokenizer(chunk, return_tensors="pt", padding=True, truncation=True)
                states = self._model(**tokens).last_hidden_state.float()
                mask = tokens["attention_mask"][..., None]
                parts.append(((states * mask).sum(1) / mask.sum(1).clamp(min=1)).numpy())
        return np.concatenate(parts).astype(np.float32)


def build_ngrams(target: str = "") -> Ngrams:
    """``ngrams``."""
    return Ngrams()


def build_hf(target: str = "") -> Hf:
    """``hf:<repository or folder>``."""
    return Hf(target)


@dataclass(frozen=True, slots=True)
class EmbedderKind:
    """How text embedding models of one kind are built.

    Attributes:
        name: what stands before the colon in ``name:target``.
        about: what it is, in a sentence.
        build: ``build(target)`` -> an object with ``name`` and ``encode(texts)``.
    """

    name: str
    about: str
    build: Callable[..., Any]


EMBEDDERS: Registry[EmbedderKind] = Registry(
    "embedding model",
    {
        "ngrams": EmbedderKind("ngrams", "character 3-grams: near in spelling", build_ngrams),
        "hf": EmbedderKind("hf", "a text encoder of transformers, by folder or hub id", build_hf),
    },
    group="embedders",
    shape="harken.models.embedding:EmbedderKind",
)


def load_embedder(spec: str) -> Any:
    """The embedding model ``name[:target]``; raises ConfigError with the nearest known names."""
    name, _, target = spec.partition(":")
    return EMBEDDERS.get(name).build(target)
