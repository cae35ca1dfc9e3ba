"""Whose voice is it: pieces of speech between pauses, how alike their voices are, who has which.

A voice is told by the mean of cepstral coefficients of its voiced frames and the median of its
pitch. Most of what these vary in is *what* is said; a `VoiceSpace` leaves that out: directions in
which one speaker's recordings differ are scaled down, and those are kept in which speakers differ
(linear discriminant analysis, Fisher 1936; within-class covariance normalisation, Hatch et al.
2006). It is fitted to recordings of named speakers, and used for others.

Two voices at the same time are one piece: what is said at once is not taken apart.
"""

from __future__ import annotations

import warnings
from bisect import bisect, insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harken.errors import ConfigError
from harken.files import write_json
from harken.parsing import load_json

Array = NDArray[np.float64]
Piece = tuple[int, int]
"""The first frame of some, and the one after the last."""

RATE_HZ = 16_000
FRAME, HOP, SIZE = 400, 160, 512
MEL_BANDS, CEPSTRA = 40, 19
LOW_HZ, HIGH_HZ = 60.0, 7600.0
PITCH_HZ = (60.0, 420.0)
VOICED = 0.5
"""Least normalised autocorrelation of a voiced frame."""

NEARLY = 0.85
"""Of the highest peak: a lower one before it is the period."""

QUIET_DB, FLOOR_DB, LOUD_DB = 30.0, 8.0, 6.0
"""Speech is above the loudest frame less the first, and above the quiet frames plus the second;
what is within the third of the loudest frame is speech, so that a clip without pauses is one."""

PAUSE_S = 0.09
SHORTEST_S = 0.08
SILENT_DB = -90.0
"""Level of the loudest frame, below which there is no speech."""

HALF, SIDE, STEP = 25, 100, 4
"""Frames of 10 ms on either side of a change of voice within a piece, at least and at most, and
from one place that is tried to the next."""

BLOCK = 2000
"""Frames that are measured at a time."""

CHANGE = 1.5
"""A change of voice within a piece is so many times as far apart as two speakers are."""

PAIRED = 100
"""Recordings of a speaker whose distances are compared when a space is fitted."""

DIMENSIONS = 8
SHRINKAGE = 0.05
DEFAULT = Path(__file__).parent / "data" / "voices.json"
"""The space of the 18 training voices of the generated starter corpus, one word each."""


class VoiceTurn(NamedTuple):
    """A piece of speech, in seconds, and whose it is: 1, 2, … in the order of their first turns."""

    start_s: float
    end_s: float
    speaker: int


@dataclass(frozen=True, eq=False, slots=True)
class VoiceSpace:
    """Where voices are placed.

    Attributes:
        mean, scale: of the vectors of `voice`, (d,).
        directions: (d, k), whitened within speakers.
        apart: the distance above which two pieces are of different speakers: where, of the pairs it
            was fitted to, the share of one speaker above it is that of two speakers below it.
        error: that share.
        about: what it was fitted to.
    """

    mean: Array
    scale: Array
    directions: Array
    apart: float
    error: float
    about: str = ""

    def placed(self, voices: Array) -> Array:
        """(n, k) of (n, d); what a piece has not got (the pitch of a whisper) is as on average."""
        found: Array = np.nan_to_num((voices - self.mean) / self.scale) @ self.directions
        return found

    def write(self, path: Path) -> None:
        """As JSON, to six digits."""
        rows = {name: np.round(getattr(self, name), 6).tolist()
                for name in ("mean", "scale", "directions")}  # fmt: skip
        write_json(path, {"kind": "voices", "about": self.about, "apart": round(self.apart, 6),
                          "error": round(self.error, 6), **rows})  # fmt: skip


def read_voices(path: Path = DEFAULT) -> VoiceSpace:
    """The space in a file that `VoiceSpace.write` wrote.

    Raises:
        ConfigError: there is none, or it does not fit `voice`.
    """
    try:
        raw = load_json(path)
        mean, scale, directions = (np.array(raw[k], float) for k in ("mean", "scale", "directions"))
        told = float(raw["apart"]), float(raw["error"]), str(raw["about"])
        space = VoiceSpace(mean, scale, directions, *told)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"no voices can be read: {error}",
            where=str(path),
            hint="examples/voices/fit_voices.py makes such a file of a corpus with speakers.",
        ) from None
    if space.directions.shape[:1] != (CEPSTRA + 1,) or space.mean.shape != (CEPSTRA + 1,):
        raise ConfigError(f"voices of {space.mean.shape[0]} numbers each", where=str(path))
    return space


def voice(samples: NDArray[Any]) -> Array:
    """Log of the median pitch (NaN if nothing is voiced), mean cepstral coefficients 1 to 19.

    Args:
        samples: (n,) at 16 kHz, of one piece of speech.
    """
    return _heard(samples).voice(0, None)


def fit_voices(voices: Array, speakers: Sequence[str], about: str = "") -> VoiceSpace:
    """The space in which `voices` (n, d) of named speakers are best told apart.

    Raises:
        ConfigError: fewer than three speakers, or one piece of each.
    """
    names = np.array(speakers)
    several = [name for name in sorted({*speakers}) if (names == name).sum() > 1]
    if len(several) < 3:
        raise ConfigError(
            f"{len(several)} speakers with two recordings or more",
            hint="Give recordings of three named speakers or more.",
        )
    kept = np.isin(names, several)
    names, own = names[kept], voices[kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a number
        mean, scale = np.nanmean(own, 0), np.nanstd(own, 0) + 1e-9
    own = np.nan_to_num((own - mean) / scale)
    groups = [own[names == name] for name in several]
    within = sum(np.cov(group.T) for group in groups) / len(groups)
    values, vectors = np.linalg.eigh(within + SHRINKAGE * np.eye(own.shape[1]))
    whitened = vectors / np.sqrt(values)
    centres = np.array([(group @ whitened).mean(0) for group in groups])
    _, turned = np.linalg.eigh(np.cov(centres.T))
    k = min(DIMENSIONS, len(several) - 1)
    directions = whitened @ turned[:, ::-1][:, :k]
    apart, error = _apart(own @ directions, names)
    return VoiceSpace(mean, scale, directions, apart, error, about)


def voice_turns(
    samples: NDArray[Any], space: VoiceSpace, pause_s: float = PAUSE_S, most: int = 0
) -> list[VoiceTurn]:
    """Who speaks when.

    Pieces are cut at pauses, and where the voice changes within one; pieces whose voices are near
    each other are one speaker's (average linkage).

    Args:
        samples: (n,) at 16 kHz.
        space: of voices.
        pause_s: shorter pauses do not end a piece.
        most: speakers, at most; 0: as many as are told apart.

    Returns:
        In order of time; [] where nothing is heard.
    """
    heard = _heard(samples)
    found = [part for piece in heard.pieces(pause_s) for part in heard.split(*piece, space)]
    if not found:
        return []
    placed = space.placed(np.array([heard.voice(*piece) for piece in found]))
    numbers: dict[int, int] = {}
    turns: list[VoiceTurn] = []
    for piece, label in zip(found, _clustered(placed, space.apart, most), strict=True):
        start, end = (place / RATE_HZ for place in _samples(piece, len(samples)))
        if turns and turns[-1].end_s > start:  # frames on both sides of a cut overlap
            turns[-1] = turns[-1]._replace(end_s=start)
        turns.append(VoiceTurn(start, end, numbers.setdefault(label, len(numbers) + 1)))
    return turns


def pieces(samples: NDArray[Any], pause_s: float = PAUSE_S) -> list[tuple[int, int]]:
    """First sample and end of each stretch without a pause, by level."""
    return [_samples(piece, len(samples)) for piece in _heard(samples).pieces(pause_s)]


def _samples(piece: Piece, length: int) -> tuple[int, int]:
    """First sample and end of some frames."""
    first, stop = piece
    return first * HOP, min(length, (stop - 1) * HOP + FRAME)


@dataclass(frozen=True, eq=False, slots=True)
class _Heard:
    """What is measured of each frame: level in dB, pitch in Hz, how voiced it is, cepstra."""

    level: Array
    pitch: Array
    strength: Array
    cepstra: Array

    def voice(self, first: int, stop: int | None) -> Array:
        """`voice` of some frames."""
        level = self.level[first:stop]
        kept = level > level.max() - QUIET_DB
        voiced = kept & (self.strength[first:stop] > VOICED)
        used = self.cepstra[first:stop][voiced if voiced.any() else kept]
        pitch = self.pitch[first:stop][voiced]
        return np.concatenate([[np.log(np.median(pitch)) if len(pitch) else np.nan], used.mean(0)])

    def pieces(self, pause_s: float) -> list[Piece]:
        """Frames without a pause between them."""
        level = self.level
        loudest = float(level.max())
        if loudest < SILENT_DB:
            return []
        floor = max(float(np.percentile(level, 10)) + FLOOR_DB, loudest - QUIET_DB)
        loud = np.flatnonzero(level > min(floor, loudest - LOUD_DB))
        gaps = np.flatnonzero(np.diff(loud) * HOP > pause_s * RATE_HZ)
        firsts, lasts = loud[np.concatenate(([0], gaps + 1))], loud[np.concatenate((gaps, [-1]))]
        found = [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]
        return [(a, b) for a, b in found if (b - a) * HOP >= SHORTEST_S * RATE_HZ]

    def split(self, first: int, stop: int, space: VoiceSpace) -> list[Piece]:
        """A piece, cut where the voice before is far enough from the voice after.

        The farthest is cut first; what is near a cut is compared again, not beyond it.
        """
        cuts = [first, stop]
        places = np.arange(first + HALF, stop - HALF + 1, STEP)
        apart = np.array([self._apart(int(place), cuts, space) for place in places])
        while len(places) and apart.max() > CHANGE * space.apart:
            cut = int(places[apart.argmax()])
            insort(cuts, cut)
            for number in np.flatnonzero(np.abs(places - cut) < SIDE):
                apart[number] = self._apart(int(places[number]), cuts, space)
        return list(pairwise(cuts))

    def _apart(self, place: int, cuts: Sequence[int], space: VoiceSpace) -> float:
        """How far the voice before a frame is from the one after it; 0 near a cut."""
        number = bisect(cuts, place)
        low, high = cuts[number - 1], cuts[min(number, len(cuts) - 1)]
        if place - low < HALF or high - place < HALF:
            return 0.0
        sides = (max(low, place - SIDE), place), (place, min(high, place + SIDE))
        one, other = space.placed(np.array([self.voice(*side) for side in sides]))
        return float(np.linalg.norm(one - other))


def _heard(samples: NDArray[Any]) -> _Heard:
    """All frames of a clip, measured a block at a time."""
    from scipy.fft import dct

    own = np.asarray(samples)
    own = own if len(own) >= FRAME else np.pad(own, (0, FRAME - len(own)))
    frames = np.lib.stride_tricks.sliding_window_view(own, FRAME)[::HOP]
    found: list[tuple[Array, ...]] = []
    for start in range(0, len(frames), BLOCK):
        block = frames[start : start + BLOCK].astype(np.float64)
        block -= block.mean(1, keepdims=True)  # a constant is no sound
        level = 10 * np.log10((block**2).mean(1) + 1e-10)
        power = np.abs(np.fft.rfft(block * np.hanning(FRAME), SIZE)) ** 2
        cepstra = dct(np.log(power @ _mel_bank() + 1e-8), norm="ortho", axis=1)
        found.append((level, *_pitch(block), cepstra[:, 1 : CEPSTRA + 1]))
    return _Heard(*(np.concatenate(one) for one in zip(*found, strict=True)))


def _clustered(placed: Array, apart: float, most: int) -> list[int]:
    """A number for each row, the same where rows are near each other."""
    if len(placed) == 1:
        return [1]
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(placed, "average")
    labels = fcluster(tree, apart, "distance")
    if most and len(set(labels.tolist())) > most:
        labels = fcluster(tree, most, "maxclust")
    return [int(label) for label in labels]


def _apart(placed: Array, names: NDArray[Any]) -> tuple[float, float]:
    """The distance at which both errors of pairs are equal, and that error."""
    from scipy.spatial.distance import pdist

    chosen, count = [], 0
    for name in np.unique(names):  # whole speakers
        chosen.append(np.flatnonzero(names == name)[:PAIRED])
        count += len(chosen[-1])
        if count > 2000:
            break
    placed, names = placed[np.concatenate(chosen)], names[np.concatenate(chosen)]
    first, second = np.triu_indices(len(placed), 1)
    return equal_error(pdist(placed), names[first] == names[second])


def equal_error(distance: Array, same: NDArray[Any]) -> tuple[float, float]:
    """The distance at which as many pairs of one speaker are above as of two are below; the share.

    Args:
        distance: of pairs, (n,).
        same: whether a pair is of one speaker, bool (n,); some are, and some are not.
    """
    one, two = np.sort(distance[same]), np.sort(distance[~same])
    tried = np.quantile(distance, np.linspace(0, 1, 1001))
    missed = 1 - np.searchsorted(one, tried, "right") / len(one)
    joined = np.searchsorted(two, tried, "right") / len(two)
    best = int(np.argmin(np.abs(missed - joined)))
    return float(tried[best]), float((missed[best] + joined[best]) / 2)


def _pitch(frames: Array) -> tuple[Array, Array]:
    """Pitch in Hz of each frame, and its normalised autocorrelation there.

    Of a periodic frame all multiples of its period are peaks, nearly as high: the first peak counts
    that is nearly the highest.
    """
    power = np.abs(np.fft.rfft(frames, 2 * SIZE)) ** 2
    own = np.fft.irfft(power)[:, :FRAME]
    own = own / np.maximum(own[:, :1], 1e-12) / (1 - np.arange(FRAME) / FRAME)
    low, high = round(RATE_HZ / PITCH_HZ[1]), round(RATE_HZ / PITCH_HZ[0])
    near, own = own[:, low - 1 : high + 1], own[:, low:high]
    peaks = (own >= near[:, :-2]) & (own >= near[:, 2:])
    high_enough = own >= NEARLY * np.max(own * peaks, axis=1, keepdims=True)
    best = (peaks & high_enough).argmax(1)
    return RATE_HZ / (low + best), np.where(peaks.any(1), own[np.arange(len(own)), best], 0.0)


@lru_cache(maxsize=1)
def _mel_bank() -> Array:
    """(bins, bands) of triangular filters."""
    hz = np.fft.rfftfreq(SIZE, 1 / RATE_HZ)
    mel = 2595 * np.log10(1 + hz / 700)
    low, high = (2595 * float(np.log10(1 + f / 700)) for f in (LOW_HZ, HIGH_HZ))
    edges = np.linspace(low, high, MEL_BANDS + 2)
    rise = (mel[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - mel[:, None]) / np.diff(edges)[1:]
    bank: Array = np.clip(np.minimum(rise, fall), 0, None)
    return bank
