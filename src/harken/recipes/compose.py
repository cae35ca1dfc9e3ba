"""compose: an audio encoder, a new projector and a language model as one saved model.

Run:  harken compose --encoder whisper-base --lm smollm2-135m-instruct -o model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, RunError
from harken.models.base import MODEL_FILE, PromptStyle
from harken.models.composed.model import compose_pretrained
from harken.models.composed.projectors.registry import PROJECTORS
from harken.models.engine.lora_settings import parse_lora
from harken.models.engine.net import GROUPS

POOL = 4
"""Encoder frames in one audio token, if nothing is said."""

CHOICES: Mapping[str, PromptStyle] = {
    "letters": PromptStyle(),
    "text": PromptStyle(letters=False, hide_implied=True),
}
"""How the options of a question are listed: with letters, one of which is the answer, or bare; the
answer is an option's text then, which small language models manage better."""


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How the prompts of a composed model are written.

    Attributes:
        chat: the prompt format; see `compose_pretrained`.
        choices: how options are listed, one of `CHOICES`.

    Raises:
        ConfigError: another way to list options.
    """

    chat: str = "auto"
    choices: str = "letters"

    def __post_init__(self) -> None:
        """Refuse what is not in `CHOICES`."""
        if self.choices not in CHOICES:
            raise ConfigError(f"choices is {self.choices!r} (accepted: {', '.join(CHOICES)})")


def compose_model(
    encoder: str,
    lm: str,
    out: Path,
    *,
    projector: str = "mlp",
    pool: int | None = None,
    lora: Sequence[str] = (),
    prompts: PromptFormat = PromptFormat(),
    copy_bases: bool = False,
    name: str = "",
    seed: int = 0,
) -> dict[str, Any]:
    """Compose the parts and save the model in `out`; returns its parameter counts by group.

    Args:
        encoder: folders of pretrained weights or registered names; see `open_encoder`.
        lm: folder of a causal language model with its tokenizer.
        out: folder of the new model.
        projector: a registered projector's name, with settings; its weights are initialised with
            `seed`.
        pool: encoder frames in one audio token; None: 4, where the projector has this setting.
        lora: adapters by module group, each as ``lm:16`` (`harken.models.engine.lora_settings`).
        prompts: how they are written.
        copy_bases: see `compose_pretrained`.
        name: of the model; the folder's if empty.
        seed: see projector.

    Raises:
        RunError: the folder has a model already.
        ModelError: a part that cannot be opened or composed.
        ConfigError: an unknown encoder or projector, adapters that make no sense, or a pool that
            would be ignored.
    """
    parse_lora(lora)
    if pool is not None:
        _require_pool(pool, projector)
    if (out / MODEL_FILE).exists():
        raise RunError(
            "the folder has a model already", where=str(out), hint="Choose another --out."
        )
    model = compose_pretrained(
        encoder,
        lm,
        lora=";".join(lora),
        chat=prompts.chat,
        style=CHOICES[prompts.choices],
        copy_bases=copy_bases,
        projector=projector,
        pool=POOL if pool is None else pool,
        name=name or out.name,
        seed=seed,
    )
    model.save(out)
    counts = {
        group: sum(p.numel() for p in getattr(model.net, group).parameters()) for group in GROUPS
    }
    return {"model": str(out), "identity": model.identity(), "parameters": counts}


def _require_pool(pool: int, projector: str) -> None:
    kind, _, settings = projector.partition("?")
    if "pool" not in PROJECTORS.get(kind).options:
        raise ConfigError(f"the projector {kind} has no pool", hint="Leave --pool out.")
    if any(pair.startswith("pool=") for pair in settings.split("&")):
        raise ConfigError(f"--pool is {pool}, and --projector has a pool too", hint="Give one.")
