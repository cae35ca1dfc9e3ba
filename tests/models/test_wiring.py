"""The wiring of models of every kind: parts, numbers of parameters, tokens a second."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_qwen2_audio
from opened import open_both

from harken.audio.clip import silence
from harken.models.composed.model import ComposedModel
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.composed.systems.tiny import tiny_model
from harken.models.engine.net import set_trainable
from harken.models.wiring import wiring
from tiny_audio import TEXTS, mini


@pytest.mark.parametrize("name", ["harken-mini", "salmonn"])
def test_a_composed_model(name: str) -> None:
    model: ComposedModel = mini() if name == "harken-mini" else tiny_model(SYSTEMS.get(name), TEXTS)
    set_trainable(model.net, ("projector",))
    found = wiring(model)
    total = sum(p.numel() for p in model.net.parameters())
    assert found["total"] == total == sum(part["total"] for part in found["parts"])
    assert found["frozen"] == ["audio_encoder", "lm"]
    (projector,) = (part for part in found["parts"] if part["group"] == "projector")
    assert found["trained"] == projector["trained"] == projector["total"]
    seconds = min(10.0, model.net.audio_encoder.limit_s)
    assert found["tokens_s"] == model.load_audio(silence(seconds)).tokens / seconds


def test_two_encoders_are_two_parts() -> None:
    found = wiring(tiny_model(SYSTEMS.get("salmonn"), TEXTS))
    encoders = [part["title"] for part in found["parts"] if part["group"] == "audio_encoder"]
    assert encoders == ["whisper", "beats"] and found["layers"] == []


def test_layers_that_get_audio_are_told() -> None:
    assert wiring(tiny_model(SYSTEMS.get("moss-audio"), TEXTS))["layers"] == [1]
    assert wiring(tiny_model(SYSTEMS.get("audio-flamingo-1"), TEXTS))["layers"] == [0, 1, 2, 3]


def test_a_native_model(tmp_path: Path) -> None:
    model = open_both(tiny_qwen2_audio.TINY, tmp_path).model
    found = wiring(model)
    assert [part["group"] for part in found["parts"]] == ["audio_encoder", "projector", "lm"]
    assert found["total"] == sum(part["total"] for part in found["parts"]) > 0
    assert found["tokens_s"] == pytest.approx(25, abs=2)
