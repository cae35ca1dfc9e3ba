"""Which formats this installation can encode and decode, tested by a round trip."""

from __future__ import annotations

import io

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
"""Name -> libsndfile's container and subtype."""


def codecs() -> dict[str, bool]:
    """Format -> whether half a second of a tone can be written to memory and read back."""
    try:
        import numpy as np
        import soundfile
    except (
        ImportError,
        OSError,
    ):  # OSError: the package is installed, but its library does not load
        return dict.fromkeys(FORMATS, False)
    tone = 0.3 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(24_000))
    works = {}
    for name, (container, subtype) in FORMATS.items():
        memory = io.BytesIO()
        try:
            soundfile.write(memory, tone, 48_000, format=container, subtype=subtype)
            memory.seek(0)
            back, _ = soundfile.read(memory)
        except (RuntimeError, ValueError, TypeError):  # raised by soundfile for formats it lacks
            works[name] = False
        else:
            works[name] = len(back) > 20_000 and 0.1 < float(np.abs(back).max()) < 0.6
    return works
