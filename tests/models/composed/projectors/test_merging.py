"""Merging of neighbours that are alike, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.merging import (
    MergingProjector,
    kept,
    merged,
    segments,
)
from harken.models.composed.projectors.registry import projector_settings
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.composed.systems.tiny import tiny_model
from harken.models.engine.net import GROUPS, set_trainable
from harken.times import TimeGrid
from tiny_audio import TEXTS, named


def made(spec: str, width: int = 2, out: int = 2) -> MergingProjector:
    torch.manual_seed(0)
    projector = MergingProjector.build(width, out, projector_settings(spec, 1))
    projector.finish([(1, width)], 1.0)
    return projector.eval()


def directions(*degrees: float) -> Tensor:
    """Unit vectors: the cosine of two is that of the angle between them."""
    angle = torch.deg2rad(torch.tensor([degrees]))
    return torch.stack([angle.cos(), angle.sin()], -1)


def test_the_most_similar_neighbours_become_one_by_hand() -> None:
    """Angles between neighbours: 1, 40, 2, 30, 3 degrees; of six vectors three remain."""
    weights = merged(directions(0, 1, 41, 43, 73, 76), [6], 0.5)
    assert weights[0].tolist() == [
        [0.5, 0.5, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 0.5, 0.5]
    ]  # fmt: skip
    one = merged(directions(0, 1, 41, 43, 73, 76), [6], 0.01)
    torch.testing.assert_close(one[0], torch.full((1, 6), 1 / 6))
    assert torch.equal(merged(directions(0, 1, 41), [3], 1.0)[0], torch.eye(3))


def test_a_slow_change_is_cut_into_pieces_of_one_size() -> None:
    """All neighbours are 10 degrees apart: pairs lose less than one long run beside single ones.

    The first two lose 1 - cos 10° = 0.015. A third with them would lose 2/3 |x - y|², where x is at
    5° and y at 20°, which is 0.045; two others lose 0.015 again.
    """
    ramp = directions(*range(0, 80, 10))
    assert segments(ramp[0].double().numpy(), 4) == [(0, 2), (2, 4), (4, 6), (6, 8)]


def test_equal_losses_are_merged_from_the_beginning() -> None:
    """All neighbours are equal: with two of four to go, the first three become one."""
    assert merged(torch.ones(1, 4, 3), [4], 0.5)[0].tolist() == [
        pytest.approx([1 / 3, 1 / 3, 1 / 3, 0]), [0, 0, 0, 1]
    ]  # fmt: skip


def test_what_is_behind_a_clip_is_no_neighbour() -> None:
    vectors = torch.cat([directions(0, 50, 51, 0), directions(0, 50, 51, 20)])
    vectors[1, 3] = vectors[1, 2]  # as like its neighbour as can be, and not of the clip
    weights = merged(vectors, [4, 3], 0.6)
    assert weights.shape == (2, 3, 4)
    assert weights[0].tolist() == [[1, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]]
    assert weights[1].tolist() == [[1, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 0]]


def test_spans_and_times_are_those_of_the_members() -> None:
    """Frames 0 to 3, 4 to 7 and 8, 9 in tokens of two; with row k of times at k, the mean of k."""
    frames = directions(0, 0, 1, 1, 60, 60, 62, 62, 150, 150)
    plain, timed = made("merging?pool=2&keep=0.6"), made("merging?pool=2&keep=0.6&times=5")
    assert plain.spans(frames, [10]) == [[(0, 4), (4, 8), (8, 10)]]
    assert timed.times is not None
    with torch.no_grad():
        assert torch.equal(plain.project(frames, [10]), timed.project(frames, [10]))
        timed.times.weight.copy_(torch.arange(5.0)[:, None].expand(5, 2))
        more = timed.project(frames, [10]) - plain.project(frames, [10])
    assert torch.allclose(more[0, :, 0], torch.tensor([0.5, 2.5, 4.0]), atol=1e-6)
    # 10 frames a second: token j begins at these times, each with a token of its own.
    grid = TimeGrid(0.2, 2.0)
    starts = [start / 10 for start, _ in plain.spans(frames, [10])[0]]
    places = [round(start / grid.resolution) for start in starts]
    assert [grid.seconds(place) for place in places] == ["0.0", "0.4", "0.8"]


def test_the_share_that_remains_is_exact() -> None:
    assert [kept(n, 0.25) for n in (1, 3, 4, 5, 100)] == [1, 1, 1, 2, 25]
    assert kept(10, 0.3) == 3  # though 0.3 * 10 is more than 3 in binary
    projector = made("merging?pool=4&keep=0.25")
    assert projector.tokens(1500) == 94  # of 375
    with pytest.raises(ConfigError, match="keep"):
        made("merging?keep=1.5")


def test_a_shorter_row_has_the_spans_it_has_alone() -> None:
    projector = made("merging?pool=2&keep=0.5", width=5)
    frames = torch.randn(2, 13, 5)
    both = projector.spans(frames, [13, 7])
    assert both[1] == projector.spans(frames[1:, :7], [7])[0]
    assert both[0][-1][1] == 13 and len(both[0]) == projector.tokens(13) == 4


def test_a_model_with_merged_tokens_learns_and_opens_as_saved(tmp_path: Path) -> None:
    system = replace(SYSTEMS.get("qwen2-audio"), projector="merging?pool=2&keep=0.25&times=20")
    model = tiny_model(system, TEXTS)
    items = [named(tmp_path, "noise"), named(tmp_path, "low tone")]
    prompts = [make_prompt(item, model.style) for item in items]
    (clip,) = items[0].clips
    assert model.load_audio(clip).tokens == model.net.projector.tokens(26)  # half a second
    optimiser = torch.optim.AdamW(set_trainable(model.net, GROUPS), lr=3e-3)
    losses = []
    for _ in range(3):
        loss = -model.logprobs(prompts, [item.answer for item in items]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[1] < losses[0]
    assert isinstance(model.net.projector, MergingProjector)
    assert model.net.projector.times is not None and model.net.projector.times.weight.any()
    model.net.requires_grad_(False)
    model.save(tmp_path / "model")
    again = ComposedModel.load(tmp_path / "model")
    assert again.choice_logprobs(prompts) == model.choice_logprobs(prompts)
