"""What can be heard: silence of every kind is refused, faint and short sounds are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.audio.heard import HEARD_S, HeardSamples
from harken.audio.load import require_heard
from harken.audio.probe import probe
from harken.errors import AudioError

RATE = 16_000
T = np.arange(RATE) / RATE
TONE = np.sin(2 * np.pi * 440 * T)
NOISE = np.random.default_rng(1).standard_normal(RATE)


def listen(x: np.ndarray, rate: int = RATE, cuts: tuple[int, ...] = ()) -> HeardSamples:
    """A samples that heard (n,) or (n, channels), in blocks that end at `cuts`."""
    block = np.asarray(x, np.float32).reshape(len(x), -1)
    samples = HeardSamples()
    for part in np.split(block, sorted(cuts)):
        if len(part):
            samples.take(part, rate)
    return samples


def clicks(*places: int) -> np.ndarray:
    x = np.zeros(RATE)
    x[list(places)] = 0.5
    return x


UNHEARD = {
    "zeros": (np.zeros(RATE), "silent", "every sample is 0"),
    "constant": (np.full(RATE, 0.25), "silent", "every sample is 0.25"),
    "negative constant": (np.full(RATE, -1.0), "silent", "every sample is -1"),
    "last bit": (np.round(NOISE).clip(-1, 1) / 32768, "silent", "within"),
    "dither on a level": (0.5 + np.round(NOISE).clip(-1, 1) / 32768, "silent", "within"),
    "opposite": (np.stack([TONE, -TONE], 1), "silent", "cancel"),
    "opposite pairs": (np.stack([TONE, -TONE, NOISE, -NOISE], 1), "silent", "cancel"),
    "nearly opposite": (np.stack([TONE, -0.9995 * TONE], 1), "silent", "cancel"),
    "two silent channels": (np.zeros((RATE, 2)), "silent", "every sample is 0"),
    "one click of one sample": (clicks(8000), "silent", "62.5 µs"),
    "one sample": (np.array([0.3]), "too-short", "62.5 µs"),
    "nine milliseconds": (TONE[:144], "too-short", "9 ms"),
}


@pytest.mark.parametrize("name", UNHEARD)
def test_what_cannot_be_heard_is_refused_with_its_reason(name: str) -> None:
    x, reason, found = UNHEARD[name]
    for cuts in ((), (1, 5, 777, 12_345)):
        with pytest.raises(AudioError, match=found) as caught:
            listen(x, cuts=cuts).require()
        assert caught.value.reason == reason


HEARD = {
    "tone": TONE,
    "ten milliseconds": TONE[:160],
    "faint": TONE * 1e-4,
    "low": 0.01 * np.sin(2 * np.pi * 20 * T),
    "on a level": 0.5 + 0.01 * TONE,
    "clicks": clicks(100, 4000, 9000),
    "a short beep in silence": np.concatenate([np.zeros(8000), TONE[:80], np.zeros(7000)]),
    "left only": np.stack([TONE, np.zeros(RATE)], 1),
    "unequal opposites": np.stack([TONE, -0.9 * TONE], 1),
    "noise": 0.1 * NOISE,
}


@pytest.mark.parametrize("name", HEARD)
def test_faint_short_and_one_sided_sounds_are_heard(name: str) -> None:
    listen(HEARD[name]).require()
    listen(HEARD[name], cuts=(3, 150, 151)).require()


def test_a_span_is_heard_for_itself() -> None:
    samples = listen(np.concatenate([np.zeros(RATE), TONE, np.zeros(RATE)]))
    samples.require()
    samples.require(1.0, 1.0)
    samples.require(0.5, 0.6)
    for start_s, length_s in ((0.0, 1.0), (2.0, 1.0), (0.2, 0.5)):
        with pytest.raises(AudioError, match="nothing is heard from"):
            samples.require(start_s, length_s)
    with pytest.raises(AudioError, match="5 µs"):
        samples.require(1.5, 5e-6)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, RATE), max_size=8), channels=st.sampled_from([1, 2]))
def test_blocks_do_not_matter(cuts: list[int], channels: int) -> None:
    x = np.stack([NOISE * 0.1, TONE], 1)[:, :channels]
    assert listen(x, cuts=tuple(cuts)).sound == listen(x).sound


def test_the_same_samples_are_the_same_sound_in_any_bytes(tmp_path: Path) -> None:
    whole = np.round(0.3 * TONE * 32767).astype(np.int16)
    written = {
        "a.wav": (whole, "PCM_16"),
        "a.flac": (whole, "PCM_16"),
        "deep.wav": (whole.astype(np.int32) << 16, "PCM_24"),
        "deep.flac": (whole.astype(np.int32) << 16, "PCM_24"),
        "float.wav": (whole.astype(np.float32) / 32768, "FLOAT"),
        "twice.wav": (np.stack([whole, whole], 1), "PCM_16"),
    }
    sounds = {}
    for name, (x, subtype) in written.items():
        sf.write(tmp_path / name, x, RATE, subtype=subtype)
        samples = HeardSamples()
        probe(tmp_path / name, heard=samples)
        sounds[name] = samples.sound
    assert len(set(sounds.values())) == 1, sounds
    others = [listen(TONE), listen(TONE, rate=8000), listen(TONE[:-1]), listen(-TONE)]
    assert len({other.sound for other in others} | set(sounds.values())) == 5


def test_zero_has_one_sign() -> None:
    assert listen(np.array([0.0, 0.5] * 200)).sound == listen(np.array([-0.0, 0.5] * 200)).sound


def test_a_file_that_was_heard_is_not_decoded_again(tmp_path: Path) -> None:
    sf.write(tmp_path / "tone.wav", 0.3 * TONE, RATE)
    tone = Clip(path=str(tmp_path / "tone.wav"), duration_s=1.0)
    scene = Clip("plan", plan=ScenePlan((Part(tone), Part(tone, 0.5)), 2.0))
    known: set[str] = set()
    require_heard(scene, known)
    assert known == {tone.key}
    (tmp_path / "tone.wav").unlink()
    require_heard(scene, known)
    with pytest.raises(AudioError):
        require_heard(scene)


def test_clips_scenes_and_spans_are_heard_before_they_are_used(tmp_path: Path) -> None:
    sf.write(tmp_path / "tone.wav", 0.3 * TONE, RATE)
    sf.write(tmp_path / "zeros.wav", np.zeros(RATE), RATE)
    sf.write(tmp_path / "half.wav", np.concatenate([0.3 * TONE, np.zeros(RATE)]), RATE)
    tone, zeros = (Clip(path=str(tmp_path / n), duration_s=1.0) for n in ("tone.wav", "zeros.wav"))
    half = str(tmp_path / "half.wav")
    require_heard(tone)
    require_heard(silence(1.0))  # meant to be silent
    require_heard(Clip(path=half, start_s=0.5, duration_s=1.0))
    require_heard(Clip("plan", plan=ScenePlan((Part(tone), Part(silence(0.5), 1.0)), 2.0)))
    bad = [
        zeros,
        Clip(path=half, start_s=1.1, duration_s=0.5),
        Clip(path=half, start_s=0.1, duration_s=0.001),
        Clip("plan", plan=ScenePlan((Part(tone), Part(zeros, 0.5)), 2.0)),
        Clip(path=str(tmp_path / "gone.wav")),
    ]
    for clip in bad:
        with pytest.raises(AudioError) as caught:
            require_heard(clip)
        assert ".wav" in caught.value.where


@pytest.mark.parametrize("rate", [4000, 8000, 16_000, 96_000])
def test_one_sample_is_a_click_at_any_rate(rate: int) -> None:
    """At 8 kHz a sample lasts over 0.1 ms."""
    with pytest.raises(AudioError, match="only") as caught:
        listen(clicks(500), rate).require()
    assert caught.value.reason == "silent"
    needed = max(2, round(HEARD_S * rate) + 1)
    listen(clicks(*range(500, 500 + needed)), rate).require()


def test_the_end_that_fills_no_frame_is_heard() -> None:
    """A frame has 160 samples."""
    for length in (80, 159):
        listen(np.concatenate([np.zeros(RATE), 0.5 * TONE[:length]])).require()


def test_a_span_is_heard_to_its_end_within_a_frame() -> None:
    samples = listen(np.concatenate([np.zeros(RATE), TONE]))
    samples.require(0.5, 0.505)  # 5 ms of the tone
    with pytest.raises(AudioError, match="nothing is heard"):
        samples.require(0.5, 0.5)
    samples = listen(np.concatenate([TONE, np.zeros(RATE)]))
    samples.require(0.995, 0.5)
    with pytest.raises(AudioError, match="nothing is heard"):
        samples.require(1.0, 0.5)
