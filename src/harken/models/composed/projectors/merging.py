"""merging: neighbouring audio tokens that are alike become one, down to a share of them.

Of n tokens (means of `pool` frames) ⌈keep · n⌉ remain. Again and again those two neighbours become
one whose joining loses least, the earlier ones where two lose the same: of neighbours of a and b
members with means x and y, joining raises the squared error of all members to their means by
a · b / (a + b) · |x - y|² (Ward 1963). So a held tone or a pause is few tokens, and a syllable is
several. The number depends on the clip's length alone, as the places of its tokens in the prompt
must.

A-ToMe (Li et al. 2023, arXiv 2306.16009) merges the most similar neighbours inside of an encoder,
layer by layer, here it is done once, behind it; without the sizes a and b long runs arise, whose
means say less than those of equally many frames (`benchmarks/merging.py`). TimeAudio (arXiv
2511.11039) keeps a quarter of its audio tokens, chosen by attention. Tokens are of unequal length
then, so with ``times`` each carries its time: the mean of the embeddings of its members' places.
`spans` tells from where to where each goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.composed.projectors.base import Projector, windows

_DIGITS = 6
"""Losses are rounded to so many, so that what is equal but for rounding is equal."""


class MergingProjector(Projector):
    """Means of `pool` frames, merged with their neighbours -> two linear layers -> tokens.

    Settings: ``keep`` (0.25, the share of tokens that remains), ``hidden``, the width between the
    layers (the language model's if not given).
    """

    name = "merging"
    about = "the mean of neighbouring frames; alike neighbours become one token; keep=0.25"
    options: ClassVar[Mapping[str, type]] = {**Projector.options, "keep": float, "hidden": int}

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.keep = float(settings.get("keep", 0.25))
        if not 0 < self.keep <= 1:
            raise ConfigError(f"keep of merging is {self.keep} (accepted: more than 0, up to 1)")
        hidden = int(settings.get("hidden") or out)
        self.first, self.second = nn.Linear(width, hidden), nn.Linear(hidden, out)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        return cls(width, out, settings)

    def tokens(self, frames: int) -> int:
        """⌈keep · n⌉ of the n tokens that there are before merging."""
        return kept(-(-frames // self.pool), self.keep)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out)."""
        return self._tokens(*self._members(frames, counts))

    def project(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """See `Projector.project`; a token's time is the mean of its members'."""
        pooled, members = self._members(self.mixed(frames), counts)
        tokens = self._tokens(pooled, members)
        tokens = tokens if self.norm_out is None else self.norm_out(tokens)
        if self.times is None:
            return tokens
        place = torch.arange(pooled.shape[1], device=tokens.device)
        own: Tensor = self.times(place.clamp(max=self.times.num_embeddings - 1))
        return tokens + members.to(own.dtype) @ own

    def spans(self, frames: Tensor, counts: Sequence[int]) -> list[list[tuple[int, int]]]:
        """From which encoder frame up to which each token goes, end not included.

        Args:
            frames: as the encoder gives them (B, T, all layers).
            counts: valid frames in each row.

        Returns:
            Of each row the spans of its tokens, one after another without gaps.
        """
        _, members = self._members(self.mixed(frames), counts)
        found = []
        for row, count in zip(members, counts, strict=True):
            sizes = (row[: self.tokens(count)] > 0).sum(1).cumsum(0) * self.pool
            ends = [min(int(end), count) for end in sizes]
            found.append([*zip([0, *ends[:-1]], ends, strict=True)])
        return found

    def _tokens(self, pooled: Tensor, members: Tensor) -> Tensor:
        hidden = self.first(members @ pooled)
        out: Tensor = self.second(nn.functional.gelu(hidden))
        return out

    def _members(self, frames: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Means of `pool` frames (B, n, width), and `merged` of them."""
        cut, valid = windows(frames, counts, self.pool)
        pooled = cut.sum(2) / valid.sum(2, keepdim=True).clamp(min=1)
        return pooled, merged(pooled, [-(-count // self.pool) for count in counts], self.keep)


def kept(count: int, keep: float) -> int:
    """⌈keep · count⌉, at least one; `keep` is taken to nine digits."""
    return max(1, math.ceil(round(keep * count, 9)))


def merged(vectors: Tensor, counts: Sequence[int], keep: float) -> Tensor:
    """Which neighbours become one: the weights that make tokens of vectors.

    Found on the CPU, without a gradient: some milliseconds for a clip of 750 vectors.

    Args:
        vectors: (B, n, width).
        counts: valid vectors in each row.
        keep: share of them that remains.

    Returns:
        (B, m, n): row j has 1 / size at the members of token j, and 0 elsewhere; m is the most
        tokens of a row, and rows past the tokens of a shorter clip are 0.
    """
    own = vectors.detach().double().cpu().numpy()
    goals = [kept(count, keep) for count in counts]
    weights = np.zeros((len(own), max(goals), own.shape[1]), np.float32)
    for row, (count, goal) in enumerate(zip(counts, goals, strict=True)):
        for slot, (start, end) in enumerate(segments(own[row, :count], goal)):
            weights[row, slot, start:end] = 1 / (end - start)
    return torch.from_numpy(weights).to(vectors.device, vectors.dtype)


def segments(vectors: npt.NDArray[np.float64], goal: int) -> list[tuple[int, int]]:
    """The spans of `goal` runs of neighbours, joined where least is lost.

    Args:
        vectors: (n, width).
        goal: 1 to n.
    """
    sums = np.pad(vectors.cumsum(0), ((1, 0), (0, 0)))
    size = max(float(np.square(vectors).sum(1).mean()), np.finfo(float).tiny)
    edges = list(range(len(vectors) + 1))

    def lost(at: int) -> float:
        """Of joining run `at` and the next, as a share of a vector's mean square."""
        start, middle, end = edges[at : at + 3]
        first, other = middle - start, end - middle
        gap = (sums[middle] - sums[start]) / first - (sums[end] - sums[middle]) / other
        return round(first * other / (end - start) * float(gap @ gap) / size, _DIGITS)

    losses = [lost(at) for at in range(len(vectors) - 1)]
    while len(edges) - 1 > goal:
        at = losses.index(min(losses))
        del edges[at + 1], losses[at]
        if at < len(losses):
            losses[at] = lost(at)
        if at:
            losses[at - 1] = lost(at - 1)
    return [*pairwise(edges)]
