"""What a recogniser is asked about a sound: its padding, the forms of a text, the best of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.models.listeners.asr import AsrModel
from harken.recipes.speech_judge import PAD_S, padded, recognise, written_forms


class LengthJudge(AsrModel):
    """Says how long a sound is, and finds the text probable whose length is nearest."""

    def __init__(self) -> None:
        """Without weights."""

    def transcripts_and_logprobs(
        self, clips: Sequence[Clip], texts: Sequence[Sequence[str]]
    ) -> list[tuple[str, list[float]]]:
        counts = [len(load(clip)) for clip in clips]
        seconds = [count / RATE_HZ - 2 * PAD_S for count in counts]
        fits = [[-abs(len(forms[0]) - own) for forms in texts] for own in seconds]
        return list(zip(map(str, counts), fits, strict=True))


def test_the_forms_of_a_text() -> None:
    assert written_forms("three") == [
        *("three", "three.", "Three", "Three.", "THREE", "THREE.", "3", "3."),
    ]
    assert written_forms("Dog bark")[:4] == ["Dog bark", "Dog bark.", "dog bark", "dog bark."]
    assert "2 dogs." in written_forms("two dogs") and len(written_forms("a dog")) == 6


def test_a_sound_is_padded_and_judged_freely_and_among_the_texts() -> None:
    sounds = [np.full(count * RATE_HZ, 0.1, np.float32) for count in (2, 5)]
    found = recognise(LengthJudge(), sounds, ["of", "three", "a word"])
    assert [one["asr_closed"] for one in found] == ["of", "three"]
    assert [int(one["asr"]) for one in found] == [round((n + 2 * PAD_S) * RATE_HZ) for n in (2, 5)]
    made = padded(sounds[0])
    assert not made[: round(PAD_S * RATE_HZ)].any() and made[len(made) // 2] == pytest.approx(0.1)
