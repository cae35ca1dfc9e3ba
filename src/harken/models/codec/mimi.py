"""Mimi of transformers (Défossez et al. 2024, arXiv 2410.00037)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from harken.models.codec.pretrained_codec import PretrainedCodec


class MimiTokenizer(PretrainedCodec):
    """Mimi at 24 kHz, 12.5 frames a second; its first codebook is a semantic one."""

    name = "mimi"
    about = "Mimi of transformers"

    @classmethod
    def model_class(cls) -> Any:
        """The class of transformers."""
        from transformers import MimiModel

        return MimiModel

    def _sizes(self) -> tuple[int, int, int]:
        config = self.model.config
        hop = config.sampling_rate / config.frame_rate
        return round(hop), int(config.num_quantizers), int(config.codebook_size)

    def _codes(self, waves: Tensor, codebooks: int) -> Tensor:
        made = self.model.encode(waves, num_quantizers=codebooks)
        found: Tensor = made.audio_codes[0]
        return found

    def _waves(self, codes: Tensor) -> Tensor:
        found: Tensor = self.model.decode(codes).audio_values
        return found
