"""memory: windows of a long clip, each a few summary tokens, kept in a memory of bounded size.

A clip that is longer than a window is divided into equal windows, which are encoded one at a time.
Another projector makes tokens of each, and these become `summary` tokens: the means of as many
stretches of the window, and what learned queries find in it. A segment of the memory begins as one
window; where there are more than `segments`, the two neighbours that stand for fewest windows
become one: of each pair of neighbouring tokens the mean, weighted by how much a learned score says
that there is to be heard. A weighted mean of tokens is scored as a token is, so what has been
learned of one merge holds for those that an hour needs, one upon the other; equal weights would
halve a single sound with each of them. So an hour is heard through as many tokens as ten minutes,
the older and the newer in equal detail, and the language model reads them in order.

The absolute time of a window is added to its summary, as sinusoids through a learned matrix, which
is zero at first: at random it would be as loud as a word, and differ at hours that training never
reached. A clip that fits into one window is heard as the inner projector gives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.composed.projectors.base import Projector, require_heads

_TIMES = 16
"""Sinusoids of the time of a window, a sine and a cosine each."""
_LONGEST_S = 4 * 3600.0
"""The longest period of them; the shortest is two windows."""


class Summary(nn.Module):
    """n tokens -> `count` tokens: means of stretches, and what queries find."""

    def __init__(self, width: int, count: int, heads: int) -> None:
        super().__init__()
        self.count = count
        self.query = nn.Parameter(torch.randn(count, width) * 0.02)
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, width) -> (count, width); of few tokens some stand in several stretches."""
        means = torch.stack([stretch.mean(0) for stretch in _stretches(tokens, self.count)])
        seen = self.norm(tokens)[None]
        found, _ = self.attention(
            (self.norm(means) + self.query)[None], seen, tokens[None], need_weights=False
        )
        out: Tensor = means + found[0]
        return out


class WeightedMerge(nn.Module):
    """n tokens -> `count` tokens: the mean of each stretch, weighted by softmax(score).

    The score is linear in the direction of a token, and zero at first: means.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.score = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, width) -> (count, width); of few tokens some stand in several stretches."""
        both = torch.cat([tokens, self.score(self.norm(tokens))], -1)
        return torch.stack([
            stretch[:, -1].softmax(0) @ stretch[:, :-1] for stretch in _stretches(both, self.count)
        ])  # fmt: skip


def _stretches(tokens: Tensor, count: int) -> list[Tensor]:
    """`count` stretches of neighbours, together all of them; of few some stand in several."""
    edges = [number * len(tokens) // count for number in range(count + 1)]
    return [tokens[start : max(end, start + 1)] for start, end in pairwise(edges)]


class MemoryProjector(Projector):
    """See the module's docstring.

    Settings: ``inner`` (``mlp``: a projector, or all of its settings), ``window_s`` (30),
    ``summary`` (4 tokens a segment), ``segments`` (64 at most), ``heads`` (4), and ``pool`` of the
    inner one.

    Attributes:
        inner: makes tokens of a window.
        window_s: the longest window, in seconds.
        summary, segments: see the settings.
    """

    name = "memory"
    about = "hours in bounded tokens: inner=mlp, window_s=30, summary=4 tokens, segments=64 at most"
    options: ClassVar[Mapping[str, type]] = {
        "inner": str, "window_s": float, "summary": int, "segments": int, "heads": int,
        "pool": int, "norm": bool, "clip_numbers": int,
    }  # fmt: skip

    def __init__(self, inner: Projector, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(out, settings)
        self.inner = inner
        self.window_s = float(settings.get("window_s") or 30.0)
        self.summary = int(settings.get("summary") or 4)
        self.segments = int(settings.get("segments") or 64)
        heads = int(settings.get("heads") or 4)
        if min(self.window_s, self.summary, self.segments, heads) <= 0 or self.segments < 2:
            raise ConfigError(
                "a memory needs a window, summary tokens, heads, and two segments or more",
                where="projector",
            )
        if type(inner).into is not Projector.into or isinstance(inner, MemoryProjector):
            raise ConfigError(
                f"the projector {inner.name} cannot be the inner one of a memory",
                hint="Use one that makes tokens only, such as mlp or window-qformer.",
            )
        self.of_window = Summary(out, self.summary, require_heads(out, heads, self.name))
        self.of_two = WeightedMerge(out, self.summary)
        self.time = nn.Linear(2 * _TIMES, out, bias=False)

    @classmethod
    def build(cls, width: int, out: int, settings: Mapping[str, Any]) -> Self:
        """See `Projector.build`."""
        from harken.models.composed.projectors.registry import PROJECTORS

        given = settings.get("inner") or "mlp"
        shared = {"pool": settings.get("pool", 1), "norm": settings.get("norm", False)}
        own = dict(given) if isinstance(given, Mapping) else {"kind": given, **shared}
        inner = PROJECTORS.get(own.get("kind", "mlp")).build(width, out, own)
        return cls(inner, out, settings)

    def finish(self, shape: Sequence[tuple[int, int]], gain: float) -> None:
        """The inner projector mixes layers and has norms; here is one more after the memory."""
        self.inner.finish(shape, gain)
        self.begin(gain)

    def begin(self, gain: float) -> None:
        """The weights of the memory itself, at the scale of the language model's embeddings."""
        nn.init.zeros_(self.time.weight)
        if self._norm:
            self.norm_out = nn.RMSNorm(self._out, eps=1e-6)
            nn.init.constant_(self.norm_out.weight, gain)

    def tokens(self, frames: int) -> int:
        """Of a clip of one window: those of the inner projector."""
        return self.inner.tokens(frames)

    def recalled(self, windows: int) -> int:
        """Number of tokens of a clip of several windows."""
        return self.summary * min(windows, self.segments)

    def project(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """Clips of one window: (B, T, all layers) -> (B, tokens, out), by the inner projector."""
        return self.inner.project(frames, counts)

    def summarised(self, frames: Tensor, count: int, start_s: float) -> Tensor:
        """One window, frames (1, T, all layers) of which `count` are valid -> (summary, out)."""
        tokens = self.inner.project(frames, [count])[0, : self.inner.tokens(count)]
        made: Tensor = self.of_window(tokens)
        time: Tensor = self.time(self._sinusoids(start_s).to(made))
        return made + time

    def remembered(self, windows: int, summary_of: Callable[[int], Tensor]) -> Tensor:
        """The tokens of a clip, (recalled(windows), out).

        Args:
            windows: their number.
            summary_of: number of a window -> `summarised`; called once for each, in order.
        """
        kept: list[tuple[int, Tensor]] = []
        for number in range(windows):
            kept.append((1, summary_of(number)))
            if len(kept) > self.segments:
                at = min(range(len(kept) - 1), key=lambda i: kept[i][0] + kept[i + 1][0])
                (one, first), (other, second) = kept[at], kept[at + 1]
                kept[at : at + 2] = [(one + other, self.of_two(torch.cat([first, second])))]
        found = torch.cat([tokens for _, tokens in kept])
        return found if self.norm_out is None else self.norm_out(found)

    def _sinusoids(self, start_s: float) -> Tensor:
        """(2 · _TIMES,): periods from two windows to `_LONGEST_S` in equal ratios."""
        shortest = 2 * self.window_s
        ratio = max(_LONGEST_S / shortest, 2.0) ** (1 / (_TIMES - 1))
        phase = 2 * math.pi * start_s / (shortest * ratio ** torch.arange(_TIMES))
        return torch.cat([phase.sin(), phase.cos()])
