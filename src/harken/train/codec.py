"""Training of a codec on recordings: waveform, spectra at several resolutions, commitment.

With x a piece of a recording, y its reconstruction, |X_w| the magnitudes of a short-time Fourier
transform with windows of w samples, and sums over the windows, the loss of the kind ``conv`` is::

    loss = time_weight · mean|x - y| / mean|x|
         + spectral_weight · mean over w of (mean|X_w - Y_w| / mean|X_w|
                                             + mean|log(X_w + c) - log(Y_w + c)|)
         + commitment_weight · commitment

The spectral part is that of Yamamoto et al. 2019 (arXiv 1910.11480) in the L1 form; SoundStream
(arXiv 2107.03312) and EnCodec (arXiv 2210.13438) use mel spectra and an adversary beside it, and
there is none here. The kind ``spectral`` writes magnitudes Y itself, at the one resolution of its
windows, and has no waveform to compare; with mel(X) half the log of the power of mel bands::

    loss = spectral_weight · (mean|X - Y| / mean|X| + mean|log(X + c) - log(Y + c)|)
         + mel_weight · mean|mel(X) - mel(Y)| + commitment_weight · commitment

Pieces get a drawn level, so that the codec meets loud and quiet sounds, and each example uses a
drawn number of codebooks, so that the first ones are of use alone.
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
from harken.listed import listed
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.conv import ConvCodec, ConvCodecShape
from harken.models.codec.own import OWN_KINDS, OwnCodec
from harken.models.codec.quantiser import Quantised, warn_of_collapse
from harken.models.codec.spectral import FLOOR, SpectralCodec, SpectralCodecShape
from harken.models.engine.features import Array, FeatureCache
from harken.runs import Run
from harken.train.module_loop import ModuleSettings, train_module

_EPSILON = 1e-3
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTraining(ModuleSettings):
    """Settings of a codec and its training.

    Attributes:
        kind: ``conv`` (convolutions over samples) or ``spectral`` (log-mel spectra and magnitudes).
        dim, codebooks, size: of what is quantised, and the codebooks.
        strides, channels: of ``conv``; see `ConvCodecShape`.
        mels, width: of ``spectral``; see `SpectralCodecShape`.
        crop_s: length of a piece, in seconds.
        level_db: lowest and highest RMS level of a piece, in dB of full scale.
        time_weight, spectral_weight, mel_weight, commitment_weight: of the loss.
        windows: of the spectra of the loss of ``conv``, in samples.
        drop_codebooks: share of the examples that use a drawn number of codebooks; the others use
            all.
        ema_decay, kmeans_steps, revive_below, revive_every: see `CodebookSettings`.
        watch_every: steps between two looks at how the codebooks are used.
    """

    name: str = "codec"
    steps: int = 2000
    batch: int = 12
    lr: float = 1e-3
    kind: str = "conv"
    strides: tuple[int, ...] = (8, 5, 4, 2)
    channels: tuple[int, ...] = (32, 64, 96, 128)
    mels: int = 80
    width: int = 160
    dim: int = 64
    codebooks: int = 8
    size: int = 256
    crop_s: float = 0.8
    level_db: tuple[float, ...] = (-35.0, -15.0)
    time_weight: float = 1.0
    spectral_weight: float = 0.5
    mel_weight: float = 1.0
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
        weights = (
            *("time_weight", "spectral_weight", "mel_weight", "commitment_weight"),
            "drop_codebooks",
        )
        found += [self.fault(name, 0) for name in weights]
        if len(self.level_db) != 2 or self.level_db[0] > self.level_db[1]:
            found.append(f"level_db is {self.level_db!r} (accepted: the lowest and the highest)")
        if not self.windows or min(self.windows) < 8:
            found.append(f"windows are {self.windows!r} (accepted: one or more, of 8 or more)")
        if self.kind not in OWN_KINDS:
            found.append(f"kind is {self.kind!r} (accepted: {listed(OWN_KINDS)})")
        return found

    def build(self) -> OwnCodec:
        """The codec, with fresh weights."""
        more: dict[str, Any] = {"seed": self.seed, "name": self.name}
        sizes: dict[str, Any] = {"dim": self.dim, "codebooks": self.codebooks, "size": self.size}
        if self.kind == "spectral":
            shape = SpectralCodecShape(mels=self.mels, width=self.width, **sizes)
            return SpectralCodec.build(shape, self.codebook(), **more)
        own = ConvCodecShape(strides=self.strides, channels=self.channels, **sizes)
        return ConvCodec.build(own, self.codebook(), **more)

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


def train_codec(clips: Sequence[Clip], settings: CodecTraining, run: Run) -> OwnCodec:
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
    codec = settings.build()
    losses = _spectral_losses if settings.kind == "spectral" else _conv_losses
    pieces = Pieces(clips, settings, codec.hop)
    net, known = codec.net, list[int]()  # a collapse is told once

    def loss_of(step: int) -> tuple[Tensor, dict[str, Any]]:
        piece = pieces.draw(step)
        found, errors = losses(net, piece, settings)
        errors = {**errors, "commitment": found.commitment}
        weighted = [getattr(settings, f"{name}_weight") * own for name, own in errors.items()]
        loss = torch.stack(weighted).sum()
        told: dict[str, Any] = {name: float(own.detach()) for name, own in errors.items()}
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


def _conv_losses(
    net: Any, piece: _Piece, settings: CodecTraining
) -> tuple[Quantised, dict[str, Tensor]]:
    """What the quantiser made, and the errors ``time`` and ``spectral``."""
    made, found = net(piece.waves, piece.mask, piece.used)
    time = relative_error(piece.waves, made)
    return found, {"time": time, "spectral": spectral_error(piece.waves, made, settings.windows)}


def _spectral_losses(
    net: Any, piece: _Piece, settings: CodecTraining
) -> tuple[Quantised, dict[str, Tensor]]:
    """What the quantiser made, and the errors ``spectral`` and ``mel``; padding is no part."""
    logs, found = net(piece.waves, piece.mask, piece.used)
    real = piece.mask.repeat_interleave(net.shape.stack, 1)
    sound, made = net.magnitudes(piece.waves), logs.exp()
    mel = (net.log_mel(sound) - net.log_mel(made)).abs().mean(2)[real].mean()
    return found, {"spectral": magnitude_error(sound, made, real), "mel": mel}


def magnitude_error(sound: Tensor, made: Tensor, real: Tensor) -> Tensor:
    """The spectral part of the loss of magnitudes (B, T, F) and (B, T, F).

    Args:
        sound: of the recordings.
        made: of their reconstructions.
        real: bool (B, T), false where a window is padding.
    """
    mask = real[..., None].to(sound)
    count = mask.sum((1, 2)).clamp(min=1.0) * sound.shape[2]
    scale = ((sound * mask).sum((1, 2)) / count).clamp(min=1e-6)
    linear = ((sound - made).abs() * mask).sum((1, 2)) / count / scale
    logs = ((sound + FLOOR).log() - (made + FLOOR).log()).abs() * mask
    return (linear + logs.sum((1, 2)) / count).mean()


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
