"""Training of a contrastive audio-text model on clips and captions.

See `harken.models.contrastive.loss` for the loss. A batch has drawn pairs; with hard negatives the
captions that state the same sounds wrongly are further texts for their own clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import Clip
from harken.errors import ConfigError, DataError
from harken.models.contrastive.loss import contrastive_loss, same_caption
from harken.models.contrastive.model import ContrastiveModel
from harken.runs import Run
from harken.train.module_loop import ModuleSettings, train_module


@dataclass(frozen=True, slots=True)
class CaptionedClip:
    """A clip and what is true and false of it.

    Attributes:
        clip: what is heard.
        captions: true texts, one of which is drawn each time.
        negatives: texts of the same words that are false.
    """

    clip: Clip
    captions: tuple[str, ...]
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClapTraining(ModuleSettings):
    """Settings of the training.

    Attributes:
        dim: of the common space.
        hard_negatives: most false captions of a pair that are used; 0: none (CLAP); more: CompA.
        stretches: of the audio tower (`harken.models.contrastive.model`).
    """

    name: str = "clap"
    steps: int = 400
    batch: int = 32
    lr: float = 2e-3
    decay: float = 0.01
    dim: int = 128
    hard_negatives: int = 0
    stretches: int = 1

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = super(ClapTraining, self).faults()
        more = [("dim", 1), ("hard_negatives", 0), ("stretches", 1)]
        return [*found, *(self.fault(name, least) for name, least in more)]


def train_clap(
    model: ContrastiveModel, pairs: Sequence[CaptionedClip], settings: ClapTraining, run: Run
) -> None:
    """Train the heads, and an audio encoder from fresh weights, in place.

    Args:
        model: trained.
        pairs: the clips and their captions.
        settings: of the training.
        run: gets metrics and checkpoints; a run that was killed goes on.

    Raises:
        DataError: fewer than two clips, or hard negatives where no clip has any.
        ConfigError: hard negatives that the text tower cannot tell from true captions.
        RunError: see `train_module`.
    """
    if len(pairs) < 2:
        raise DataError("fewer than two clips have a caption", hint="Name a labelled corpus.")
    if settings.hard_negatives and not any(pair.negatives for pair in pairs):
        raise DataError(
            "no clip has a caption that could be false in order or side",
            hint="Train on scenes with several sounds (harken scene), or leave hard_negatives out.",
        )
    if settings.hard_negatives:
        _require_told_apart(model, pairs)

    # What a frozen encoder makes of the clips is looked up once.
    frozen = None if model.base is None else model.pooled([pair.clip for pair in pairs])

    def loss_of(step: int) -> tuple[Tensor, dict[str, Any]]:
        rng = np.random.default_rng([settings.seed, 43, step])
        chosen = rng.choice(len(pairs), min(settings.batch, len(pairs)), replace=False)
        own = [pairs[int(i)] for i in chosen]
        captions = [pair.captions[int(rng.integers(len(pair.captions)))] for pair in own]
        text = model.text_vectors(captions)
        if frozen is None:
            audio = model.audio_vectors([pair.clip for pair in own])
        else:
            audio = model.project(frozen[torch.from_numpy(chosen)])
        hard, real = _hard(model, own, settings.hard_negatives, rng)
        loss = contrastive_loss(audio, text, model.net.scale, same_caption(captions), hard, real)
        return loss, {"scale": float(model.net.scale.detach())}

    train_module(model.net, settings, run, loss_of)


def _require_told_apart(model: ContrastiveModel, pairs: Sequence[CaptionedClip]) -> None:
    """Raise ConfigError if the text tower has one vector for true and false captions."""
    pair = next(pair for pair in pairs if pair.negatives)
    true, false = model.text_inputs([pair.captions[0], pair.negatives[0]])
    if torch.allclose(true, false, atol=1e-6):
        raise ConfigError(
            f"the text tower {model.text_tower} gives false captions the vectors of the true ones "
            f"({pair.captions[0]!r}, {pair.negatives[0]!r})",
            hint="Use a sentence encoder, such as --text hf:minilm-l6.",
        )


def _hard(
    model: ContrastiveModel, pairs: Sequence[CaptionedClip], most: int, rng: np.random.Generator
) -> tuple[Tensor | None, Tensor | None]:
    """Vectors (B, M, D) of drawn false captions, and which of them are there (B, M)."""
    if not most:
        return None, None
    drawn = [
        [pair.negatives[int(i)] for i in rng.permutation(len(pair.negatives))[:most]]
        for pair in pairs
    ]
    width = max(map(len, drawn))
    if not width:
        return None, None
    texts = [text for own in drawn for text in [*own, *[pairs[0].captions[0]] * (width - len(own))]]
    real = torch.tensor([[i < len(own) for i in range(width)] for own in drawn])
    return model.text_vectors(texts).reshape(len(pairs), width, -1), real
