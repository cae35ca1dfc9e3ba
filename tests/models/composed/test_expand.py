"""Block expansion: new layers and places change nothing at first."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.audio.clip import noise
from harken.errors import ModelError
from harken.item import Item
from harken.models.composed.build import build_net
from harken.models.composed.expand import expanded
from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.registry import PROJECTORS, timed_projectors
from harken.models.engine.lora_settings import parse_lora
from tiny_audio import mini

ITEM = Item("How often is the dog heard?", "2", ("1", "2"), (noise(1.0, 3),))


def test_new_layers_and_times_change_nothing(tmp_path: Path) -> None:
    model = mini(3)
    deep = expanded(model, 5, 16)
    assert deep.net.lm.config.num_hidden_layers == 5 and len(deep.net.lm.model.layers) == 5
    assert model.net.lm.config.num_hidden_layers == 2, "a copy"
    prompt = make_prompt(ITEM, model.style)
    before, after = (one.choice_logprobs([prompt])[0] for one in (model, deep))
    torch.testing.assert_close(torch.tensor(after), torch.tensor(before), atol=1e-5, rtol=0)
    deep.save(tmp_path / "deep")
    opened = ComposedModel.load(tmp_path / "deep")
    assert opened.identity() == deep.identity()
    own = [torch.count_nonzero(layer.self_attn.o_proj.weight) for layer in deep.net.lm.model.layers]
    assert [bool(count) for count in own] == [True, False, False, True, False]


def test_trained_places_are_kept() -> None:
    deep = expanded(mini(3), 2, 16)
    assert deep.net.projector.times is not None
    torch.nn.init.ones_(deep.net.projector.times.weight)
    again = expanded(deep, 3)
    assert again.net.projector.times is not None
    assert torch.equal(again.net.projector.times.weight, deep.net.projector.times.weight)


def test_biases_of_new_layers_are_silent_too() -> None:
    model = mini(3)
    config = deepcopy(dict(model.config))
    config["lm"]["config"] |= {"attention_bias": True, "mlp_bias": True}
    torch.manual_seed(0)
    net = build_net(config)
    for name, own in net.named_parameters():
        if name.endswith("proj.bias"):
            torch.nn.init.normal_(own, std=0.3)
    biased = ComposedModel(net, model.tokenizer, config).to("", "bfloat16")
    deep = expanded(biased, 4)
    assert deep.net.audio_encoder.dtype == torch.bfloat16
    prompt = make_prompt(ITEM, model.style)
    before, after = (one.choice_logprobs([prompt])[0] for one in (biased, deep))
    assert after == before


def test_what_cannot_be_expanded_is_told() -> None:
    with pytest.raises(ModelError, match="has 2 layers, and 1 are asked for"):
        expanded(mini(3), 1)
    with pytest.raises(ModelError, match="has 8 times, not 16"):
        expanded(expanded(mini(3), 3, 8), 4, 16)
    model = mini(3)
    model.add_adapters(parse_lora(["lm:2"]))
    with pytest.raises(ModelError, match="without adapters"):
        expanded(model, 4)


def test_times_are_refused_where_the_projector_would_not_use_them() -> None:
    """Such a table would be saved and trained without a gradient, and never added."""
    model = mini(3)
    model.config = {**model.config, "projector": {"kind": "window-qformer"}}
    with pytest.raises(ModelError, match=r"window-qformer has no embedding of times.*mlp.*merging"):
        expanded(model, 3, 16)


@pytest.mark.parametrize("name", timed_projectors())
def test_every_projector_with_times_adds_them(name: str) -> None:
    projector = PROJECTORS.get(name).build(6, 4, {"pool": 2, "times": 3, "keep": 1.0})
    frames = torch.randn(1, 8, 6)
    before = projector.project(frames, [8])
    assert projector.times is not None
    torch.nn.init.ones_(projector.times.weight)
    torch.testing.assert_close(projector.project(frames, [8]), before + 1)
