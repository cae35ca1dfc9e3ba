"""Training of a codec on recordings: waveform, spectra at several resolutions, commitment.

With x a piece of a recording, y its reconstruction, |X_w| the magnitudes of a short-time Fourier
transform with windows of w samples, and sums over the windows::

    loss = time_weight · mean|x - y| / mean|x|
         + spectral_weight · mean over w of (mean|X_w - Y_w| / mean|X_w|
                                             + mean|log(X_w + c) - log(Y_w + c)|)
         + commitment_weight · commitment

The spectral part is that of Yamamoto et al. 2019 (arXiv 1910.11480) in the L1 form; SoundStream
(arXiv 2107.03312) and EnCodec (arXiv 2210.13438) use mel spectra and an adversary beside it, and
there is none here. Pieces get a drawn level, so that the codec meets loud and quiet sounds, and
each example uses a drawn number of codebooks, so that the first ones are of use alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.errors import DataError
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.conv import ConvCodec, ConvCodecShape
from harken.models.codec.quantiser import warn_of_collapse
from harken.models.engine.features import Array, FeatureCache
from harken.runs import Run
from harken.train.module_loop import ModuleSettings, train_module

_EPSILON = 1e-3
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTraining(ModuleSettings):
    """Settings of a codec and its training.

    Attributes:
        strides, channels, dim, codebooks, size: see `ConvCodecShape`.
        crop_s: length of a piece, in seconds.
        level_db: lowest and highest RMS level of a piece, in dB of full scale.
        time_weight, spectral_weight, commitment_weight: of the loss.
        windows: of the spectra, in samples.
        drop_codebooks: share of the examples that use a drawn number of codebooks; the others use
            all.
        ema_decay, kmeans_steps, revive_below, revive_every: see `CodebookSettings`.
        watch_every: steps between two looks at how the codebooks are used.
    """

    name: str = "codec"
    steps: int = 2000
    batch: int = 12
    lr: float = 1e-3
    strides: tuple[int, ...] = (8, 5, 4, 2)
    channels: tuple[int, ...] = (32, 64, 96, 128)
    dim: int = 64
    codebooks: int = 8
    size: int = 256
    crop_s: float = 0.8
    level_db: tuple[float, ...] = (-35.0, -15.0)
    time_weight: float = 1.0
    spectral_weight: float = 0.5
    commitment_weight: float = 0.25
    windows: tuple[int, ...] = (128, 512, 2048)
    drop_codebooks: float = 0.5
    ema_decay: float = 0.98
    kmeans_steps: int = 10
    revive_below: float = 2.0
    revive_every: int = 10
    watch_every: int = 50

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = super(CodecTraining, self).faults()
        found += [self.fault("watch_every", 1), self.fault("crop_s", 0, above=True)]
        weights = ("time_weight", "spectral_weight", "commitment_weight", "drop_codebooks")
        found += [self.fault(name, 0) for name in weights]
        if len(self.level_db) != 2 or self.level_db[0] > self.level_db[1]:
            found.append(f"level_db is {self.level_db!r} (accepted: the lowest and the highest)")
        if not self.windows or min(self.windows) < 8:
            found.append(f"windows are {self.windows!r} (accepted: one or more, of 8 or more)")
        return found

    def shape(self) -> ConvCodecShape:
        """The sizes of the codec."""
        return ConvCodecShape(
            strides=self.strides,
            channels=self.channels,
            dim=self.dim,
            codebooks=self.codebooks,
            size=self.size,
        )

    def codebook(self) -> CodebookSettings:
        """How its codebooks are learned."""
        return CodebookSettings(
            size=self.size,
            decay=self.ema_decay,
            kmeans_steps=self.kmeans_steps,
            revive_below=self.revive_below,
            revive_every=self.revive_every,
            seed=self.seed,
        )


def train_codec(clips: Sequence[Clip], settings: CodecTraining, run: Run) -> ConvCodec:
    """A codec trained on clips.

    Args:
        clips: recordings of any length; they are read when they are drawn, and kept in memory up
            to the bound of `FeatureCache`.
        settings: of codec and training.
        run: gets metrics and checkpoints; a run that was killed goes on.

    Returns:
        The codec, whose `training` tells how its codebooks were used in the last steps.

    Raises:
        DataError: no clips.
        AudioError: one that cannot be read.
        RunError: see `train_module`.
    """
    if not clips:
        raise DataError("there are no recordings to train on", hint="Name a corpus with some.")
    codec = ConvCodec.build(
        settings.shape(), settings.codebook(), seed=settings.seed, name=settings.name
    )
    pieces = Pieces(clips, settings, codec.hop)
    net, known = codec.net, list[int]()  # a collapse is told once

    def loss_of(step: int) -> tuple[Tensor, dict[str, Any]]:
        piece = pieces.draw(step)
        made, found = net(piece.waves, piece.mask, piece.used)
        time = relative_error(piece.waves, made)
        spectral = spectral_error(piece.waves, made, settings.windows)
        loss = settings.time_weight * time + settings.spectral_weight * spectral
        loss = loss + settings.commitment_weight * found.commitment
        told: dict[str, Any] = {
            "time": float(time.detach()),
            "spectral": float(spectral.detach()),
            "commitment": float(found.commitment.detach()),
        }
        if (step + 1) % settings.watch_every == 0:
            usages = net.quantiser.usage()
            if step + 1 > settings.watch_every and not known:
                known.extend(warn_of_collapse(usages, step + 1))
            told["perplexity"] = [round(own.perplexity, 2) for own in usages]
            told["used"] = [round(own.used, 4) for own in usages]
            told["revived"] = [own.revived for own in usages]
        return loss, told

    train_module(net, settings, run, loss_of)
    watched = [record for record in run.records("metrics") if "used" in record]
    if watched:
        keys = ("step", "perplexity", "used", "revived")
        codec.training = {key: watched[-1][key] for key in keys}
    return codec


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A batch: (B, n) waves, (B, frames) mask, (B,) codebooks in use."""

    waves: Tensor
    mask: Tensor
    used: Tensor


@dataclass(slots=True)
class Pieces:
    """Draws the batches of a training; what is drawn depends on the seed and the step only.

    Every second of every recording is as likely as any other. Of two drawn places the louder one is
    taken, since recordings have much silence.

    Attributes:
        clips: the recordings.
        settings: of the training.
        hop: samples of a frame.
    """

    clips: Sequence[Clip]
    settings: CodecTraining
    hop: int
    _cache: FeatureCache = field(default_factory=FeatureCache)
    _chances: Array | None = None

    def draw(self, step: int) -> _Piece:
        """The batch of a step."""
        settings, rng = self.settings, np.random.default_rng([self.settings.seed, 41, step])
        length = max(1, round(settings.crop_s * RATE_HZ / self.hop)) * self.hop
        waves = np.zeros((settings.batch, length), np.float32)
        mask = np.zeros((settings.batch, length // self.hop), bool)
        for row in range(settings.batch):
            own = self._crop(rng, length)
            waves[row, : len(own)] = _levelled(own, rng, settings.level_db)
            mask[row, : -(-len(own) // self.hop)] = True
        count = settings.codebooks
        used = np.where(
            rng.random(settings.batch) < settings.drop_codebooks,
            rng.integers(1, count + 1, settings.batch),
            count,
        )
        return _Piece(torch.from_numpy(waves), torch.from_numpy(mask), torch.from_numpy(used))

    def _crop(self, rng: np.random.Generator, length: int) -> Array:
        """A piece that is not silent, of at most `length` samples."""
        for _ in range(20):
            clip = self.clips[int(rng.choice(len(self.clips), p=self._shares()))]
            samples = self._cache.get(clip, "samples", load, _LONGEST_S)
            starts = rng.integers(0, max(1, len(samples) - length + 1), 2)
            places = [samples[start : start + length] for start in starts]
            own = max(places, key=lambda piece: float(np.square(piece).sum()))
            if own.size and float(np.abs(own).max()) > 1e-4:
                return own
        raise DataError(
            "twenty drawn pieces in a row were silent",
            hint="Look at the recordings: harken scan CORPUS",
        )

    def _shares(self) -> Any:
        """The probability of each clip: its share of the time."""
        if self._chances is None:
            lengths = np.array([clip.duration_s or 1.0 for clip in self.clips], np.float64)
            self._chances = lengths / lengths.sum()
        return self._chances


def _levelled(samples: Array, rng: np.random.Generator, level_db: Sequence[float]) -> Array:
    """`samples` at a drawn RMS level, without going beyond full scale."""
    level = 10.0 ** (rng.uniform(level_db[0], level_db[1]) / 20.0)
    gain = level / max(float(np.sqrt(np.square(samples).mean())), 1e-9)
    return np.asarray(samples * min(gain, 1.0 / float(np.abs(samples).max())), np.float32)


def relative_error(sound: Tensor, made: Tensor) -> Tensor:
    """Mean over (B, n) of mean|x - y| / mean|x|."""
    scale = sound.abs().mean(1).clamp(min=1e-6)
    return ((sound - made).abs().mean(1) / scale).mean()


def spectral_error(sound: Tensor, made: Tensor, windows: Sequence[int]) -> Tensor:
    """The spectral part of the loss of (B, n) and (B, n)."""
    parts = []
    for size in windows:
        first, other = magnitudes(sound, size), magnitudes(made, size)
        mean = first.mean((1, 2), keepdim=True).clamp(min=1e-6)
        linear = ((first - other).abs() / mean).mean()
        logs = ((first + _EPSILON).log() - (other + _EPSILON).log()).abs().mean()
        parts.append(linear + logs)
    return torch.stack(parts).mean()


def magnitudes(waves: Tensor, size: int) -> Tensor:
    """(B, size // 2 + 1, frames): |STFT| with Hann windows of `size` samples every size / 4."""
    window = torch.hann_window(size, device=waves.device)
    # Padded by hand: torch.stft reflects, which needs waves longer than half a window.
    padded = torch.nn.functional.pad(waves, (size // 2, size // 2))
    found = torch.stft(padded, size, size // 4, window=window, center=False, return_complex=True)
    return (found.real.square() + found.imag.square() + 1e-9).sqrt()
