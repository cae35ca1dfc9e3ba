"""Speech from a codec language model: files, or a stream of chunks.

Run:  harken speak speech/model "three" -o three.wav
      harken speak speech/model --continue clip.wav --seconds 2 -o more.wav
      harken speak speech/model "three" -o - | ffplay -
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.audio.wav_stream import pcm16, stream_header
from harken.errors import ConfigError
from harken.models.base import SpeechSampling
from harken.models.codec_lm.generate import SpeechRequest, speak, stream
from harken.models.codec_lm.model import CodecLanguageModel


def request_of(
    model: CodecLanguageModel, text: str, voice: str = "", goes_on: Path | None = None
) -> SpeechRequest:
    """What is asked of a model.

    Args:
        model: the model.
        text: to be said.
        voice: one of the model's.
        goes_on: a recording that is gone on with.

    Raises:
        ConfigError: neither text nor recording. AudioError: one that cannot be read.
    """
    if not text.strip() and goes_on is None:
        raise ConfigError(
            "there is nothing to say", hint='Give a text, as "three", or --continue clip.wav.'
        )
    codes = None if goes_on is None else model.codes_of(Clip("file", str(goes_on)))
    return SpeechRequest(text.strip(), voice, codes)


def speak_file(
    spec: str,
    text: str,
    out: Path,
    sampling: SpeechSampling,
    *,
    voice: str = "",
    goes_on: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Write what a model says, as WAV; returns what was written.

    A recording that is gone on with is in the file too, as its codec gives it back.

    Raises:
        ModelError: no such model. ConfigError, AudioError: see `request_of`.
    """
    model = CodecLanguageModel.open(spec)
    request = request_of(model, text, voice, goes_on)
    (codes,) = speak(model, [request], sampling, [seed])
    samples = model.samples_of(codes)
    write_wav(out, np.clip(samples, -1.0, 1.0), RATE_HZ)
    given = 0 if request.codes is None else len(request.codes)
    return {
        "file": str(out),
        "text": request.text,
        "voice": voice,
        "s": len(samples) / RATE_HZ,
        "given_s": given / model.frames_per_s,
        "frames": len(codes),
        "model": model.identity(),
    }


def speak_stream(
    spec: str,
    text: str,
    write: Callable[[bytes], None],
    sampling: SpeechSampling,
    *,
    voice: str = "",
    goes_on: Path | None = None,
    seed: int = 0,
) -> None:
    """Give `write` a WAV header, then the samples of every chunk as soon as it is drawn.

    Raises:
        ModelError: no such model. ConfigError, AudioError: see `request_of`.
    """
    model = CodecLanguageModel.open(spec)
    request = request_of(model, text, voice, goes_on)
    write(stream_header(RATE_HZ))
    for samples in stream(model, request, sampling, seed):
        write(pcm16(samples))
