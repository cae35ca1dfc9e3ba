"""lfm2: a small LFM2 for presets, with convolution and attention layers in any order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harken.models.composed.lms.base import LanguageModel, common_config

if TYPE_CHECKING:
    from harken.models.composed.shape import PresetShape

_LAYERS = {"c": "conv", "a": "full_attention"}


class Lfm2(LanguageModel):
    """LFM2: ``lm="lfm2-cca"`` is two convolution layers and one attention layer."""

    name = "lfm2"
    about = "LFM2: short convolutions between attention layers"

    @classmethod
    def preset(
        cls, shape: PresetShape, vocabulary: int, special: Mapping[str, int]
    ) -> dict[str, Any]:
        """See `LanguageModel.preset`."""
        letters = shape.lm.partition("-")[2]
        return {
            "model_type": "lfm2",
            **common_config(shape, vocabulary, special, len(letters) or shape.layers),
            "layer_types": [_LAYERS[letter] for letter in letters],
            "block_auto_adjust_ff_dim": False,
            "conv_L_cache": 3,
        }
