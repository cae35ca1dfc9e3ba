"""causal: any causal language model of transformers."""

from __future__ import annotations

from harken.models.composed.lms.base import LanguageModel


class CausalLanguageModel(LanguageModel):
    """``AutoModelForCausalLM``, from a folder or a configuration."""

    name = "causal"
    about = "any causal language model of transformers"
