"""What cannot get a memory."""

from __future__ import annotations

import pytest

from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.memory import MemoryProjector
from harken.models.composed.with_memory import with_memory


def test_the_projector_of_the_model_becomes_the_inner_one() -> None:
    plain = ComposedModel.preset("harken-mini", ["what is heard"])
    made = with_memory(plain, "memory?segments=8")
    assert isinstance(made.net.projector, MemoryProjector)
    outer = made.config["projector"]
    assert (outer["kind"], outer["segments"], "clip_numbers" in outer["inner"]) == (
        "memory", 8, False,
    )  # fmt: skip
    assert plain.config["projector"].get("kind") != "memory"
    with pytest.raises(ConfigError, match="memory cannot be the inner one"):
        with_memory(made)


def test_another_projector_is_no_memory() -> None:
    with pytest.raises(ConfigError, match="mlp is no memory"):
        with_memory(ComposedModel.preset("harken-mini", ["what is heard"]), "mlp")
