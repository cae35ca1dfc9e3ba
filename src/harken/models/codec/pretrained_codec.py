"""What codecs of transformers share: opened from a folder of safetensors, identity, arrays."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from harken.errors import ModelError
from harken.models.codec.base import AudioTokenizer, Codes
from harken.models.engine.features import Array
from harken.models.pretrained import find_folder, open_weights
from harken.models.saved_module import state_hash


class PretrainedCodec(AudioTokenizer):
    """A codec of transformers.

    Attributes:
        model: of transformers, with its weights.
    """

    def __init__(self, model: Any, name: str = "") -> None:
        self.model, self.name = model.eval(), name or type(self).name
        self.rate_hz = self._rate()
        self.hop, self.codebooks, self.size = self._sizes()

    @classmethod
    def open(cls, target: str) -> Self:
        """From a folder or hub id.

        Raises:
            ModelError: it is not found, or has no weights of this class as safetensors.
        """
        folder = find_folder(target)
        try:
            return cls(open_weights(cls.model_class(), folder), f"{cls.name}:{target}")
        except ModelError:
            raise
        except Exception as error:  # transformers raises errors of many kinds
            raise ModelError(
                f"no {cls.name} codec could be loaded ({type(error).__name__}: {str(error)[:200]})",
                where=str(folder),
                hint=f"Name a folder of the class {cls.model_class().__name__}.",
            ) from error

    @classmethod
    @abstractmethod
    def model_class(cls) -> Any:
        """The class of transformers."""

    def _rate(self) -> int:
        """Sampling rate."""
        return int(self.model.config.sampling_rate)

    @abstractmethod
    def _sizes(self) -> tuple[int, int, int]:
        """Samples of a frame, codebooks, entries."""

    @abstractmethod
    def _codes(self, waves: Tensor, codebooks: int) -> Tensor:
        """(1, 1, n) -> (codebooks, frames)."""

    @abstractmethod
    def _waves(self, codes: Tensor) -> Tensor:
        """(1, codebooks, frames) -> samples, of any shape with n last."""

    def identity(self) -> str:
        """Hash of configuration and weights."""
        config = {
            key: value
            for key, value in self.model.config.to_dict().items()
            if not key.startswith("_") and key not in ("transformers_version", "dtype")
        }
        return state_hash({"codec": type(self).name, "config": config}, self.model.state_dict())

    @torch.no_grad()
    def _encode(self, samples: Array, codebooks: int) -> Codes:
        waves = torch.from_numpy(np.ascontiguousarray(samples))[None, None]
        return np.asarray(self._codes(waves, codebooks).numpy())

    @torch.no_grad()
    def _decode(self, codes: Codes) -> Array:
        return np.asarray(self._waves(torch.from_numpy(codes)[None]).reshape(-1).float().numpy())
