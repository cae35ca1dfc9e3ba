"""A speech recogniser as a judge of what sounds say: freely, and among the texts of an exam.

A single word of half a second is hard for a recogniser of any text, so that it is asked twice: what
it writes by itself, and which of the texts of the exam it finds most probable. The second needs no
luck with spelling, and has a chance level, one over the number of texts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harken.ask.words import key
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.models.engine.features import Array
from harken.models.listeners.asr import AsrModel
from harken.models.listeners.repetition import repetition
from harken.progress import track

PAD_S = 0.5
"""Silence before and after a sound that is judged, in seconds."""


def recognise(
    judge: AsrModel, sounds: Sequence[Array], texts: Sequence[str]
) -> list[dict[str, str]]:
    """What a recogniser hears in sounds.

    Args:
        judge: the recogniser.
        sounds: float32 (n,) at `RATE_HZ`, of at most 29 s.
        texts: of the exam.

    Returns:
        For each sound ``asr``, what it writes (empty where it repeats itself), and ``asr_closed``,
        the one of `texts` that it finds most probable; of equal ones the first.
    """
    found = []
    forms = [written_forms(text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        for number, samples in enumerate(track(sounds, "recognising")):
            path = Path(folder) / f"{number}.wav"
            write_wav(path, np.clip(padded(samples), -1.0, 1.0), RATE_HZ)
            ((text, logprobs),) = judge.transcripts_and_logprobs([Clip("file", str(path))], forms)
            best = texts[int(np.argmax(logprobs))]
            found.append({"asr": "" if repetition(text) else text, "asr_closed": best})
    return found


def padded(samples: Array) -> Array:
    """A sound with `PAD_S` of silence before and after it."""
    return np.pad(samples, round(PAD_S * RATE_HZ))


def written_forms(text: str) -> list[str]:
    """How a recogniser may write a text: its case, a full stop, and numbers as digits.

    ``three`` -> three, Three, THREE, 3, and each with a full stop.
    """
    lower = text.lower()
    forms = [text, lower, lower[:1].upper() + lower[1:], lower.upper()]
    digits = " ".join(key(text))
    if any(sign.isdigit() for sign in digits):
        forms.append(digits)
    return [form + end for form in dict.fromkeys(forms) for end in ("", ".")]
