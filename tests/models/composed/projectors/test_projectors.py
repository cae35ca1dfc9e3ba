"""Every projector: its number of tokens, independence of padding, norms, the mix of layers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from harken.errors import ConfigError
from harken.models.composed.projectors.base import Projector
from harken.models.composed.projectors.registry import PROJECTORS, projector_settings

WIDTH, OUT = 6, 8
SPECS = {
    "mlp?pool=4": lambda n: -(-n // 4),
    "mlp?pool=4&hidden=24": lambda n: -(-n // 4),
    "linear?pool=3": lambda n: -(-n // 3),
    "pooling?pool=2": lambda n: -(-n // 2),
    "qformer?queries=5&hidden=12&heads=2": lambda n: 5,
    "window-qformer?window=4&queries=2&hidden=12&heads=2": lambda n: 2 * -(-n // 4),
    "gated-mlp?pool=4&hidden=24": lambda n: -(-n // 4),
    "pooled-mlp?pool=2": lambda n: -(-n // 2),
    "mapping?prefix=5&depth=1&heads=2": lambda n: 5,
    "merging?pool=2&keep=0.4": lambda n: -(-2 * -(-n // 2) // 5),
}


def made(spec: str, layers: int = 1, gain: float = 0.3) -> Projector:
    torch.manual_seed(0)
    settings = projector_settings(spec, 1)
    projector = PROJECTORS.get(settings["kind"]).build(WIDTH, OUT, settings)
    projector.finish([(layers, WIDTH)], gain)
    return projector.eval()


def tokens(projector: Projector, frames: Tensor, counts: Sequence[int]) -> list[Tensor]:
    with torch.no_grad():
        out = projector.project(frames, counts)
    return [row[: projector.tokens(count)] for row, count in zip(out, counts, strict=True)]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("layers", [1, 3])
def test_tokens_do_not_depend_on_what_is_behind_a_clip(spec: str, layers: int) -> None:
    projector = made(spec, layers)
    frames, counts = torch.randn(3, 11, layers * WIDTH), [11, 5, 1]
    together = tokens(projector, frames, counts)
    for row, count in enumerate(counts):
        assert len(together[row]) == SPECS[spec](count)
        alone = tokens(projector, frames[row : row + 1, :count], [count])[0]
        torch.testing.assert_close(alone, together[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize("spec", SPECS)
def test_fresh_tokens_have_the_scale_of_the_lms_embeddings(spec: str) -> None:
    """Whatever the scale of the encoder's frames: 0.133 is SmolLM2's RMS."""
    projector = made(spec, gain=0.133)
    for scale in (0.01, 1.0, 300.0):
        (out,) = tokens(projector, scale * torch.randn(1, 12, WIDTH), [12])
        torch.testing.assert_close(
            out.square().mean(-1).sqrt(), torch.full((len(out),), 0.133), atol=1e-3, rtol=0
        )


@pytest.mark.parametrize("spec", SPECS)
def test_norms_can_be_left_out(spec: str) -> None:
    assert made(f"{spec}&norm=false").norm_out is None
    assert made(f"{spec}&norm=false").norm_in is None


def test_pooling_is_the_mean_of_valid_frames() -> None:
    projector = made("pooling?pool=4&norm=false")
    frames = torch.arange(6.0)[None, :, None].expand(1, 6, WIDTH)
    with torch.no_grad():
        projector.only.weight.copy_(torch.eye(OUT, WIDTH))
        projector.only.bias.zero_()
    (out,) = tokens(projector, frames, [6])
    assert out[:, 0].tolist() == [1.5, 4.5]  # 0..3, then 4 and 5


def test_windows_of_a_qformer_see_their_own_frames_only() -> None:
    projector = made("window-qformer?window=4&queries=1&hidden=12&heads=2")
    frames = torch.randn(1, 8, WIDTH)
    changed = frames.clone()
    changed[:, 4:] += 1
    before, after = tokens(projector, frames, [8])[0], tokens(projector, changed, [8])[0]
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


@pytest.mark.parametrize("spec", SPECS)
def test_every_weight_gets_a_gradient(spec: str) -> None:
    projector = made(spec, layers=2)
    out = projector.project(torch.randn(2, 9, 2 * WIDTH), [9, 4])
    (out - torch.randn_like(out)).square().sum().backward()
    silent = [n for n, p in projector.named_parameters() if p.grad is None or not p.grad.any()]
    # Keys' biases cancel in the softmax; a lone query attends to itself only.
    assert [n for n in silent if not n.endswith(("key.bias", "query.weight", "query.bias",
                                                 "key.weight"))] == []  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "told"),
    [("mlp?window=3", "no setting 'window'"), ("qformer?pool=3", "no setting 'pool'"),
     ("mlq", "Did you mean mlp"), ("linear?pool=two", "not a valid int")],
)  # fmt: skip
def test_settings_that_do_not_exist_are_refused(spec: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        projector_settings(spec, 4)
    assert told in str(error.value)


def test_the_width_between_the_layers_is_a_setting() -> None:
    for spec, hidden in (("mlp?pool=2", OUT), ("mlp?pool=2&hidden=24", 24)):
        shapes = {name: tuple(p.shape) for name, p in made(spec).named_parameters()}
        assert shapes["first.weight"] == (hidden, 2 * WIDTH)
        assert shapes["second.weight"] == (OUT, hidden)


def test_dropout_of_the_mlp_is_for_training_only() -> None:
    projector = made("mlp?pool=2&dropout=0.5")
    frames = torch.randn(1, 8, WIDTH, generator=torch.Generator().manual_seed(0))
    projector.eval()
    assert torch.equal(projector(frames, [8]), projector(frames, [8]))
    projector.train()
    assert not torch.equal(projector(frames, [8]), projector(frames, [8]))
    projector.eval()
    plain = made("mlp?pool=2")
    plain.load_state_dict(projector.state_dict())  # it has no weights of its own
    assert torch.equal(projector(frames, [8]), plain(frames, [8]))


@pytest.mark.parametrize("share", ["-0.1", "1", "1.5", "nan"])
def test_a_dropout_that_is_no_share_is_refused(share: str) -> None:
    with pytest.raises(ConfigError) as error:
        made(f"mlp?dropout={share}")
    assert "dropout" in str(error.value)


SEVERAL = {
    "aggregator?pool=2&prompt=2&queries=3&depth=1&heads=2&dropout=0": lambda n: 5 + -(-n // 2),
    "deepstack?pool=3&hidden=8": lambda n: -(-n // 3),
    "cross-attention?pool=2&depth=1&heads=2&inner=8": lambda n: -(-n // 2),
}


@pytest.mark.parametrize("spec", SEVERAL)
def test_projectors_of_several_layers_do_not_look_behind_a_clip(spec: str) -> None:
    projector = made(spec, 3)
    with torch.no_grad():  # what starts at 0 would hide a fault
        for parameter in projector.parameters():
            if not parameter.any():
                parameter.normal_()
    frames, counts = torch.randn(3, 11, 3 * WIDTH), [11, 5, 1]
    together = tokens(projector, frames, counts)
    for row, count in enumerate(counts):
        assert together[row].shape == (SEVERAL[spec](count), OUT + projector.extra)
        alone = tokens(projector, frames[row : row + 1, :count], [count])[0]
        torch.testing.assert_close(alone, together[row], atol=1e-5, rtol=0)


def test_times_start_at_zero_and_move_the_tokens_of_their_place_only() -> None:
    """By hand: with row k at k, token k has k more in every column, and all from the last on."""
    plain, timed = made("mlp?pool=2"), made("mlp?pool=2&times=3")
    frames, counts = torch.randn(2, 10, WIDTH), [10, 3]
    for a, b in zip(tokens(plain, frames, counts), tokens(timed, frames, counts), strict=True):
        assert torch.equal(a, b)
    assert timed.times is not None
    with torch.no_grad():
        timed.times.weight.copy_(torch.arange(3.0)[:, None].expand(3, OUT))
    more = [b - a for a, b in zip(
        tokens(plain, frames, counts), tokens(timed, frames, counts), strict=True)]  # fmt: skip
    assert torch.allclose(
        more[0], torch.tensor([0.0, 1, 2, 2, 2])[:, None].expand(5, OUT), atol=1e-6
    )
    assert torch.allclose(more[1], torch.tensor([0.0, 1])[:, None].expand(2, OUT), atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("mlp?pool=0", "pool of mlp is 0 .accepted: 1 or more"),
        ("mlp?pool=-1", "pool of mlp is -1"),
        ("mlp?times=-5", "times of mlp is -5"),
        ("mlp?clip_numbers=-2", "clip_numbers of mlp is -2"),
        ("gated-mlp?hidden=-4", "hidden of gated-mlp is -4"),
        ("merging?keep=nan", "keep of merging is nan"),
        ("qformer?queries=0", "queries of qformer is 0"),
        ("window-qformer?window=0", "window of window-qformer is 0"),
        ("mapping?prefix=0", "prefix of mapping is 0"),
        ("memory?window_s=0", "window_s of memory is 0"),
    ],
)
def test_a_number_that_would_be_ignored_or_break_is_refused(spec: str, found: str) -> None:
    """Zero queries were 32, and a pool of zero a model that cannot be asked."""
    with pytest.raises(ConfigError, match=found):
        projector_settings(spec, 1)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("merging?keep=0", "keep of merging is 0"),
        ("qformer?dropout=5", "dropout of qformer is 5"),
        ("qformer?heads=7&hidden=16", "qformer is 16 wide, which 7 heads cannot share"),
        ("mapping?heads=3", "mapping is 8 wide, which 3 heads cannot share"),
        ("cross-attention?heads=5", "the audio of cross-attention is 12 wide, which 5 heads"),
        ("memory?heads=3", "memory is 8 wide, which 3 heads"),
    ],
)
def test_what_a_width_cannot_be_is_refused(spec: str, found: str) -> None:
    settings = projector_settings(spec, 1)
    with pytest.raises(ConfigError, match=found):
        PROJECTORS.get(settings["kind"]).build(12, 8, settings)
