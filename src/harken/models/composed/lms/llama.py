"""llama: a small Llama for presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harken.models.composed.lms.base import LanguageModel, common_config

if TYPE_CHECKING:
    from harken.models.composed.shape import PresetShape


class Llama(LanguageModel):
    """Llama (arXiv 2302.13971)."""

    name = "llama"
    about = "Llama; the language model of harken-tiny"

    @classmethod
    def preset(
        cls, shape: PresetShape, vocabulary: int, special: Mapping[str, int]
    ) -> dict[str, Any]:
        """See `LanguageModel.preset`."""
        common = common_config(shape, vocabulary, special, shape.layers)
        return {"model_type": "llama", **common}
