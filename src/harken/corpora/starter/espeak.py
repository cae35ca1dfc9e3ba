"""The worker that speaks: espeak-ng by ctypes, in a process of its own. Standard library only.

Run as ``python starter_espeak.py LIBRARY DATA``. Each line of stdin is a JSON request
``{"text", "voice", "speed", "pitch", "range"}``; each answer on stdout is four bytes of length and
then PCM16 at the rate told by the first answer (``espeak-ng VERSION RATE``). Length 0 means that
the voice could not be set or gave no sound.

espeak-ng carries state from one utterance to the next (glottal phase, a random seed taken from the
clock), so the same request would give other bytes each time. Every utterance therefore is the first
one of a freshly loaded library with a fixed seed: in a forked child where there is fork, else by
unloading and loading the library. A crash of the library ends this process, never the caller.
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
    """A freshly loaded espeak-ng that collects what it says."""

    def __init__(self, library: str, data: str) -> None:
        """Load the library and start it on the voices in `data`."""
        self.lib = ctypes.CDLL(library)
        # A relative path, because espeak-ng cuts long ones off (160 bytes).
        os.chdir(os.path.dirname(data))
        self.rate_hz = int(self.lib.espeak_Initialize(SYNCHRONOUS, 0, b".", 0x8000))
        self.heard: list[bytes] = []
        self._callback = Callback(self._hear)
        self.lib.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self.heard.append(ctypes.string_at(samples, 2 * count))
        return 0

    def version(self) -> str:
        """Such as ``1.52.0``."""
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
        return b"".join(self.heard)

    def unload(self) -> None:
        """Drop the library and with it all its state."""
        self.lib.espeak_Terminate()
        import _ctypes

        if sys.platform == "win32":
            _ctypes.FreeLibrary(self.lib._handle)
        else:
            _ctypes.dlclose(self.lib._handle)


def once(library: str, data: str, request: dict[str, Any]) -> bytes:
    """One utterance of a fresh library."""
    if not hasattr(os, "fork"):
        voice = EspeakVoice(library, data)
        spoken = voice.say(request)
        voice.unload()
        return spoken
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(ear)
            with os.fdopen(mouth, "wb") as out:
                out.write(EspeakVoice(library, data).say(request))
            status = 0
        finally:
            os._exit(status)
    os.close(mouth)
    with os.fdopen(ear, "rb") as heard:
        spoken = heard.read()
    _, status = os.waitpid(child, 0)
    return spoken if status == 0 else b""


def main(library: str, data: str) -> None:
    """Answer requests until stdin ends."""
    out = sys.stdout.buffer
    library, data = os.path.abspath(library), os.path.abspath(data)
    probe = EspeakVoice(library, data)
    out.write(f"espeak-ng {probe.version()} {probe.rate_hz}\n".encode())
    out.flush()
    probe.unload()
    for line in sys.stdin:
        spoken = once(library, data, json.loads(line))
        out.write(struct.pack("<I", len(spoken)) + spoken)
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:3])
