"""qwen3: a small Qwen3 for presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harken.models.composed.lms.base import LanguageModel, common_config

if TYPE_CHECKING:
    from harken.models.composed.shape import PresetShape


class Qwen3(LanguageModel):
    """Qwen3 (arXiv 2505.09388)."""

    name = "qwen3"
    about = "Qwen3: normalised queries and keys"

    @classmethod
    def preset(
        cls, shape: PresetShape, vocabulary: int, special: Mapping[str, int]
    ) -> dict[str, Any]:
        """See `LanguageModel.preset`."""
        common = common_config(shape, vocabulary, special, shape.layers)
        return {"model_type": "qwen3", **common, "head_dim": shape.width // shape.heads}
