"""A model of one channel gets an encoder that hears directions: at first nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip, Part, ScenePlan, noise
from harken.audio.space.place import Place
from harken.errors import ConfigError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.models.composed.with_directions import with_directions
from tiny_audio import mini


def heard(azimuth: float, layout: str) -> Clip:
    """The same noise from a direction."""
    part = Part(noise(0.5, 3), path=(Place(azimuth, 0.0, 1.0),))
    plan = ScenePlan((part,), 0.5, gain_db=-6.0, layout=layout)
    return Clip("plan", duration_s=0.5, plan=plan)


def choices(model: ComposedModel, clip: Clip) -> torch.Tensor:
    item = Item("Where is it?", "left", ("left", "right"), (clip,))
    (found,) = model.choice_logprobs([make_prompt(item, model.style)])
    assert found is not None
    return torch.tensor(found)


def test_sounds_are_heard_as_before_and_directions_change_nothing_yet(tmp_path: Path) -> None:
    plain = mini(3)
    spatial = with_directions(plain)
    near = {"atol": 1e-5, "rtol": 0.0}
    mono = heard(90, "mono")
    torch.testing.assert_close(choices(spatial, mono), choices(plain, mono), **near)
    left, right = (choices(spatial, heard(azimuth, "foa")) for azimuth in (90, -90))
    torch.testing.assert_close(left, right, **near)
    spatial.save(tmp_path / "model")
    assert ComposedModel.load(tmp_path / "model").identity() == spatial.identity()


def test_the_new_planes_can_be_trained() -> None:
    spatial = with_directions(mini(3))
    with torch.no_grad():
        convolution = spatial.net.audio_encoder.encoder.embedder.embedder.convolution
        convolution.weight[:, 2] += 0.5
    left, right = (choices(spatial, heard(azimuth, "foa")) for azimuth in (90, -90))
    assert not torch.allclose(left, right, atol=1e-4)


def test_only_a_plain_resnet_without_adapters_is_taken() -> None:
    spatial = with_directions(mini(3))
    with pytest.raises(ConfigError, match="is spatial"):
        with_directions(spatial)
    adapted = mini(3)
    adapted.add_lora(2, 4, ("q_proj",), group="lm")
    with pytest.raises(ConfigError, match="has adapters"):
        with_directions(adapted)
