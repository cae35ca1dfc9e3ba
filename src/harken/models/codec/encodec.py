"""EnCodec of transformers (Défossez et al. 2022, arXiv 2210.13438), mono."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from harken.errors import ModelError
from harken.models.codec.pretrained_codec import PretrainedCodec


class EncodecTokenizer(PretrainedCodec):
    """EnCodec at 24 kHz; with fewer codebooks than its bandwidth has, the first ones are used."""

    name = "encodec"
    about = "EnCodec of transformers, mono without normalisation (encodec_24khz)"

    @classmethod
    def model_class(cls) -> Any:
        """The class of transformers."""
        from transformers import EncodecModel

        return EncodecModel

    def _sizes(self) -> tuple[int, int, int]:
        """The codebooks are those of the largest bandwidth.

        Raises:
            ModelError: a stereo or normalising model, whose codes are not all of the sound.
        """
        config = self.model.config
        if config.audio_channels != 1 or config.normalize or config.chunk_length_s:
            raise ModelError(
                "this EnCodec works on stereo or normalised chunks: its codes need scales beside "
                "them",
                hint="Use the mono model at 24 kHz.",
            )
        most = self.model.quantizer.get_num_quantizers_for_bandwidth(config.target_bandwidths[-1])
        return int(config.hop_length), int(most), int(config.codebook_size)

    def _codes(self, waves: Tensor, codebooks: int) -> Tensor:
        made = self.model.encode(waves, bandwidth=self.model.config.target_bandwidths[-1])
        found: Tensor = made.audio_codes[0, 0, :codebooks]
        return found

    def _waves(self, codes: Tensor) -> Tensor:
        found: Tensor = self.model.decode(codes[None], [None]).audio_values
        return found
