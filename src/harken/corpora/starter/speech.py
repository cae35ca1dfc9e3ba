"""Voices, words and sentences of the starter corpus, synthesised by espeak-ng (extra ``starter``).

A voice is an accent, a variant (which shifts formants, breath and pitch), a pitch and a speed; its
name is the speaker label. Six of the 24 voices are in the test split only.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import Array, ParameterDraws
from harken.errors import DataError, MissingExtra


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """One speaker: its name, the espeak-ng voice, and its settings (0-100, words a minute)."""

    name: str
    espeak: str
    pitch: int
    range: int
    speed: int
    split: str


VOICES: tuple[VoiceSettings, ...] = (
    VoiceSettings("us-adam", "en-us+m1", 38, 50, 150, "train"),
    VoiceSettings("us-fay", "en-us+f1", 55, 60, 160, "train"),
    VoiceSettings("gb-max", "en+m3", 30, 40, 150, "train"),
    VoiceSettings("gb-flora", "en+f2", 62, 60, 155, "test"),
    VoiceSettings("scot-ewan", "en-gb-scotland+m2", 45, 70, 160, "test"),
    VoiceSettings("scot-isla", "en-gb-scotland+f3", 50, 50, 165, "train"),
    VoiceSettings("rp-miles", "en-gb-x-rp+m4", 52, 40, 145, "train"),
    VoiceSettings("rp-freya", "en-gb-x-rp+f4", 70, 70, 170, "train"),
    VoiceSettings("carib-moses", "en-029+m5", 28, 60, 150, "train"),
    VoiceSettings("carib-fifi", "en-029+f5", 75, 60, 160, "test"),
    VoiceSettings("nyc-mike", "en-us-nyc+m6", 58, 60, 175, "train"),
    VoiceSettings("nyc-fran", "en-us-nyc+f2", 42, 40, 165, "train"),
    VoiceSettings("us-whisper", "en-us+whisper", 50, 50, 150, "train"),
    VoiceSettings("gb-whisper", "en+whisperf", 60, 50, 145, "train"),
    VoiceSettings("us-croak", "en-us+croak", 35, 30, 150, "train"),
    VoiceSettings("gb-grandpa", "en+grandpa", 30, 40, 135, "test"),
    VoiceSettings("us-grandma", "en-us+grandma", 60, 50, 140, "train"),
    VoiceSettings("us-klatt", "en-us+klatt2", 40, 50, 150, "train"),
    VoiceSettings("gb-klatt", "en+klatt4", 65, 50, 155, "train"),
    VoiceSettings("lancs-mel", "en-gb-x-gbclan+m7", 48, 50, 155, "test"),
    VoiceSettings("brum-belinda", "en-gb-x-gbcwmd+belinda", 55, 60, 150, "train"),
    VoiceSettings("us-robot", "en-us+UniRobot", 50, 10, 150, "train"),
    VoiceSettings("us-demon", "en-us+Demonic", 30, 40, 150, "train"),
    VoiceSettings("us-anika", "en-us+anika", 50, 60, 160, "test"),
)

WORDS: tuple[str, ...] = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "yes", "no", "up", "down", "left", "right", "stop", "go", "house", "water",
)  # fmt: skip

SENTENCES: tuple[str, ...] = (
    "The {colour} {thing} is {where} the {place}.",
    "Please put {count} {colour} {thing}s {where} the {place}.",
    "I saw a {colour} {thing} {where} the {place}.",
    "We need {count} {thing}s before {day}.",
    "The {thing} {where} the {place} is {colour}.",
    "On {day} I lost my {colour} {thing}.",
)
SLOTS: dict[str, tuple[str, ...]] = {
    "colour": ("red", "blue", "green", "yellow", "black", "white", "brown", "pink"),
    "thing": ("boat", "cup", "door", "book", "lamp", "coat", "chair", "bottle", "letter", "ball"),
    "where": ("near", "behind", "under", "beside", "inside"),
    "place": ("bridge", "window", "garden", "station", "kitchen", "table", "river", "market"),
    "count": ("two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def sentence(draws: ParameterDraws) -> str:
    """A short sentence: a template, and a word drawn for each slot."""
    template = draws.pick("template", SENTENCES)
    slots = {
        slot: draws.pick(slot, words) for slot, words in SLOTS.items() if f"{{{slot}}}" in template
    }
    return template.format(**slots)


class SpeechSynthesizer:
    """espeak-ng in a worker process; use as a context manager.

    Raises:
        MissingExtra: `espeakng_loader` is not installed.
        DataError: the library is installed, but does not start.
    """

    def __init__(self) -> None:
        """Start the worker process."""
        try:
            import espeakng_loader
        except ImportError as error:
            raise MissingExtra("espeakng-loader", "starter") from error
        worker = Path(__file__).with_name("espeak.py")
        places = (espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
        # -P: keep the worker's folder off `sys.path`, where it could shadow a library.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(worker), *map(str, places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        greeting = self._out.readline().decode(errors="replace").split()
        if len(greeting) != 3 or not greeting[2].isdigit() or int(greeting[2]) <= 0:
            raise self._broken("espeak-ng does not start")
        self.version, self.rate_hz = greeting[1], int(greeting[2])

    @property
    def _out(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise DataError("the worker has no output")
        return self._process.stdout

    def _broken(self, found: str) -> DataError:
        self.close()
        log = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
        last = log.strip().splitlines()[-1:] or ["no error message"]
        return DataError(f"{found}: {last[0]}", where="espeakng-loader")

    def __enter__(self) -> SpeechSynthesizer:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker process."""
        self.close()

    def close(self) -> None:
        """End the worker process."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def say(self, text: str, voice: VoiceSettings, speed: int, pitch: int) -> Array:
        """`text` in `voice` at `RATE_HZ`, (n,), silence cut at both ends; raises DataError."""
        from scipy import signal

        request = {
            "text": text,
            "voice": voice.espeak,
            "speed": speed,
            "pitch": pitch,
            "range": voice.range,
        }
        if self._process.stdin is None or self._process.poll() is not None:
            raise self._broken("espeak-ng ended early")
        self._process.stdin.write((json.dumps(request) + "\n").encode())
        self._process.stdin.flush()
        head = self._out.read(4)
        if len(head) < 4:
            raise self._broken("espeak-ng ended early")
        (length,) = struct.unpack("<I", head)
        pcm = np.frombuffer(self._out.read(length), "<i2").astype(np.float64) / 32768
        loud = np.flatnonzero(np.abs(pcm) > 0.005)
        if len(loud) == 0:
            raise DataError(f"espeak-ng gives no audio for the voice {voice.espeak!r}", where=text)
        cut = pcm[loud[0] : loud[-1] + 1]
        step = int(np.gcd(RATE_HZ, self.rate_hz))
        return np.asarray(signal.resample_poly(cut, RATE_HZ // step, self.rate_hz // step))


def utter(
    draws: ParameterDraws, synthesizer: SpeechSynthesizer, voice: VoiceSettings, text: str
) -> Array:
    """`text` with a speed and a pitch drawn around the voice's own (±12 %, ±4)."""
    speed = draws.whole("speed", round(voice.speed * 0.88), round(voice.speed * 1.12))
    pitch = draws.whole("pitch", max(0, voice.pitch - 4), voice.pitch + 4)
    return synthesizer.say(text, voice, speed, pitch)
