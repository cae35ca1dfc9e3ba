"""The learned mix of layers, by hand."""

from __future__ import annotations

import pytest
import torch

from harken.models.composed.layer_mix import LayerMix


def test_shares_start_equal_and_one_layer_can_take_all() -> None:
    mix = LayerMix([(3, 4)])
    assert mix.shares()[0] == pytest.approx([1 / 3] * 3)
    frames = torch.randn(2, 5, 12)
    with torch.no_grad():
        mix.weights[0].copy_(torch.tensor([-100.0, 100.0, -100.0]))
    expected = torch.nn.functional.layer_norm(frames[..., 4:8], (4,))
    torch.testing.assert_close(mix(frames), expected)


def test_the_scale_of_a_layer_does_not_count() -> None:
    """A layer a thousand times larger has the same share in the mix."""
    frames = torch.randn(1, 6, 8)
    louder = torch.cat([frames[..., :4] * 1000, frames[..., 4:]], -1)
    mix = LayerMix([(2, 4)])
    torch.testing.assert_close(mix(louder), mix(frames), atol=1e-3, rtol=1e-3)


def test_parts_are_mixed_apart_and_single_layers_left_alone() -> None:
    mix = LayerMix([(2, 3), (1, 5)])
    frames = torch.randn(2, 4, 11)
    out = mix(frames)
    assert out.shape == (2, 4, 8) and mix.width == 8
    torch.testing.assert_close(out[..., 3:], frames[..., 6:])
    changed = frames.clone()
    changed[..., 6:] += 1
    torch.testing.assert_close(mix(changed)[..., :3], out[..., :3])


def test_the_weights_learn_which_layer_tells() -> None:
    """Only layer 2 of three holds the target: its share grows."""
    torch.manual_seed(0)
    mix = LayerMix([(3, 8)])
    optimiser = torch.optim.Adam(mix.parameters(), lr=0.1)
    for _ in range(60):
        frames = torch.randn(4, 16, 24)
        target = torch.nn.functional.layer_norm(frames[..., 16:], (8,))
        optimiser.zero_grad()
        (mix(frames) - target).square().mean().backward()
        optimiser.step()
    assert mix.shares()[0][2] > 0.9
