"""Decoding, resampling and encoding: libsndfile through soundfile, and soxr.

Samples are float32, (channels, frames), in this module. Files are read in blocks.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from harken.audio.container import flac_end_is_whole, flac_without_length, read_header
from harken.audio.foreign import FOREIGN, transcoded
from harken.audio.header import MAX_DURATION_S, Header, check_count
from harken.audio.mp3 import mp3_window
from harken.audio.view import Patch, PatchedView
from harken.errors import AudioError

BLOCK = 1 << 17
"""Samples (frames x channels) decoded at a time: half a megabyte as float32."""

FLAC_CHANNELS = 8
"""Most channels of FLAC."""

LOUDEST = 64.0
"""Largest valid sample: 36 dB over full scale. Integers stored as floats are far above."""

_SOUGHT = ("wav", "flac", "w64", "aiff", "au", "caf")
"""Formats in which decoding may begin at any sample."""

Samples = NDArray[np.float32]


def open_regular(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> BinaryIO:
    """Open a regular file for reading; never blocks on a pipe or a device.

    Raises:
        AudioError: ``bad-name``, ``missing``, ``broken-link``, ``escapes-root``, ``not-a-file``,
            ``unreadable`` or ``empty``.
    """
    name = os.fspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        found = "the name is not valid UTF-8, so no dataset could hold it; rename the file"
        raise AudioError("bad-name", found) from None
    try:
        if root is not None and not Path(os.path.realpath(name)).is_relative_to(
            os.path.realpath(root)
        ):
            raise AudioError("escapes-root", "the path leads outside the corpus", where=name)
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise AudioError("not-a-file", "a folder, pipe, socket or device", where=name)
        # O_NONBLOCK: if the name becomes a pipe between the check and the open, do not wait.
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError:
        raise AudioError("bad-name", "the name holds a NUL byte", where=name) from None
    except OSError as error:
        raise _open_error(name, error) from None
    # Unbuffered: the decoder moves the same descriptor, which a buffer would not notice.
    file = cast(BinaryIO, os.fdopen(handle, "rb", buffering=0))
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        file.close()
        reason = "not-a-file" if not stat.S_ISREG(status.st_mode) else "empty"
        raise AudioError(reason, "the file has 0 bytes", where=name)
    return file


def _open_error(name: str, error: OSError) -> AudioError:
    """The AudioError for a failed open."""
    try:
        if os.path.islink(name):
            return AudioError("broken-link", f"a link to nothing: {error.strerror}", where=name)
    except (OSError, ValueError):
        pass
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return AudioError("missing", "there is no such file", where=name)
    return AudioError("unreadable", f"cannot be opened: {error.strerror}", where=name)


def damage(file: BinaryIO, error: AudioError) -> AudioError:
    """`error`, or ``truncated`` in place of ``corrupt`` for a FLAC file that was cut short."""
    file.seek(0)
    if error.reason == "corrupt" and file.read(4) == b"fLaC":
        size = file.seek(0, os.SEEK_END)
        if not flac_end_is_whole(file, size):
            return AudioError("truncated", "the file ends inside a frame", where=error.where)
    return error


@contextmanager
def open_sound(file: BinaryIO, header: Header, longest_s: float = MAX_DURATION_S) -> Iterator[Any]:
    """A `soundfile.SoundFile` on an open file or on bytes in memory, as `header` describes it.

    FLAC is opened without the length that its header states, so that all of it is read; it cannot
    be sought in then. `longest_s` bounds what a further decoder writes (`foreign`).

    Raises:
        AudioError: no decoder opens it.
    """
    with ExitStack() as held:
        source: Any = file
        patches = header.patches
        if header.format in FOREIGN:
            source = held.enter_context(transcoded(file, longest_s))
            patches = read_header(source, "wav", source.seek(0, os.SEEK_END)).patches
        elif header.format == "flac" and header.frames is None:
            patches = (flac_without_length(file),)
        yield held.enter_context(_opened(source, header, patches))


def _opened(file: BinaryIO, header: Header, patches: Sequence[Patch]) -> Any:
    """The decoder on bytes of which some are replaced."""
    import soundfile

    class Stream(soundfile.SoundFile):  # type: ignore[misc]
        """FLAC whose length is not known: at its end soundfile would seek, which fails."""

        def seekable(self) -> bool:
            return False

    opened = Stream if header.format == "flac" and header.frames is None else soundfile.SoundFile
    view: Any = io.BufferedReader(PatchedView(file, patches)) if patches else file
    view = io.BufferedReader(mp3_window(cast(BinaryIO, view))) if header.format == "mp3" else view
    view.seek(0)
    try:
        if view is not file or isinstance(file, io.BytesIO):
            return opened(view)
        return opened(file.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        raise AudioError("bad-header", f"no decoder opens it: {error.error_string}") from None


def blocks(sound: Any, dtype: str = "float32", count: int | None = None) -> Iterator[NDArray[Any]]:
    """(frames, channels) blocks from the current position, at most `count` frames in all."""
    import soundfile

    step = max(1, BLOCK // sound.channels)
    while count is None or count > 0:
        try:
            block = sound.read(
                step if count is None else min(step, count), dtype=dtype, always_2d=True
            )
        except soundfile.LibsndfileError as error:
            raise AudioError("corrupt", f"decoding fails: {error.error_string}") from None
        if len(block) == 0:
            return
        if count is not None:
            count -= len(block)
        yield block


def check_values(block: NDArray[Any]) -> None:
    """Refuse NaN, infinities and values far beyond full scale."""
    peak = float(np.max(np.abs(block), initial=0.0))
    if not np.isfinite(peak):
        bad = int(np.count_nonzero(~np.isfinite(block)))
        raise AudioError("non-finite", f"{bad} samples in one block are NaN or infinite")
    if peak > LOUDEST:
        found = f"samples reach {peak:,.0f} times full scale; were integers stored as floats?"
        raise AudioError("out-of-range", found)


def decode(
    file: BinaryIO,
    header: Header,
    start_s: float = 0.0,
    length_s: float | None = None,
    *,
    mono: bool = False,
    rate_hz: int = 0,
    most: int | None = None,
) -> tuple[Samples, int]:
    """Samples (channels, frames) of a span, and their rate.

    Lossless formats are decoded from the start of the span; lossy ones from the beginning, and the
    frames before the span are dropped, because their decoders carry state across a seek. The file
    is read in blocks, and only the result is held: with `mono` and `rate_hz` a recording of many
    channels at a high rate needs no more memory than what is made of it.

    Args:
        file: open for reading.
        header: as `harken.audio.container.read_header` gives it.
        start_s: where the span begins.
        length_s: its length; None: to the end.
        mono: average all channels.
        rate_hz: resample to this rate; 0: as it is.
        most: stop with `TooLarge` when the result has more bytes.

    Raises:
        AudioError: ``out-of-span`` when the source is shorter than the span by over 10 ms, or any
            reason that decoding gives.
        TooLarge: the result has more than `most` bytes.
    """
    whole = not start_s and length_s is None
    # Read to its end: libsndfile stops at the length that FLAC's header states.
    opened = replace(header, frames=None) if whole and header.format == "flac" else header
    try:
        longest = MAX_DURATION_S if length_s is None else min(MAX_DURATION_S, start_s + length_s)
        with open_sound(file, opened, longest) as sound:
            return _decode(sound, header, start_s, length_s, _Shaper(sound, mono, rate_hz), most)
    except AudioError as error:
        raise damage(file, error) from None


class TooLarge(Exception):
    """What is decoded has more bytes than it may have."""


class _Shaper:
    """Turns blocks (frames, channels) into what is asked for, one after the other.

    soxr gives the same samples for a stream in pieces as for the whole.
    """

    def __init__(self, sound: Any, mono: bool, rate_hz: int) -> None:
        import soxr

        self.from_hz = int(sound.samplerate)
        self.to_hz = rate_hz or self.from_hz
        self.channels = 1 if mono else int(sound.channels)
        self._stream: Any = None
        if self.to_hz != self.from_hz:
            self._stream = soxr.ResampleStream(
                self.from_hz, self.to_hz, self.channels, dtype="float32", quality="HQ"
            )

    def __call__(self, block: NDArray[Any], last: bool = False) -> Samples:
        """The part of the result that is known after this block."""
        block = _mixed(block, self.channels)
        if self._stream is None:
            return block
        return cast(Samples, self._stream.resample_chunk(np.ascontiguousarray(block), last=last))

    def length(self, frames: int) -> int:
        """Samples of the result for `frames` of the source."""
        if self._stream is None or not frames:
            return frames
        return max(1, round(frames * self.to_hz / self.from_hz))


def _mixed(block: NDArray[Any], channels: int) -> Samples:
    """(frames, n) -> (frames, channels): the average of all where one is asked for."""
    if channels == 1 and block.shape[1] > 1:
        block = block.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    return cast(Samples, block)


def _decode(
    sound: Any,
    header: Header,
    start_s: float,
    length_s: float | None,
    shaper: _Shaper,
    most: int | None,
) -> tuple[Samples, int]:
    """The work of `decode`."""
    rate = int(sound.samplerate)
    skip = round(start_s * rate)
    count = None if length_s is None else round(length_s * rate)
    if header.format in _SOUGHT and header.frames is not None and 0 < skip <= sound.frames:
        sound.seek(skip)
        skip = 0
    kept: list[Samples] = []
    frames = size = 0
    for block in blocks(sound, count=None if count is None else skip + count):
        check_values(block)
        if skip >= len(block):
            skip -= len(block)
            continue
        part = block[skip:]
        skip = 0
        frames += len(part)
        kept.append(shaper(part))
        size += kept[-1].nbytes
        if most is not None and size > most:
            raise TooLarge
    short = 0 if count is None else count - frames
    if skip > 0 or short > rate // 100 or (not kept and count != 0):
        raise AudioError(
            "out-of-span",
            f"the span {start_s:g} s + {length_s if length_s is not None else 0:g} s "
            f"goes past the end of the source",
        )
    if not start_s and count is None:
        check_count(header, frames)
    if short > 0:  # the span was rounded; no samples are missing
        kept.append(shaper(np.zeros((short, int(sound.channels)), np.float32)))
    if frames:
        kept.append(shaper(np.zeros((0, int(sound.channels)), np.float32), last=True))
    samples = np.concatenate(kept) if kept else np.zeros((0, shaper.channels), np.float32)
    samples = fitted(samples.T, shaper.length(frames + max(short, 0)))
    return np.ascontiguousarray(samples, dtype=np.float32), shaper.to_hz


def fitted(samples: Samples, length: int) -> Samples:
    """(channels, n) cut or padded with zeros to `length`: a resampler may be a sample off."""
    return np.pad(samples[:, :length], ((0, 0), (0, max(0, length - samples.shape[1]))))


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """(channels, n) at `from_hz` -> (channels, round(n * to / from)) at `to_hz`, by soxr HQ."""
    if from_hz == to_hz or samples.shape[1] == 0:
        return samples
    import soxr

    length = max(1, round(samples.shape[1] * to_hz / from_hz))
    out = soxr.resample(np.ascontiguousarray(samples.T), from_hz, to_hz, quality="HQ").T
    return np.ascontiguousarray(fitted(out, length), dtype=np.float32)


def encode(samples: NDArray[Any], rate_hz: int, format: str) -> bytes:
    """Encode (n,) or (channels, n) as 16-bit ``"WAV"`` or ``"FLAC"``; same samples, same bytes."""
    import soundfile

    block = np.atleast_2d(np.asarray(samples)).T
    if block.size == 0:
        raise AudioError("no-samples", "there are no samples to encode")
    check_values(block)
    # Round here, not in the codec: steps of 1/32768, exactly what the decoder returns.
    # A power of two loses nothing in float32 either.
    exact = np.float32 if block.dtype == np.float32 else np.float64
    steps = np.multiply(block, 32768.0, dtype=exact)
    np.rint(steps, out=steps)
    whole = np.clip(steps, -32768, 32767, out=steps).astype(np.int16)
    out = io.BytesIO()
    soundfile.write(out, whole, rate_hz, format=format, subtype="PCM_16")
    return out.getvalue()


def encode_float(samples: NDArray[Any], rate_hz: int) -> bytes:
    """Encode (n,) or (channels, n) as 32-bit float WAV; the same samples give the same bytes."""
    from scipy.io import wavfile  # libsndfile would write the time of day into a PEAK chunk

    block = np.atleast_2d(np.asarray(samples, np.float32)).T
    check_values(block)
    out = io.BytesIO()
    wavfile.write(out, rate_hz, np.ascontiguousarray(block))
    return out.getvalue()


def encode_whole(samples: NDArray[Any], rate_hz: int) -> bytes:
    """Encode (n,) or (channels, n) without a loss that is heard; same samples, same bytes.

    16-bit FLAC; 24-bit FLAC where all samples are below 1/64 (-36 dBFS) and steps of 16 bits would
    be coarse; 32-bit float WAV where samples are beyond full scale, which integers cannot hold, or
    where there are more channels than FLAC has.
    """
    import soundfile

    block = np.atleast_2d(np.asarray(samples, np.float32)).T
    peak = float(np.max(np.abs(block), initial=0.0))
    if peak > 1.0 or block.shape[1] > FLAC_CHANNELS:
        return encode_float(samples, rate_hz)
    steps = block.astype(np.float64) * 32768.0
    if peak >= 1 / 64 or np.array_equal(steps, np.rint(steps)):
        return encode(samples, rate_hz, "FLAC")
    check_values(block)
    fine = np.rint(steps * 256.0).astype(np.int32) << 8
    out = io.BytesIO()
    soundfile.write(out, fine, rate_hz, format="FLAC", subtype="PCM_24")
    return out.getvalue()


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write under a temporary name, then rename, so that a killed job leaves no partial file."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
