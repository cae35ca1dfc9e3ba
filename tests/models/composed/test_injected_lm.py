"""Audio in the layers of a language model: what a fresh model says, and where audio arrives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.cross_attention import GatedCrossAttention
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.composed.systems.tiny import tiny_model
from tiny_audio import TEXTS, alike, named


@pytest.fixture(scope="module")
def flamingo() -> ComposedModel:
    return tiny_model(SYSTEMS.get("audio-flamingo-2"), TEXTS)


@pytest.fixture(scope="module")
def deepstack() -> ComposedModel:
    return tiny_model(SYSTEMS.get("moss-audio"), TEXTS)


def test_with_closed_gates_the_language_model_is_unchanged(
    flamingo: ComposedModel, tmp_path: Path
) -> None:
    """The logits of the answer are those of the language model that reads the words alone."""
    item = alike(tmp_path, "noise", "low tone")
    line = flamingo.tokenize(make_prompt(item, flamingo.style), item.answer)
    lm: Any = flamingo.net.lm._held[0]
    with torch.no_grad():
        found, ids, _ = flamingo.engine.answer_logits([line])
        words = [i for i in line.ids if i != flamingo.tokenizer.audio]
        expected = lm(input_ids=torch.tensor([words])).logits[0, -len(ids) - 1 : -1]
    assert len(words) < len(line.ids)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_gates_get_a_gradient_and_open(flamingo: ComposedModel, tmp_path: Path) -> None:
    prompt = make_prompt(named(tmp_path, "noise"), flamingo.style)
    flamingo.logprobs([prompt], ["noise"]).sum().backward()  # type: ignore[no-untyped-call]
    blocks = [m for m in flamingo.net.projector.modules() if isinstance(m, GatedCrossAttention)]
    assert len(blocks) == 4
    assert all(block.gate.grad is not None and block.gate.grad.abs() > 0 for block in blocks)
    flamingo.net.zero_grad()


def test_words_do_not_hear_what_comes_after_them() -> None:
    torch.manual_seed(0)
    block = GatedCrossAttention(8, 6, 2)
    nn.init.constant_(block.gate, 1.0)
    hidden, audio = torch.randn(1, 3, 8), torch.randn(1, 4, 6)
    allowed = torch.tensor([[[False] * 4, [True, True, False, False], [True] * 4]])
    with torch.no_grad():
        found = block(hidden, audio, allowed)
        changed = audio.clone()
        changed[0, 2:] = 9.0
        again = block(hidden, changed, allowed)
        deaf = block(hidden, audio[:, :0], allowed[..., :0])
    torch.testing.assert_close(found[0, :2], again[0, :2])
    assert (found[0, 2] - again[0, 2]).abs().max() > 1e-3
    torch.testing.assert_close(found[0, 0], deaf[0, 0])  # nothing before it: as without audio


def test_deepstack_adds_to_audio_tokens_before_its_layers(
    deepstack: ComposedModel, tmp_path: Path
) -> None:
    """What comes out of layer 0 is the same; what layer 1 makes of it moves at audio tokens on."""
    projector: Any = deepstack.net.projector
    assert [*projector.layers] == [1] and deepstack.engine.reader.mode(64) == "tree"
    line = deepstack.tokenize(make_prompt(named(tmp_path, "noise"), deepstack.style))
    first = line.ids.index(deepstack.tokenizer.audio)
    lm: Any = deepstack.net.lm

    def states() -> tuple[torch.Tensor, ...]:
        deepstack.engine.clear_cache()
        with torch.no_grad():
            embedded = deepstack.engine.embedded([line])[0]
            out = lm.get_decoder()(inputs_embeds=embedded, output_hidden_states=True)
        return tuple(out.hidden_states)

    before = states()
    nn.init.constant_(projector.earlier[0].down.weight, 0.1)
    after = states()
    nn.init.zeros_(projector.earlier[0].down.weight)
    torch.testing.assert_close(before[0], after[0])
    moved = (before[2] - after[2]).abs().amax(-1)[0]
    assert moved[:first].max() == 0 and moved[first : first + 5].min() > 1e-6


def test_what_does_not_fit_is_refused() -> None:
    from harken.models.composed.projectors.deepstack import DeepStackProjector

    projector = DeepStackProjector.build(4, 8, {"start": 3})
    with pytest.raises(ConfigError, match="several layers"):
        projector.finish([(1, 4)], 0.1)
    projector.finish([(3, 4)], 0.1)
    lm: Any = tiny_model(SYSTEMS.get("ultravox"), TEXTS).net.lm
    with pytest.raises(ConfigError, match="has 4"):
        projector.into(lm)
