"""apertus: a small Apertus for presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harken.models.composed.lms.base import LanguageModel, common_config

if TYPE_CHECKING:
    from harken.models.composed.shape import PresetShape


class Apertus(LanguageModel):
    """Apertus (arXiv 2509.14233): normalised queries and keys, an MLP of two layers with xIELU."""

    name = "apertus"
    about = "Apertus; the decoder of Apertus 1.5"

    @classmethod
    def preset(
        cls, shape: PresetShape, vocabulary: int, special: Mapping[str, int]
    ) -> dict[str, Any]:
        """See `LanguageModel.preset`."""
        common = common_config(shape, vocabulary, special, shape.layers)
        return {"model_type": "apertus", **common}
