"""Replies that are sound, in OpenAI's format: ``modalities``, ``audio``, ``message.audio``."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.audio.codec import encode, resample
from harken.audio.wav_stream import pcm16
from harken.models.base import Speech
from harken.serve.fields import BadRequest

DEFAULT_VOICE = "default"
"""The voice with which none is asked for; every model that speaks has it."""

FORMATS = ("wav", "flac", "pcm16")
_PCM_HZ = 24_000  # of OpenAI's pcm16


@dataclass(frozen=True, slots=True)
class AudioReply:
    """What is asked of a reply that is sound.

    Attributes:
        voice: a name of the model's; empty: any.
        format: one of `FORMATS`.
    """

    voice: str
    format: str


def read_audio(
    body: Mapping[str, Any], voices: Sequence[str] | None, name: str
) -> AudioReply | None:
    """What is asked of the sound of a reply; None: a text is asked for.

    Args:
        body: the request.
        voices: the model's; None: it cannot speak.
        name: of the model, for messages.

    Raises:
        BadRequest: sound of a model that cannot speak, an unknown voice or format, or fields that
            do not go with sound.
    """
    wanted, audio = body.get("modalities"), body.get("audio")
    if wanted is not None and (
        not isinstance(wanted, list)
        or sorted(map(str, wanted)) not in (["text"], ["audio", "text"])
    ):
        raise BadRequest('modalities must be ["text"] or ["text", "audio"]', "modalities")
    if wanted is None or "audio" not in wanted:
        if audio is not None:
            raise BadRequest('audio needs modalities: ["text", "audio"]', "audio")
        return None
    if voices is None:
        raise BadRequest(f"replies of {name} are text only: it cannot speak", "modalities")
    if not isinstance(audio, dict) or set(audio) - {"voice", "format"}:
        raise BadRequest("audio must be an object with voice and format", "audio")
    voice, form = audio.get("voice", DEFAULT_VOICE), audio.get("format", "wav")
    if voice not in (DEFAULT_VOICE, *voices):
        known = ", ".join([DEFAULT_VOICE, *voices])
        raise BadRequest(f"no voice {str(voice)[:80]!r}; {name} has {known}", "audio")
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        raise BadRequest(f"format {str(form)[:80]!r} is not supported; {known} are", "audio")
    for field in ("stop", "logprobs", "return_token_ids"):
        if body.get(field):
            raise BadRequest(f"{field} does not go with a reply that is sound", field)
    return AudioReply("" if voice == DEFAULT_VOICE else str(voice), str(form))


def audio_of(speech: Speech, form: str, number: str, created: int) -> dict[str, Any]:
    """``message.audio`` in OpenAI's format.

    The server keeps no sound, so that it expires when it is made.

    Args:
        speech: what the model said.
        form: one of `FORMATS`.
        number: of the reply.
        created: when, in seconds since 1970.
    """
    if form == "pcm16":
        data = pcm16(np.asarray(resample(speech.samples[None], RATE_HZ, _PCM_HZ)[0], np.float32))
    else:
        data = encode(speech.samples, RATE_HZ, form.upper())
    return {
        "id": f"audio_{number}",
        "data": base64.b64encode(data).decode(),
        "transcript": speech.text,
        "expires_at": created,
    }
