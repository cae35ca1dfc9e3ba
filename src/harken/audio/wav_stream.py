"""WAV whose length is not known when it begins: a header, then 16-bit samples as they come.

Both sizes in the header are the largest, which players and ffmpeg read as "to the end of the
stream" (RIFF WAVE, Multimedia Programming Interface and Data Specifications 1.0, 1991: sizes are
unsigned 32-bit integers).
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_UNKNOWN = 0xFFFFFFFF


def stream_header(rate_hz: int) -> bytes:
    """The header of mono 16-bit samples at `rate_hz` of unknown number."""
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return b"".join(
        [
            b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVE",
            b"fmt " + struct.pack("<I", len(form)) + form,
            b"data" + struct.pack("<I", _UNKNOWN),
        ]
    )


def pcm16(samples: npt.NDArray[np.float32]) -> bytes:
    """Samples as little-endian 16-bit integers, steps of 1/32768; beyond full scale is clipped."""
    scaled = np.clip(np.rint(samples.astype(np.float64) * 32768.0), -32768, 32767)
    return scaled.astype("<i2").tobytes()
