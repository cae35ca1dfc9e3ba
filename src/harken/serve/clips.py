"""The clips of a request: base64 in, files in the request's folder out, decoded within limits."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.audio.probe import DecodeLimit, probe
from harken.errors import AudioError
from harken.serve.fields import BadRequest, Limits

FORMATS = frozenset(
    {"wav", "wave", "x-wav", "vnd.wave", "mp3", "mpeg", "flac", "x-flac", "ogg", "opus"}
    | {"aiff", "x-aiff", "aif", "au", "basic", "caf", "x-caf", "w64"}
)
"""Accepted format names and MIME subtypes. The bytes decide how a clip is decoded."""

_DATA_URI = re.compile(r"data:audio/([a-z0-9.+-]+)((?:;[a-z0-9=.+-]+)*);base64,", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n]+")


class ClipReader:
    """Reads the clips of one request; the limits hold for all of them together."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        """`folder` is where the audio is written; the caller removes it."""
        self.limits = limits
        self.folder = folder
        self._samples = float(limits.samples)
        self._until = time.monotonic() + limits.decode_s

    def read(self, kind: str, held: Mapping[str, Any], where: str) -> Clip:
        """The clip of a block ``input_audio`` or ``audio_url``.

        Raises:
            BadRequest: it is no inline audio of a known format, or above a limit.
        """
        known = {"input_audio": {"data", "format"}, "audio_url": {"url"}}[kind]
        for field, value in held.items():
            if field not in known and value is not None:
                raise BadRequest(f"{where}: {kind} has no field {field[:80]!r}", "messages")
        name: Any
        if kind == "input_audio":
            name, data = held.get("format"), held.get("data")
        else:
            name, data = _inline(held.get("url"), where)
        if not isinstance(name, str) or name.lower() not in FORMATS or not isinstance(data, str):
            known_names = ", ".join(sorted(FORMATS))
            found = f"{where}: format {str(name)[:80]!r} is not one of {known_names}"
            raise BadRequest(found, "messages")
        return self._clip(data, where)

    def _clip(self, data: str, where: str) -> Clip:
        """Write the audio into the request's folder, and decode all of it."""
        try:
            # Line breaks are part of base64 as MIME has it (RFC 2045), and `base64` prints them.
            raw = base64.b64decode(_SPACE.sub("", data), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest(f"{where}: the audio is not base64: {error}", "messages") from None
        name = sha256(raw).hexdigest()
        path = self.folder / name
        path.write_bytes(raw)
        limit = DecodeLimit(self.limits.clip_s, self._samples, self._until, foreign=False)
        try:
            found = probe(path, limit=limit)
        except AudioError as error:
            told = f"{where}: {error.reason}: {error.found}"
            raise BadRequest(told, "messages") from None
        self._samples -= found.duration_s * found.rate_hz * found.channels
        return Clip(path=str(path), duration_s=found.duration_s, sha256=name)


def _inline(url: Any, where: str) -> tuple[str, str]:
    """MIME subtype and base64 of a data URI."""
    match = _DATA_URI.match(url) if isinstance(url, str) else None
    if match is None or not isinstance(url, str):
        found = f"{where}: audio_url must be a data URI (data:audio/wav;base64,…)"
        raise BadRequest(found + "; addresses are not fetched", "messages")
    return match[1].lower(), url[match.end() :]
