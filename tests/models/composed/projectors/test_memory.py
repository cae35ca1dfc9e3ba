"""The memory as a projector: made by name, its settings, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harken.errors import ConfigError
from harken.models.composed.projectors.memory import MemoryProjector, Summary, WeightedMerge
from harken.models.composed.projectors.registry import PROJECTORS, projector_settings

WIDTH, OUT = 6, 8


def made(spec: str) -> Any:
    settings = projector_settings(spec, 2)
    projector = PROJECTORS.get(settings["kind"]).build(WIDTH, OUT, settings)
    projector.finish([(1, WIDTH)], 0.3)
    return projector


def test_the_inner_projector_is_named_and_gets_pool_and_norm() -> None:
    projector = made("memory?inner=pooling&window_s=2&summary=2&segments=3&heads=2")
    assert isinstance(projector, MemoryProjector)
    assert (projector.inner.name, projector.inner.pool) == ("pooling", 2)
    assert projector.inner.norm_in is not None and projector.norm_out is not None
    frames = torch.randn(1, 7, WIDTH)
    assert projector.tokens(7) == projector.project(frames, [7]).shape[1] == 4
    assert [projector.recalled(windows) for windows in (2, 3, 4, 900)] == [4, 6, 6, 6]


def test_tokens_after_a_memory_have_the_scale_of_the_lms_embeddings() -> None:
    projector = made("memory?summary=2&segments=3&heads=2").eval()
    rows = torch.randn(9, 1, 10, WIDTH)
    with torch.no_grad():
        tokens = projector.remembered(9, lambda i: projector.summarised(rows[i], 10, 30.0 * i))
    expected = torch.full((6,), 0.3)
    torch.testing.assert_close(tokens.square().mean(-1).sqrt(), expected, atol=1e-3, rtol=0)


def test_a_summary_begins_near_the_means_of_stretches() -> None:
    summary = Summary(OUT, 2, 2)
    torch.nn.init.zeros_(summary.attention.out_proj.weight)
    torch.nn.init.zeros_(summary.attention.out_proj.bias)
    tokens = torch.arange(5.0)[:, None].expand(5, OUT)
    assert summary(tokens)[:, 0].tolist() == [0.5, 3.0]  # 0 and 1; 2, 3 and 4
    assert summary(tokens[:1])[:, 0].tolist() == [0.0, 0.0]


def test_a_fresh_memory_adds_no_time() -> None:
    projector = made("memory?summary=2&segments=3&heads=2").eval()
    frames = torch.randn(1, 10, WIDTH)
    with torch.no_grad():
        early, late = (projector.summarised(frames, 10, time) for time in (0.0, 3600.0))
    assert torch.equal(early, late)


def test_two_become_one_by_the_means_of_neighbours_at_first() -> None:
    merge = WeightedMerge(OUT, 2)
    tokens = torch.tensor([1.0, 3.0, 5.0, 9.0])[:, None].expand(4, OUT)
    assert merge(tokens)[:, 0].tolist() == [2.0, 7.0]


def test_what_scores_high_is_left_of_an_hour_of_what_scores_low() -> None:
    """900 windows of 4 s: a mean would leave a hundredth of the one that is heard."""
    projector = made("memory?inner=mlp&summary=2&segments=4&heads=2&norm=0").eval()
    sound, quiet = torch.zeros(2, OUT), torch.zeros(2, OUT)
    sound[:, 0], quiet[:, 1] = 1.0, 1.0

    def left(score: float) -> float:
        torch.nn.init.zeros_(projector.of_two.score.weight)
        with torch.no_grad():
            projector.of_two.score.weight[0, 0] = score
            kept = projector.remembered(900, lambda number: sound if number == 333 else quiet)
        return float(kept[:, 0].max())

    assert left(0.0) < 0.02
    assert left(4.0) > 0.99


@pytest.mark.parametrize(
    ("spec", "told"),
    [("memory?segments=1", "segments of memory is 1"),
     ("memory?window_s=-1", "window_s of memory is -1"),
     ("memory?inner=memory", "cannot be the inner one"), ("memory?times=3", "no setting 'times'")],
)  # fmt: skip
def test_what_is_no_memory(spec: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        made(spec)
