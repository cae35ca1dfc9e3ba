"""A residual vector quantiser: each codebook quantises what the ones before it left over.

With r_1 = z and e_i the entry of codebook i that is nearest to r_i::

    r_{i+1} = r_i - e_i               q = e_1 + ... + e_n
    commitment = mean over i of the mean square of r_i - sg(e_i)
    output     = z + sg(q - z)

sg stops the gradient: backwards the output is z itself (straight-through, van den Oord et al. 2017,
arXiv 1711.00937), the entries are learned by moving averages (`harken.models.codec.codebook`), and
the commitment loss draws z towards them. Residual quantisation of codecs is that of SoundStream
(Zeghidour et al. 2021, arXiv 2107.03312) and EnCodec (Défossez et al. 2022, arXiv 2210.13438). A
quantiser that may be asked for fewer codebooks than it has is trained so: each example of a batch
uses a drawn number of them (SoundStream, section III-D).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from harken.errors import ConfigError, HarkenWarning
from harken.listed import listed
from harken.models.codec.codebook import Codebook, CodebookSettings, Usage

FEW_USED = 0.1
"""A codebook of which a smaller share of entries is used has collapsed."""

LOW_PERPLEXITY = 0.05
"""The same for its perplexity, as a share of its size."""


class CollapseWarning(HarkenWarning):
    """A codebook uses few of its entries."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """What a quantiser makes of vectors.

    Attributes:
        output: (B, T, D), straight-through; padded frames are zeros.
        codes: int64 (B, n, T); padded frames and codebooks that an example does not use have 0.
        commitment: the commitment loss, a scalar: the mean over the codebooks.
    """

    output: Tensor
    codes: Tensor
    commitment: Tensor


class ResidualQuantiser(nn.Module):
    """See the module's docstring.

    Attributes:
        codebooks: in order, coarse to fine.
    """

    def __init__(self, dim: int, codebooks: int, settings: CodebookSettings | None = None) -> None:
        """A quantiser of vectors of `dim` numbers with so many equal codebooks.

        Raises:
            ConfigError: fewer than one.
        """
        super().__init__()
        if codebooks < 1:
            raise ConfigError(f"codebooks is {codebooks} (accepted: 1 or more)")
        own = settings or CodebookSettings()
        self.codebooks = nn.ModuleList(Codebook(dim, own, i) for i in range(codebooks))

    @staticmethod
    def of(entries: Sequence[Tensor]) -> ResidualQuantiser:
        """A quantiser with these entries, each (K, D) with one K and D, that is not trained."""
        size, dim = entries[0].shape
        made = ResidualQuantiser(dim, len(entries), CodebookSettings(size=size, kmeans_steps=0))
        for book, own in zip(made._books, entries, strict=True):
            book.entries.copy_(own)
            book.sums.copy_(own)
        return made.eval()

    @property
    def _books(self) -> list[Codebook]:
        return [book for book in self.codebooks if isinstance(book, Codebook)]

    def forward(
        self, vectors: Tensor, mask: Tensor | None = None, used: Tensor | None = None
    ) -> Quantised:
        """Quantise; in training mode the codebooks learn from the batch too.

        Args:
            vectors: (B, T, D).
            mask: bool (B, T), false where a frame is padding: it is not counted, not learned from
                and no part of the loss. None: there is none.
            used: int64 (B,), how many codebooks each example uses; None: all of them.
        """
        batch, length, dim = vectors.shape
        real = vectors.new_ones(batch, length, dtype=torch.bool) if mask is None else mask
        count = len(self.codebooks)
        most = torch.full((batch,), count, device=vectors.device) if used is None else used
        flat, output = vectors.reshape(-1, dim), torch.zeros_like(vectors).reshape(-1, dim)
        codes, losses = [], []
        residual = flat
        for number, book in enumerate(self._books):
            asked = (real & (most > number)[:, None]).reshape(-1)
            here = residual[asked]
            if self.training:
                book.begin(here.detach())
            own = book.nearest(here.detach().float())
            entry = book.look_up(own).to(here)
            if len(here):
                losses.append((here - entry).square().mean())
            if self.training:
                book.learn(here.detach(), own)
            step = torch.zeros_like(flat).masked_scatter(asked[:, None], entry)
            output = output + step
            residual = residual - step
            codes.append(torch.zeros_like(asked, dtype=torch.int64).masked_scatter(asked, own))
        straight = flat + (output - flat).detach()
        straight = straight * real.reshape(-1, 1)
        return Quantised(
            straight.reshape(vectors.shape),
            torch.stack(codes).reshape(count, batch, length).transpose(0, 1),
            torch.stack(losses).mean() if losses else vectors.sum() * 0.0,
        )

    @torch.no_grad()
    def encode(self, vectors: Tensor, codebooks: int | None = None) -> Tensor:
        """The codes of vectors (B, T, D): int64 (B, n, T), the first n codebooks or all."""
        batch, length, dim = vectors.shape
        residual, codes = vectors.reshape(-1, dim).float(), []
        for book in self._books[: self.require(codebooks)]:
            own = book.nearest(residual)
            residual = residual - book.look_up(own)
            codes.append(own.reshape(batch, length))
        return torch.stack(codes, 1)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """The vectors (B, T, D) of codes (B, n, T): the sum of the first n codebooks' entries.

        Raises:
            ConfigError: more codebooks than there are, or a code that is no entry.
        """
        count, size = self.require(codes.shape[1]), self._books[0].settings.size
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < size:
            raise ConfigError(
                f"a code is outside 0 to {size - 1}: {int(codes.min())} to {int(codes.max())}",
                hint="Decode with the codec that encoded.",
            )
        parts = [book.look_up(codes[:, i]) for i, book in enumerate(self._books[:count])]
        return torch.stack(parts).sum(0)

    def require(self, codebooks: int | None) -> int:
        """The number of codebooks asked for, all if None; raises ConfigError if there are fewer."""
        count = len(self.codebooks) if codebooks is None else codebooks
        if not 1 <= count <= len(self.codebooks):
            raise ConfigError(
                f"{count} codebooks are asked for",
                hint=f"Give 1 to {len(self.codebooks)}, as many as the codec has.",
            )
        return count

    def usage(self, *, reset: bool = True) -> list[Usage]:
        """How each codebook was used since the last call with `reset`."""
        return [book.usage(reset=reset) for book in self._books]

    def set_revival(self, revive_below: float) -> None:
        """Another threshold of dead entries in all codebooks; 0: they stay dead."""
        for book in self._books:
            book.settings = replace(book.settings, revive_below=revive_below)


def collapsed(usages: Sequence[Usage]) -> list[int]:
    """The codebooks (from 0) that have collapsed; of too few vectors nothing is said."""
    return [
        number
        for number, own in enumerate(usages)
        if own.vectors >= 4 * own.size
        and (own.used < FEW_USED or own.perplexity < LOW_PERPLEXITY * own.size)
    ]


def warn_of_collapse(usages: Sequence[Usage], step: int) -> list[int]:
    """Warn where codebooks have collapsed, with figures and what to do; returns which (from 0)."""
    found = collapsed(usages)
    if found:
        told = [
            f"codebook {number + 1}: {usages[number].used:.0%} of {usages[number].size} entries "
            f"used, perplexity {usages[number].perplexity:.1f}"
            for number in found
        ]
        warnings.warn(
            f"{len(found)} of {len(usages)} codebooks have collapsed at step {step} "
            f"({listed(told, 3, between='; ')}). If it stays so: lower lr, raise revive_below or "
            "lower revive_every, give larger batches, or fewer entries (size)",
            CollapseWarning,
            stacklevel=2,
        )
    return found
