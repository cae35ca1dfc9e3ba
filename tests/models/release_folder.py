"""A tiny release: a composed model of random parts, saved as harken-small will be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from chat_parts import encoder_folder, lm_folder

from harken.models.composed.model import ComposedModel, compose_pretrained
from harken.models.composed.release import release_model
from harken.models.pretrained import WEIGHTS

CARD = """---
license: apache-2.0
summary: a model for tests, which knows nothing
---
# {name}
"""
BASES = {"audio_encoder": "tests/tiny-encoder", "lm": "tests/tiny-lm"}


def shelf(root: Path) -> Path:
    """A folder as HARKEN_WEIGHTS names it, with both parts under their names on the hub."""
    encoder_folder(root / "tiny-encoder")
    lm_folder(root / "tiny-lm", rows=4)
    return root


def trained(root: Path, weights: Path, **options: object) -> ComposedModel:
    """A model of the parts on the shelf with a changed projector, saved in ``root/model``."""
    given = {"pool": 5, "lora": "lm:2", "name": "of-tests", **options}
    model = compose_pretrained(
        f"{weights / 'tiny-encoder'}?own_length=true&layers=all", weights / "tiny-lm", **given
    )
    with torch.no_grad():
        torch.manual_seed(3)
        for name, parameter in model.net.named_parameters():
            if name.startswith("projector.") or "lora_" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save(root / "model")
    return model


def card(root: Path, name: str = "a model") -> Path:
    path = root / "card.md"
    path.write_text(CARD.format(name=name))
    return path


def released(root: Path, weights: Path, name: str, **options: object) -> Path:
    """``root/releases``, with the release `name`."""
    trained(root, weights, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WEIGHTS, str(weights))
        patch.setenv("HF_HUB_OFFLINE", "1")
        release_model(str(root / "model"), name, root / "releases", card(root), BASES)
    return root / "releases"
