"""Samples of magnitudes: the phases of a short-time Fourier transform, found in blocks.

Window k is a Hann window of W samples around the middle of the samples k H to (k + 1) H, with W a
multiple of H. With S the spectra of all windows, M their magnitudes and P the spectra of the
samples that fit S best in the least squares (Griffin and Lim 1984), every iteration is that of
Perraudin, Balazs and Sondergaard 2013 (the fast Griffin-Lim algorithm)::

    C_n = P(S_n)          T_n = C_n + a (C_n - C_{n-1})          S_{n+1} = M T_n / |T_n|

Here it goes block by block, so that a sound can be heard before its last window is known (as in
RTISI-LA: Zhu, Beauregard and Wyse 2007): the iterations of a block see the windows that are done,
which stay as they are, and `AHEAD` windows after the block, which are found again with the next
one. Blocks are counted from the first window, so that it makes no difference in which pieces the
magnitudes come.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 20
"""Windows of a block."""

AHEAD = 6
"""Windows after a block that are looked at."""

ITERATIONS = 32
MOMENTUM = 0.99
"""a of the formula."""

_LEAST = 1e-8


def spectra(waves: Tensor, window: int, step: int) -> Tensor:
    """The spectra, complex (B, n / step, window // 2 + 1), of samples (B, n).

    Args:
        waves: n a multiple of `step`; there is silence around them.
        window: W.
        step: H.
    """
    outside = (window - step) // 2
    padded = torch.nn.functional.pad(waves, (outside, window - step - outside))
    frames = padded.unfold(-1, window, step)
    found: Tensor = torch.fft.rfft(frames * torch.hann_window(window, device=waves.device))
    return found


class PhaseFinder:
    """The samples of one sound, whose magnitudes come in pieces.

    Attributes:
        window, step: W and H, in samples.
    """

    def __init__(self, window: int, step: int) -> None:
        self.window, self.step = window, step
        self._hann = torch.hann_window(window)
        self._waiting = torch.zeros(0, window // 2 + 1)
        self._guess = torch.zeros(0, window // 2 + 1, dtype=torch.complex64)
        # What the windows that are done give to the samples of the next ones, and the sum of their
        # squared Hann windows there.
        self._sums = torch.zeros(window - step)
        self._weights = torch.zeros(window - step)
        self._number = 0  # of the first window that waits
        self._drop = (window - step) // 2  # samples before the sound

    @torch.no_grad()
    def push(self, magnitudes: Tensor, *, last: bool = False) -> Tensor:
        """The samples (n,) that nothing later changes, after those that were given before.

        Args:
            magnitudes: float32 (windows, W // 2 + 1), the next ones.
            last: whether the sound ends here: then all samples are given, H for each window.
        """
        self._waiting = torch.cat([self._waiting, magnitudes.float()])
        made = []
        while len(self._waiting) >= BLOCK + AHEAD or (last and len(self._waiting)):
            made.append(self._block())
        if last:
            made.append(self._sums / self._weights.clamp(min=_LEAST))
        found = torch.cat(made) if made else torch.zeros(0)
        dropped = min(self._drop, len(found))
        self._drop -= dropped
        found = found[dropped:]
        if last:
            after = self.window - self.step - (self.window - self.step) // 2
            found = found[: len(found) - after] if self._number else found[:0]
        return found

    def _block(self) -> Tensor:
        """Find the phases of the next block; its samples that no later window reaches."""
        magnitudes = self._waiting[: BLOCK + AHEAD]
        count, done = len(magnitudes), min(BLOCK, len(magnitudes))
        fresh = [_drawn(self._number + i, magnitudes.shape[1])
                 for i in range(len(self._guess), count)]  # fmt: skip
        phases = torch.cat([self._guess, *fresh])[:count]
        base = torch.nn.functional.pad(self._sums, (0, count * self.step))
        before = torch.nn.functional.pad(self._weights, (0, count * self.step))
        weights = before + self._added(self._hann.square().expand(count, -1))
        weights = weights.clamp(min=_LEAST)
        last = torch.zeros_like(phases)
        for _ in range(ITERATIONS):
            waves = (base + self._added(self._frames(magnitudes * phases))) / weights
            found = torch.fft.rfft(waves.unfold(0, self.window, self.step) * self._hann)
            turned = found + MOMENTUM * (found - last)
            phases, last = turned / turned.abs().clamp(min=_LEAST), found
        frames = self._frames(magnitudes[:done] * phases[:done])
        room = done * self.step
        ends = (0, room)
        sums = torch.nn.functional.pad(self._sums, ends) + self._added(frames)
        squares = self._added(self._hann.square().expand(done, -1))
        total = torch.nn.functional.pad(self._weights, ends) + squares
        self._sums, self._weights = sums[room:], total[room:]
        self._guess, self._waiting = phases[done:], self._waiting[done:]
        self._number += done
        return sums[:room] / total[:room].clamp(min=_LEAST)

    def _frames(self, values: Tensor) -> Tensor:
        """The windowed samples (windows, W) of spectra."""
        found: Tensor = torch.fft.irfft(values, self.window) * self._hann
        return found

    def _added(self, frames: Tensor) -> Tensor:
        """The sum of frames (windows, W), each `step` samples after the one before."""
        count, times = len(frames), self.window // self.step
        out = frames.new_zeros(count + times - 1, self.step)
        parts = frames.reshape(count, times, self.step)
        for number in range(times):
            out[number : number + count] += parts[:, number]
        return out.reshape(-1)


def _drawn(number: int, bins: int) -> Tensor:
    """Phases (1, bins), as complex numbers, that the search for a window begins with."""
    angles = torch.rand(1, bins, generator=torch.Generator().manual_seed(number)) * (2 * torch.pi)
    return torch.polar(torch.ones_like(angles), angles)
