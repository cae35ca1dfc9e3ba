"""WavTokenizer (Ji et al. 2024, arXiv 2408.16532): one codebook, 40 or 75 frames a second.

From a folder of ``config.json`` and safetensors in transformers' layout, such as
``swiss-ai/wavtokenizer-large-unify-40token``. The authors' own files are pickles, which are not
read; their tensors' names are known, so a folder of them as safetensors is opened too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from harken.errors import ModelError
from harken.models.codec.base import AudioTokenizer, Codes
from harken.models.codec.wavtokenizer_net import WavTokenizerConfig, WavTokenizerNet, own_names
from harken.models.engine.features import Array
from harken.models.pretrained import check_folder, find_folder
from harken.models.saved_module import state_hash
from harken.parsing import load_json


class WavTokenizerCodec(AudioTokenizer):
    """WavTokenizer at 24 kHz with a codebook of 4,096 entries; not causal.

    Attributes:
        net: with its weights.
    """

    name = "wavtokenizer"
    about = "WavTokenizer, one codebook, from safetensors in transformers' layout"

    def __init__(self, net: WavTokenizerNet, name: str = "") -> None:
        self.net, self.name = net.eval(), name or type(self).name
        self.rate_hz, self.hop = net.config.sampling_rate, net.config.hop
        self.codebooks, self.size = 1, net.config.codebook_size

    @classmethod
    def open(cls, target: str) -> Self:
        """From a folder or hub id.

        Raises:
            ModelError: it is not found, has no safetensors, or other tensors than a WavTokenizer.
        """
        folder = find_folder(target)
        check_folder(folder)
        try:
            net = WavTokenizerNet(WavTokenizerConfig.of(load_json(folder / "config.json")))
            net.load_state_dict(own_names(_tensors(folder)))
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"this WavTokenizer cannot be opened: {' '.join(str(error).split())[:300]}",
                where=str(folder),
                hint="Name a folder with config.json and safetensors in transformers' layout.",
            ) from error
        return cls(net, f"{cls.name}:{target}")

    def identity(self) -> str:
        """Hash of configuration and weights."""
        config: dict[str, Any] = {"codec": type(self).name, "config": self.net.config.values()}
        return state_hash(config, self.net.state_dict())

    @torch.no_grad()
    def _encode(self, samples: Array, codebooks: int) -> Codes:
        waves = torch.from_numpy(np.ascontiguousarray(samples))[None, None]
        return np.asarray(self.net.encode(waves)[:codebooks].numpy())

    @torch.no_grad()
    def _decode(self, codes: Codes) -> Array:
        return np.asarray(self.net.decode(torch.from_numpy(codes)).reshape(-1).float().numpy())


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder in float32."""
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= {name: tensor.float() for name, tensor in load_file(path).items()}
    return found
