"""One codebook: k-means, revival of dead entries, usage, and the same bytes again."""

from __future__ import annotations

import pytest
import torch

from harken.errors import ConfigError
from harken.models.codec.codebook import Codebook, CodebookSettings, kmeans, usage_of


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def taught(book: Codebook, batches: int, count: int = 256) -> Codebook:
    for step in range(batches):
        vectors = drawn(count, book.entries.shape[1], seed=step)
        book.begin(vectors)
        book.learn(vectors, book.nearest(vectors))
    return book


def test_usage_of_equal_counts_is_the_number_of_entries_in_use() -> None:
    found = usage_of(torch.tensor([5, 5, 0, 0]))
    assert found.perplexity == pytest.approx(2.0) and found.used == 0.5 and found.vectors == 10
    assert usage_of(torch.tensor([7, 0, 0])).perplexity == pytest.approx(1.0)
    assert usage_of(torch.zeros(3, dtype=torch.int64)).used == 0.0


def test_usage_counts_training_and_begins_again() -> None:
    book = taught(Codebook(2, CodebookSettings(size=4)), 3, count=10)
    assert book.usage().vectors == 30
    assert book.usage().vectors == 0


def test_kmeans_finds_separate_clusters() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = (centres[:, None] + 0.1 * drawn(3, 50, 2)).reshape(-1, 2)
    starts = torch.Generator().manual_seed(4)
    found, counts = kmeans(points, 3, 20, starts)
    nearest = torch.cdist(centres, found).amin(1)
    # Lloyd's algorithm keeps what it was given at worst: no cluster is empty and none is lost.
    assert counts.sum() == 150
    assert nearest.max() < 0.2 or (counts > 0).all()
    again, _ = kmeans(points, 3, 20, torch.Generator().manual_seed(4))
    assert torch.equal(found, again)


def test_kmeans_lowers_the_error_at_every_step() -> None:
    points = drawn(400, 3)
    errors = []
    for steps in (1, 3, 10):
        centres, _ = kmeans(points, 8, steps, torch.Generator().manual_seed(0))
        errors.append(torch.cdist(points, centres).amin(1).square().mean().item())
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1]


def test_kmeans_with_fewer_vectors_than_clusters() -> None:
    centres, counts = kmeans(drawn(3, 2), 8, 5, torch.Generator().manual_seed(0))
    assert centres.shape == (8, 2) and torch.isfinite(centres).all() and counts.sum() == 3


def test_the_first_batch_sets_the_entries_and_only_the_first() -> None:
    book = Codebook(2, CodebookSettings(size=4))
    vectors = drawn(100, 2) + 50
    book.begin(vectors)
    assert (book.entries > 40).all()
    before = book.entries.clone()
    book.begin(drawn(100, 2))
    assert torch.equal(book.entries, before)


def dead_after(revive_below: float) -> tuple[float, int]:
    settings = CodebookSettings(
        size=32, kmeans_steps=0, decay=0.8, revive_below=revive_below, revive_every=2
    )
    book = Codebook(2, settings)
    book.entries += 100 * torch.tensor([1.0, 0.0])  # far from all that will come
    book.entries[0] = 0
    book.sums.copy_(book.entries)
    taught(book, 20)
    book.usage()
    taught(book, 5)
    found = book.usage()
    return found.used, found.revived


def test_dead_entries_are_revived() -> None:
    without, none = dead_after(0)
    assert without == 1 / 32 and none == 0
    alive, _ = dead_after(2.0)
    assert alive > 0.9


def test_revived_entries_are_vectors_of_the_batch() -> None:
    book = Codebook(2, CodebookSettings(size=4, kmeans_steps=0, decay=0.0, revive_every=1))
    book.entries.copy_(torch.tensor([[0.0, 0], [90, 0], [0, 90], [90, 90]]))
    book.sums.copy_(book.entries)
    vectors = drawn(40, 2)
    book.learn(vectors, book.nearest(vectors))
    assert int(book.revived) == 3
    assert torch.cdist(book.entries[1:], vectors).amin(1).max() < 1e-5


def test_of_few_vectors_none_revives_more_entries_than_there_are_vectors() -> None:
    book = Codebook(2, CodebookSettings(size=64, kmeans_steps=0, decay=0.0, revive_every=1))
    vectors = drawn(3, 2)
    book.learn(vectors, book.nearest(vectors))
    assert int(book.revived) <= 3


def test_the_same_seed_gives_the_same_entries_and_another_seed_others() -> None:
    one, two = (taught(Codebook(3, CodebookSettings(size=16)), 12) for _ in range(2))
    other = taught(Codebook(3, CodebookSettings(size=16, seed=1)), 12)
    beside = taught(Codebook(3, CodebookSettings(size=16), number=1), 12)
    assert torch.equal(one.entries, two.entries)
    assert not torch.equal(one.entries, other.entries)
    assert not torch.equal(one.entries, beside.entries)


def test_a_codebook_resumed_from_its_state_ends_alike() -> None:
    whole = taught(Codebook(3, CodebookSettings(size=16, revive_below=50)), 12)
    half = taught(Codebook(3, CodebookSettings(size=16, revive_below=50)), 6)
    resumed = Codebook(3, CodebookSettings(size=16, revive_below=50, seed=0))
    resumed.load_state_dict(half.state_dict())
    for step in range(6, 12):
        vectors = drawn(256, 3, seed=step)
        resumed.learn(vectors, resumed.nearest(vectors))
    assert torch.equal(whole.entries, resumed.entries)


def test_of_two_equal_entries_the_first_is_taken() -> None:
    book = Codebook(1, CodebookSettings(size=3, kmeans_steps=0))
    book.entries.copy_(torch.tensor([[2.0], [1.0], [1.0]]))
    assert book.nearest(torch.tensor([[0.0], [1.0], [9.0]])).tolist() == [1, 1, 0]


def test_settings_without_sense_are_all_named() -> None:
    with pytest.raises(ConfigError, match=r"size is 1 .*decay is 1\.0"):
        CodebookSettings(size=1, decay=1.0)
