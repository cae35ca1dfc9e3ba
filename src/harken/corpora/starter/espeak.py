"""Worker process for speech synthesis: espeak-ng by ctypes. Standard library only.

Run as ``python espeak.py LIBRARY DATA``. Each line of stdin is a JSON request
``{"text", "voice", "speed", "pitch", "range"}``; each answer on stdout is four bytes of length and
then PCM16 at the rate in the first line (``espeak-ng VERSION RATE``). Length 0 means that the voice
could not be set or gave no audio.

espeak-ng keeps state between utterances (glottal phase, a random seed from the clock), so repeated
requests would give different bytes. Every utterance is therefore the first one of a newly loaded
library with a fixed seed: in a forked child where fork exists, else after unloading the library.
A crash of the library ends this process, not the caller's.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from typing import Any

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, nothing is played
SPEED, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER
CHARS_UTF8 = 1
SEED = 7
Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakVoice:
    """A newly loaded espeak-ng library that collects the samples it synthesises."""

    def __init__(self, library: str, data: str) -> None:
        """Load the library and initialise it with the voices in `data`."""
        self.lib = ctypes.CDLL(library)
        # A relative path, because espeak-ng truncates long ones (160 bytes).
        os.chdir(os.path.dirname(data))
        self.rate_hz = int(self.lib.espeak_Initialize(SYNCHRONOUS, 0, b".", 0x8000))
        self.collected: list[bytes] = []
        self._callback = Callback(self._collect)
        self.lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, buffer: Any, count: int, _events: Any) -> int:
        if buffer and count > 0:
            self.collected.append(ctypes.string_at(buffer, 2 * count))
        return 0

    def version(self) -> str:
        """The library's version, such as ``1.52.0``."""
        self.lib.espeak_Info.restype = ctypes.c_char_p
        return str(self.lib.espeak_Info(None).decode().split()[0])

    def say(self, request: dict[str, Any]) -> bytes:
        """The PCM of one request; empty if the voice is unknown."""
        if self.lib.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            return b""
        for parameter, name in ((SPEED, "speed"), (PITCH, "pitch"), (RANGE, "range")):
            self.lib.espeak_SetParameter(parameter, int(request[name]), 0)
        self.lib.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        text = request["text"].encode() + b"\0"
        self.lib.espeak_Synth(text, len(text), 0, 1, 0, CHARS_UTF8, None, None)
        self.lib.espeak_Synchronize()
        return b"".join(self.collected)

    def unload(self) -> None:
        """Unload the library and all its state."""
        self.lib.espeak_Terminate()
        import _ctypes

        if sys.platform == "win32":
            _ctypes.FreeLibrary(self.lib._handle)
        else:
            _ctypes.dlclose(self.lib._handle)


def once(library: str, data: str, request: dict[str, Any]) -> bytes:
    """The PCM of one request by a newly loaded library."""
    if not hasattr(os, "fork"):
        voice = EspeakVoice(library, data)
        pcm = voice.say(request)
        voice.unload()
        return pcm
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_end)
            with os.fdopen(write_end, "wb") as out:
                out.write(EspeakVoice(library, data).say(request))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as collected:
        pcm = collected.read()
    _, status = os.waitpid(child, 0)
    return pcm if status == 0 else b""


def main(library: str, data: str) -> None:
    """Answer requests until stdin ends."""
    out = sys.stdout.buffer
    library, data = os.path.abspath(library), os.path.abspath(data)
    probe = EspeakVoice(library, data)
    out.write(f"espeak-ng {probe.version()} {probe.rate_hz}\n".encode())
    out.flush()
    probe.unload()
    for line in sys.stdin:
        pcm = once(library, data, json.loads(line))
        out.write(struct.pack("<I", len(pcm)) + pcm)
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:3])
