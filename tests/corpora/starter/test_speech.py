"""The voices of the generated corpus: distinct, the same each time, and honest when absent."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ
from harken.corpora.starter.dsp import ParameterDraws
from harken.corpora.starter.speech import (
    SLOTS,
    VOICES,
    WORDS,
    SpeechSynthesizer,
    VoiceSettings,
    sentence,
    utter,
)
from harken.errors import DataError, MissingExtra


@pytest.fixture(scope="module")
def speaker() -> Iterator[SpeechSynthesizer]:
    pytest.importorskip("espeakng_loader", reason="needs the extra: pip install 'harken[starter]'")
    with SpeechSynthesizer() as one:
        yield one


def pitch_hz(x: np.ndarray) -> float:
    """Median pitch of the voiced 40 ms frames by autocorrelation; 0 if hardly any is voiced."""
    found = []
    for start in range(0, len(x) - 640, 320):
        frame = x[start : start + 640] - x[start : start + 640].mean()
        if np.sqrt(np.mean(frame**2)) > 0.05 * np.abs(x).max():
            r = np.correlate(frame, frame, "full")[639:]
            lag = int(r[40:260].argmax()) + 40
            if r[lag] > 0.5 * r[0]:
                found.append(RATE_HZ / lag)
    return float(np.median(found)) if len(found) > 10 else 0.0


def spectrum_db(x: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(x, 512)[::256] * np.hanning(512)
    db = 10 * np.log10((np.abs(np.fft.rfft(frames)) ** 2).mean(0) + 1e-9)
    return np.asarray(db - db.mean())


def test_enough_voices_split_by_voice_and_words_that_fit() -> None:
    assert len({v.name for v in VOICES}) == len(VOICES) >= 20
    assert len({(v.espeak, v.pitch, v.speed) for v in VOICES}) == len(VOICES)
    tests = sum(v.split == "test" for v in VOICES)
    assert 4 <= tests < len(VOICES) / 3
    assert len(set(WORDS)) == len(WORDS) == 20


def test_sentences_fill_all_slots() -> None:
    said = {sentence(ParameterDraws(np.random.default_rng(k))) for k in range(200)}
    assert len(said) > 150
    assert not any("{" in text for text in said)
    assert any(colour in text for text in said for colour in SLOTS["colour"])


def test_an_utterance_does_not_depend_on_what_was_said_before(speaker: SpeechSynthesizer) -> None:
    def say(number: int, text: str) -> bytes:
        voice = VOICES[number]
        return speaker.say(text, voice, voice.speed, voice.pitch).tobytes()

    asked = [(0, "yes"), (12, "seven"), (17, "no"), (3, "water")]
    first = [say(*one) for one in asked]
    again = [say(*one) for one in reversed(asked)]
    assert first == again[::-1]
    with SpeechSynthesizer() as other:
        voice = VOICES[3]
        assert other.say("water", voice, voice.speed, voice.pitch).tobytes() == first[3]


def test_voices_differ_in_their_spectra(speaker: SpeechSynthesizer) -> None:
    text = "The red boat is near the old bridge."
    heard = [speaker.say(text, v, v.speed, v.pitch) for v in VOICES]
    pitches = np.array([pitch_hz(x) for x in heard])
    voiced = pitches[pitches > 0]
    assert voiced.max() / voiced.min() > 2
    shapes = np.array([spectrum_db(x) for x in heard])
    apart = np.sqrt(((shapes[:, None] - shapes[None]) ** 2).mean(-1))
    same = np.sqrt(np.mean((spectrum_db(heard[0]) - spectrum_db(heard[0] * 0.5)) ** 2))
    assert same < 0.1
    assert apart[~np.eye(len(VOICES), dtype=bool)].min() > 1.5  # dB, every pair


def test_pitch_and_speed_do_what_they_say(speaker: SpeechSynthesizer) -> None:
    voice = VOICES[1]
    text = "We need seven books before Monday."
    low, high = (speaker.say(text, voice, 160, p) for p in (30, 70))
    assert pitch_hz(high) > 1.15 * pitch_hz(low)
    slow, fast = (speaker.say(text, voice, s, 50) for s in (120, 200))
    assert len(slow) > 1.3 * len(fast)


def test_takes_of_one_word_differ(speaker: SpeechSynthesizer) -> None:
    takes = {
        utter(ParameterDraws(np.random.default_rng(k)), speaker, VOICES[0], "stop").tobytes()
        for k in range(4)
    }
    assert len(takes) == 4


def test_an_unknown_voice_is_an_error_and_the_next_word_is_synthesised(
    speaker: SpeechSynthesizer,
) -> None:
    nobody = VoiceSettings("nobody", "xx-nowhere", 50, 50, 150, "train")
    with pytest.raises(DataError, match="xx-nowhere"):
        speaker.say("yes", nobody, 150, 50)
    assert len(speaker.say("yes", VOICES[0], 150, 50)) > 1000


def test_without_the_library_the_pip_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtra, match=r"harken\[starter\]"):
        SpeechSynthesizer()
