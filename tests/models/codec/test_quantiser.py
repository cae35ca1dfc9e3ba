"""Residual quantisation: the worked example, masks, gradients, collapse."""

from __future__ import annotations

import math
import warnings

import pytest
import torch

from harken.errors import ConfigError
from harken.models.codec.codebook import CodebookSettings, Usage
from harken.models.codec.quantiser import (
    CollapseWarning,
    ResidualQuantiser,
    collapsed,
    warn_of_collapse,
)

FOUR = [
    [0.0, 3.0, 6.0, 9.0],
    [0.0, 0.3, 0.6, 0.9],
    [-0.10, -0.05, 0.00, 0.05],
    [-0.02, -0.01, 0.00, 0.01],
]
"""Four codebooks of four scalars, coarse to fine."""


def example() -> ResidualQuantiser:
    return ResidualQuantiser.of([torch.tensor(one)[:, None] for one in FOUR])


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_worked_example_6_85_is_3_4_2_3_and_back() -> None:
    book = example()
    codes = book.encode(torch.tensor([[[6.85]]]))
    assert (codes[0, :, 0] + 1).tolist() == [3, 4, 2, 3]  # its ids count from 1
    assert book.decode(codes).item() == pytest.approx(6.85, abs=1e-6)
    partial = [book.decode(codes[:, :n]).item() for n in (1, 2, 3)]
    assert partial == pytest.approx([6.0, 6.9, 6.85], abs=1e-6)


def test_every_codebook_brings_the_value_nearer() -> None:
    values = torch.linspace(-0.1, 9.9, 201)[None, :, None]
    book = example()
    codes = book.encode(values)
    errors = [(book.decode(codes[:, :n]) - values).abs().mean().item() for n in (1, 2, 3, 4)]
    assert errors == sorted(errors, reverse=True)


def test_forward_gives_what_encode_and_decode_give() -> None:
    torch.manual_seed(0)
    book = ResidualQuantiser(5, 3, CodebookSettings(size=8)).eval()
    vectors = drawn(2, 7, 5)
    found = book(vectors)
    assert torch.equal(found.codes, book.encode(vectors))
    assert torch.allclose(found.output, book.decode(found.codes), atol=1e-6)
    assert torch.equal(book.encode(vectors, 2), found.codes[:, :2])


def test_the_gradient_goes_straight_through_and_the_commitment_loss_pulls() -> None:
    book = example()
    value = torch.tensor([[[6.85]]], requires_grad=True)
    found = book(value)
    (gradient,) = torch.autograd.grad(found.output.sum(), value, retain_graph=True)
    assert gradient.item() == 1.0
    # Residuals after each codebook: 0.85, -0.05, 0, 0. Their squares' mean is the loss.
    assert found.commitment.item() == pytest.approx((0.85**2 + 0.05**2) / 4, abs=1e-5)
    (pull,) = torch.autograd.grad(found.commitment, value)
    assert pull.item() == pytest.approx(2 * (0.85 - 0.05) / 4, abs=1e-5)


def test_one_step_of_the_moving_averages_by_hand() -> None:
    settings = CodebookSettings(size=2, decay=0.75, kmeans_steps=0, revive_below=0)
    book = ResidualQuantiser(1, 1, settings)
    (own,) = book.codebooks
    own.entries.copy_(torch.tensor([[0.0], [4.0]]))
    own.sums.copy_(own.entries)
    book(torch.tensor([[[1.0], [3.0], [5.0]]]))
    # Nearest: 0, 4, 4. N = 0.75 + 0.25 * (1, 2); m = 0.75 * (0, 4) + 0.25 * (1, 8).
    assert own.counts.tolist() == [1.0, 1.25]
    assert own.sums[:, 0].tolist() == [0.25, 5.0]
    assert own.entries[:, 0].tolist() == pytest.approx([0.25, 4.0], rel=1e-4)


def test_padding_changes_nothing() -> None:
    settings = CodebookSettings(size=4, revive_below=0)
    alone, padded = (ResidualQuantiser(3, 2, settings) for _ in range(2))
    vectors = drawn(1, 20, 3)
    mask = torch.arange(30)[None] < 20
    wide = torch.cat([vectors, 100 * drawn(1, 10, 3, seed=1)], 1).requires_grad_()
    first, other = alone(vectors), padded(wide, mask)
    assert torch.equal(first.codes, other.codes[..., :20]) and not other.codes[..., 20:].any()
    assert torch.equal(first.output, other.output[:, :20]) and not other.output[:, 20:].any()
    assert torch.equal(first.commitment, other.commitment)
    for one, two in zip(alone.state_dict().values(), padded.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    (gradient,) = torch.autograd.grad(other.output.sum() + other.commitment, wide)
    assert not gradient[:, 20:].any()


def test_an_example_uses_the_codebooks_it_is_given() -> None:
    book = ResidualQuantiser(3, 4, CodebookSettings(size=8)).eval()
    vectors = drawn(2, 5, 3)
    found = book(vectors, used=torch.tensor([2, 4]))
    whole = book.encode(vectors)
    assert torch.equal(found.codes[0, :2], whole[0, :2]) and not found.codes[0, 2:].any()
    assert torch.equal(found.codes[1], whole[1])
    assert torch.allclose(found.output[:1], book.decode(whole[:1, :2]), atol=1e-6)


def test_a_frame_does_not_depend_on_its_batch() -> None:
    book = ResidualQuantiser(3, 2, CodebookSettings(size=8)).eval()
    vectors = drawn(4, 6, 3)
    assert torch.equal(book.encode(vectors)[2:3], book.encode(vectors[2:3]))


def test_an_empty_batch_is_no_error_and_teaches_nothing() -> None:
    book = ResidualQuantiser(3, 2, CodebookSettings(size=4))
    before = {name: tensor.clone() for name, tensor in book.state_dict().items()}
    found = book(drawn(1, 5, 3), torch.zeros(1, 5, dtype=torch.bool))
    assert not found.output.any() and found.commitment.item() == 0.0
    for name, tensor in book.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_collapse_is_told_with_what_to_do() -> None:
    sound, few = Usage(200.0, 1.0, 0, 4000, 256), Usage(1.5, 0.02, 3, 4000, 256)
    assert collapsed([sound, few, sound]) == [1]
    assert collapsed([Usage(1.0, 0.01, 0, 100, 256)]) == []  # too few vectors to tell
    with pytest.warns(CollapseWarning, match=r"1 of 2 .* step 40 \(codebook 2: 2% .* lower lr"):
        assert warn_of_collapse([sound, few], 40) == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_collapse([sound, sound], 40)


def test_a_quantiser_fed_one_point_is_seen_to_collapse() -> None:
    book = ResidualQuantiser(2, 1, CodebookSettings(size=64, revive_below=0))
    for step in range(3):
        book(torch.ones(1, 200, 2) + 1e-6 * drawn(1, 200, 2, seed=step))
    (usage,) = book.usage()
    assert usage.vectors == 600 and math.isfinite(usage.perplexity)
    spread = ResidualQuantiser(2, 1, CodebookSettings(size=64, revive_below=0))
    spread(drawn(1, 600, 2))
    spread(torch.zeros(1, 600, 2))
    spread.usage()
    spread(torch.zeros(1, 600, 2))
    assert collapsed(spread.usage()) == [0]


@pytest.mark.parametrize("count", [0, 5])
def test_codebooks_that_are_not_there_are_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=rf"{count} codebooks"):
        example().encode(torch.ones(1, 1, 1), count)


def test_a_code_that_is_no_entry_is_refused() -> None:
    with pytest.raises(ConfigError, match="outside 0 to 3: 0 to 4"):
        example().decode(torch.tensor([[[0, 4]]]))


def test_a_quantiser_without_codebooks_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        ResidualQuantiser(2, 0)
