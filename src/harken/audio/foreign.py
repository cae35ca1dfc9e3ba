"""Formats that libsndfile does not read: M4A, AAC, WebM and others, where FFmpeg is there.

PyAV (``pip install 'harken[m4a]'``) brings FFmpeg's libraries; without it an ``ffmpeg`` on the
path is used. Either turns the file into a WAV of float32 in a temporary file, which is then read
like any other. Without both, such files are refused, with what would help.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from typing import Any, BinaryIO, cast

from harken.audio.header import MAX_CHANNELS, MAX_DURATION_S, Header
from harken.errors import AudioError

FOREIGN = ("mp4", "aac", "matroska", "asf")
"""Formats for FFmpeg: M4A and MP4, AAC in ADTS frames, WebM and Matroska, WMA."""


def foreign_format(head: bytes) -> str | None:
    """One of `FOREIGN` by the first bytes, or None."""
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[:8] == bytes.fromhex("3026b2758e66cf11"):
        return "asf"
    if len(head) > 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        rate, channels = head[2] >> 2 & 15, (head[2] & 1) << 2 | head[3] >> 6
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return "aac" if rate < 13 and channels and length > 7 else None
    return None


def has_pyav() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def read_foreign(format: str) -> Header:
    """The header of such a file, of which only the decoder knows more.

    Raises:
        AudioError: ``unsupported``: there is no decoder for it.
    """
    if not has_pyav() and not shutil.which("ffmpeg"):
        raise AudioError(
            "unsupported",
            f"{format} is read by FFmpeg only, and neither PyAV nor ffmpeg is installed",
            hint="Run: pip install 'harken[m4a]', or convert the file to FLAC or WAV.",
        )
    return Header(format)


def transcoded(file: BinaryIO, longest_s: float = MAX_DURATION_S) -> BinaryIO:
    """The first sound track of an open file as a WAV of float32, in a temporary file.

    Stops after `longest_s` seconds and a little: what is longer is refused by who reads it.

    Raises:
        AudioError: ``corrupt`` or ``no-samples``.
    """
    out = cast(BinaryIO, tempfile.TemporaryFile(prefix="harken-"))  # noqa: SIM115
    try:
        file.seek(0)
        (_by_pyav if has_pyav() else _by_ffmpeg)(file, out, longest_s + 1.0)
        out.seek(0)
        return out
    except BaseException:
        out.close()
        raise


def _by_pyav(file: BinaryIO, out: BinaryIO, longest_s: float) -> None:
    """Decode with PyAV."""
    import av
    import numpy as np
    import soundfile

    sound: Any = None
    written = 0
    try:
        with av.open(file, mode="r") as container:
            if not container.streams.audio:
                raise AudioError("no-samples", "the file has no sound track")
            for frame in container.decode(audio=0):
                if sound is None:
                    rate, channels = int(frame.sample_rate), len(frame.layout.channels)
                    if not 0 < channels <= MAX_CHANNELS or rate <= 0:
                        raise AudioError("bad-header", f"{channels} channels at {rate} Hz")
                    # RF64, since the size is not known before, and may be over 4 GB.
                    sound = soundfile.SoundFile(
                        out.fileno(), "w", rate, channels, "FLOAT", format="RF64", closefd=False
                    )
                    shaped = av.AudioResampler("fltp", frame.layout, rate)
                for part in shaped.resample(frame):
                    block = np.asarray(part.to_ndarray(), np.float32)
                    sound.write(np.ascontiguousarray(block.T))
                    written += block.shape[1]
                if written > longest_s * rate:
                    break
    except av.FFmpegError as error:
        raise AudioError("corrupt", f"decoding fails: {error}") from None
    finally:
        if sound is not None:
            sound.close()
    if not written:
        raise AudioError("no-samples", "nothing can be decoded")


def _by_ffmpeg(file: BinaryIO, out: BinaryIO, longest_s: float) -> None:
    """Decode with the program ffmpeg; it sees a copy of the file and opens nothing else."""
    with tempfile.NamedTemporaryFile(prefix="harken-") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        command = ["ffmpeg", "-v", "error", "-xerror", "-nostdin", "-protocol_whitelist", "file"]
        command += ["-i", f"file:{copy.name}", "-map", "0:a:0", "-t", f"{longest_s:.3f}"]
        command += [
            "-f",
            "wav",
            "-rf64",
            "auto",
            "-c:a",
            "pcm_f32le",
            "-bitexact",
            f"file:{copy.name}.wav",
            "-y",
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=600, check=False)
            if done.returncode:
                told = done.stderr.decode("utf-8", "replace").strip().splitlines()
                raise AudioError("corrupt", f"ffmpeg: {(told or ['no message'])[-1][:200]}")
            with open(f"{copy.name}.wav", "rb") as made:
                shutil.copyfileobj(made, out)
        except (subprocess.TimeoutExpired, OSError) as error:
            raise AudioError("corrupt", f"ffmpeg fails: {type(error).__name__}") from None
        finally:
            if os.path.exists(f"{copy.name}.wav"):
                os.unlink(f"{copy.name}.wav")
