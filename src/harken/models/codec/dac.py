"""DAC of transformers (Kumar et al. 2023, arXiv 2306.06546)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from harken.models.codec.pretrained_codec import PretrainedCodec


class DacTokenizer(PretrainedCodec):
    """The Descript Audio Codec at 16, 24 or 44.1 kHz."""

    name = "dac"
    about = "the Descript Audio Codec of transformers"

    @classmethod
    def model_class(cls) -> Any:
        """The class of transformers."""
        from transformers import DacModel

        return DacModel

    def _sizes(self) -> tuple[int, int, int]:
        config = self.model.config
        return int(config.hop_length), int(config.n_codebooks), int(config.codebook_size)

    def _codes(self, waves: Tensor, codebooks: int) -> Tensor:
        found: Tensor = self.model.encode(waves).audio_codes[0, :codebooks]
        return found

    def _waves(self, codes: Tensor) -> Tensor:
        found: Tensor = self.model.decode(audio_codes=codes).audio_values
        return found
