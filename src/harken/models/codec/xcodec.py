"""X-Codec of transformers (Ye et al. 2024, arXiv 2408.17175)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from harken.models.codec.pretrained_codec import PretrainedCodec


class XcodecTokenizer(PretrainedCodec):
    """X-Codec at 16 kHz, 50 frames a second; frames of a HuBERT go into its codes too."""

    name = "xcodec"
    about = "X-Codec of transformers"

    @classmethod
    def model_class(cls) -> Any:
        """The class of transformers."""
        from transformers import XcodecModel

        return XcodecModel

    def _rate(self) -> int:
        return int(self.model.config.sample_rate)

    def _sizes(self) -> tuple[int, int, int]:
        """The codebooks are those of the largest bandwidth."""
        config = self.model.config
        return int(config.hop_length), int(config.num_quantizers), int(config.codebook_size)

    def _codes(self, waves: Tensor, codebooks: int) -> Tensor:
        made = self.model.encode(waves, bandwidth=self.model.config.target_bandwidths[-1])
        found: Tensor = made.audio_codes[0, :codebooks]
        return found

    def _waves(self, codes: Tensor) -> Tensor:
        found: Tensor = self.model.decode(codes).audio_values
        return found
