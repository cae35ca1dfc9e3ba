"""The interface of a language model: how it is built, opened, and sized for a preset.

One file for each language model: a subclass of `LanguageModel` in
`harken.models.composed.lms.registry.LMS`. ``causal`` serves every causal language model of
transformers; the others add the configuration of a small one for presets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harken.errors import ModelError
from harken.models.composed.transformers_parts import config_of, open_part
from harken.models.pretrained import build_model

if TYPE_CHECKING:
    from harken.models.composed.shape import PresetShape


class LanguageModel:
    """Any causal language model of transformers, or a class with its interface.

    Attributes:
        name: in the registry; `about`: one sentence.
    """

    name: ClassVar[str] = ""
    about: ClassVar[str] = ""

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Any:
        """With fresh weights, from ``settings["config"]``."""
        from transformers import AutoModelForCausalLM

        return build_model(AutoModelForCausalLM, config_of(settings["config"]))

    @classmethod
    def open(cls, folder: Path) -> Any:
        """With pretrained weights in float32, from a local folder."""
        from transformers import AutoModelForCausalLM

        return open_part(AutoModelForCausalLM, folder)

    @classmethod
    def preset(
        cls, shape: PresetShape, vocabulary: int, special: Mapping[str, int]
    ) -> dict[str, Any]:
        """The configuration of a small model.

        Args:
            shape: its sizes.
            vocabulary: number of ids of the tokenizer.
            special: special token -> id.

        Raises:
            ModelError: this kind has no small configuration.
        """
        raise ModelError(f"a preset cannot be made with the language model {cls.name!r}")


def common_config(
    shape: PresetShape, vocabulary: int, special: Mapping[str, int], layers: int
) -> dict[str, Any]:
    """The configuration values that the language models of all presets share."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "num_hidden_layers": layers,
        "max_position_embeddings": shape.context,
        "tie_word_embeddings": True,
        "initializer_range": shape.init,
        "pad_token_id": special["<pad>"],
        "bos_token_id": special["<bos>"],
        "eos_token_id": special["<eos>"],
    }
