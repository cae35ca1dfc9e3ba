"""``causal:TARGET``: a plain language model of transformers, asked without audio.

``causal:HuggingFaceTB/SmolLM2-135M-Instruct`` or ``causal:FOLDER?choices=text&device=cuda``: the
text-only control of an audio-language model, a voter of `harken curate` that can read, a writer of
`harken write`, and the reader of a cascade. It runs in the engine of composed models, so one prompt
under all rotations, and all its choices, share their prefixes; the encoder that such a model has is
a small one with fresh weights, and is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harken.errors import ConfigError, MissingExtra
from harken.models.base import Model, score_choices_by
from harken.models.target import read_target


@dataclass(frozen=True, slots=True)
class CausalSettings:
    """How a language model is opened and asked.

    Attributes:
        device: ``cpu``, ``cuda``, ``cuda:1``, ….
        dtype: ``float32``, ``bfloat16``, ``float16``; as saved if empty.
        chat: ``auto`` (the chat template of its folder, if it has one), ``chatml``, ``none``, or a
            jinja file.
        choices: how choices are named and scored: ``letter``, or ``text``, as small models need,
            which bind letters to options poorly.
    """

    device: str = "cpu"
    dtype: str = ""
    chat: str = "auto"
    choices: str = "letter"


def build(target: str, **options: Any) -> Model:
    """The language model at `target`, a folder or a repository id on the Hugging Face Hub.

    Args:
        target: a folder or an id, and ``?settings``.
        options: settings (`CausalSettings`), which override those of the target.

    Raises:
        ConfigError: no target, or a setting that is wrong.
        MissingExtra: transformers is not installed.
        ModelError: there is no such model, or it cannot be opened.
    """
    name, settings = read_target("causal", target, CausalSettings, options)
    if settings.choices not in ("letter", "text"):
        raise ConfigError(f"choices is {settings.choices!r}", hint="Use letter or text.")
    try:
        import torch

        from harken.models.composed.encoders.registry import build_encoder
        from harken.models.composed.model import compose_pretrained
        from harken.models.composed.presets import PRESETS, encoder_config
    except ImportError as error:
        raise MissingExtra(str(error.name or "transformers"), "models") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = build_encoder(encoder_config(PRESETS["harken-mini"]))
    model = compose_pretrained(
        encoder, name, chat=settings.chat, projector="linear", name=f"causal:{name}"
    )
    model.to(settings.device if settings.device != "cpu" else "", settings.dtype)
    model.max_clips = 0
    return score_choices_by(model, settings.choices)
