"""One codebook: the nearest entry of a vector, learned by moving averages.

With e_k the K entries, z the vectors of a batch, n_k how many of them are nearest to e_k and s_k
their sum (van den Oord et al. 2017, arXiv 1711.00937, appendix A.1)::

    code(z) = argmin_k |z - e_k|^2
    N_k <- g N_k + (1 - g) n_k          m_k <- g m_k + (1 - g) s_k          e_k <- m_k / N_k

N_k is smoothed in the division, (N_k + c) / (sum N + K c) sum N, so that an entry without vectors
does not divide by zero. The first batch sets the entries by k-means, and entries with N_k below
`revive_below` are dead: vectors of the batch replace them (SoundStream, Zeghidour et al. 2021,
arXiv 2107.03312, section III-C, with a threshold of 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CodebookSettings:
    """How a codebook is learned.

    Attributes:
        size: number of entries, K.
        decay: g of the moving averages.
        smoothing: c of the division.
        kmeans_steps: of k-means on the first batch; 0: the entries are drawn from a normal
            distribution and nothing is set by data.
        revive_below: an entry whose N_k falls below it is replaced by a vector of the batch; 0: no
            entry ever is. In a batch of n vectors the bound is n / (10 K) at most, a tenth of what
            each entry would get: a higher one replaces entries that are in use, and the error
            rises.
        revive_every: steps between two looks for dead entries.
        seed: of everything drawn: starts, k-means, replacements.

    Raises:
        ConfigError: values outside these bounds.
    """

    size: int = 256
    decay: float = 0.99
    smoothing: float = 1e-5
    kmeans_steps: int = 10
    revive_below: float = 2.0
    revive_every: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that make no sense, all of them at once."""
        wrong = [
            f"{name} is {getattr(self, name)!r} (accepted: {accepted})"
            for name, accepted, good in (
                ("size", "2 or more", self.size >= 2),
                ("decay", "0 or more, below 1", 0 <= self.decay < 1),
                ("smoothing", "above 0", self.smoothing > 0),
                ("kmeans_steps", "0 or more", self.kmeans_steps >= 0),
                ("revive_below", "0 or more", self.revive_below >= 0),
                ("revive_every", "1 or more", self.revive_every >= 1),
            )
            if not good
        ]
        if wrong:
            raise ConfigError("; ".join(wrong), where="the settings of a codebook")


@dataclass(frozen=True, slots=True)
class Usage:
    """How the entries of a codebook were used since the last look.

    Attributes:
        perplexity: exp of the entropy of the codes: the number of entries that would be as hard to
            guess if all were used equally; 1 to `size`.
        used: share of the entries that at least one vector was nearest to.
        revived: entries that were replaced.
        vectors: how many vectors were counted.
        size: number of entries.
    """

    perplexity: float
    used: float
    revived: int
    vectors: int
    size: int


def usage_of(counts: Tensor, revived: int = 0) -> Usage:
    """`Usage` of counts (K,); without vectors the perplexity is 1 and nothing is used."""
    total = int(counts.sum())
    share = counts.double() / max(1, total)
    entropy = float(-(share * share.clamp(min=1e-300).log()).sum())
    used = float((counts > 0).double().mean())
    return Usage(math.exp(entropy), used, revived, total, len(counts))


class Codebook(nn.Module):
    """The entries, and what is needed to learn them: no gradient reaches them.

    Attributes:
        settings: see `CodebookSettings`.
        entries: float32 (K, D).
        counts: N_k, (K,); `sums`: m_k, (K, D).
        seen: vectors by entry since the last `usage`, (K,); `revived`: replacements since then.
        steps: training batches so far; `begun`: whether the entries were set by data.
    """

    entries: Tensor
    counts: Tensor
    sums: Tensor
    seen: Tensor
    revived: Tensor
    steps: Tensor
    begun: Tensor

    def __init__(self, dim: int, settings: CodebookSettings, number: int = 0) -> None:
        """Entries of `dim` numbers; `number` tells the codebooks of a quantiser apart."""
        super().__init__()
        self.settings, self.number = settings, number
        start = torch.randn(settings.size, dim, generator=self._generator(-1)) / math.sqrt(dim)
        held: dict[str, Any] = {
            "entries": start,
            "counts": torch.ones(settings.size),
            "sums": start.clone(),
            "seen": torch.zeros(settings.size, dtype=torch.int64),
            "revived": torch.zeros((), dtype=torch.int64),
            "steps": torch.zeros((), dtype=torch.int64),
            "begun": torch.tensor(settings.kmeans_steps == 0),
        }
        for name, value in held.items():
            self.register_buffer(name, value)

    def nearest(self, vectors: Tensor) -> Tensor:
        """The nearest entry of each of `vectors` (n, D): int64 (n,); of equal ones the first."""
        squares = self.entries.square().sum(1)
        return (squares - 2 * (vectors @ self.entries.T)).argmin(1)

    def look_up(self, codes: Tensor) -> Tensor:
        """The entries of `codes`, of any shape: (..., D)."""
        return nn.functional.embedding(codes, self.entries)

    @torch.no_grad()
    def begin(self, vectors: Tensor) -> None:
        """Set the entries by k-means on `vectors` (n, D), unless they were set before."""
        if bool(self.begun) or not len(vectors):
            return
        made, counts = kmeans(
            vectors.float(),
            self.settings.size,
            self.settings.kmeans_steps,
            self._generator(-2),
        )
        self.entries.copy_(made)
        self.counts.copy_(counts)
        self.sums.copy_(made * counts[:, None])
        self.begun.fill_(True)

    @torch.no_grad()
    def learn(self, vectors: Tensor, codes: Tensor) -> None:
        """One step of the moving averages: `vectors` (n, D) had the nearest entries `codes`."""
        settings = self.settings
        if not len(vectors):
            return
        vectors = vectors.float()
        hits = torch.bincount(codes, minlength=settings.size)
        added = torch.zeros_like(self.sums).index_add_(0, codes, vectors)
        self.counts.lerp_(hits.to(self.counts), 1 - settings.decay)
        self.sums.lerp_(added, 1 - settings.decay)
        total = self.counts.sum()
        smooth = (self.counts + settings.smoothing) / (total + settings.size * settings.smoothing)
        self.entries.copy_(self.sums / (smooth * total)[:, None])
        self.seen += hits
        self.steps += 1
        if settings.revive_below and int(self.steps) % settings.revive_every == 0:
            self._revive(vectors)

    def _revive(self, vectors: Tensor) -> None:
        """Vectors of the batch in place of dead entries."""
        size = self.settings.size
        bound = min(self.settings.revive_below, len(vectors) / (10 * size))
        dead = (self.counts < bound).nonzero()[:, 0]
        if not len(dead):
            return
        order = torch.randperm(len(vectors), generator=self._generator(int(self.steps)))
        # In a batch with fewer vectors than dead entries some entries wait for the next look.
        dead = dead[: len(vectors)]
        fresh = vectors[order[: len(dead)].to(vectors.device)]
        self.entries[dead] = fresh
        self.counts[dead] = max(bound, 1.0)
        self.sums[dead] = fresh * max(bound, 1.0)
        self.revived += len(dead)

    def usage(self, *, reset: bool = True) -> Usage:
        """How the entries were used in training since the last call with `reset`."""
        found = usage_of(self.seen.cpu(), int(self.revived))
        if reset:
            self.seen.zero_()
            self.revived.zero_()
        return found

    def _generator(self, step: int) -> torch.Generator:
        """Draws that depend on the seed, the codebook and the step only: a run can be resumed."""
        made = torch.Generator()
        place = (self.settings.seed * 1009 + self.number) * 1_000_003 + step + 2
        return made.manual_seed(place % (1 << 62))


def kmeans(
    vectors: Tensor, size: int, steps: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from starts drawn among the vectors.

    Args:
        vectors: (n, D).
        size: number of clusters; with fewer vectors some starts are drawn twice.
        steps: of the algorithm.
        generator: of the draws.

    Returns:
        Centres (size, D) and the number of vectors of each (size,), as float32. A cluster without
        vectors keeps its centre.
    """
    order = torch.randperm(len(vectors), generator=generator).to(vectors.device)
    centres = vectors[order.repeat(-(-size // len(vectors)))[:size]].clone()
    counts = torch.zeros(size, device=vectors.device)
    for _ in range(steps):
        codes = (centres.square().sum(1) - 2 * (vectors @ centres.T)).argmin(1)
        counts = torch.bincount(codes, minlength=size).float()
        sums = torch.zeros_like(centres).index_add_(0, codes, vectors)
        full = counts > 0
        centres[full] = sums[full] / counts[full, None]
    return centres, counts
