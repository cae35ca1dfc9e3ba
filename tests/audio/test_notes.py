"""Notes: in tune, of their length, the same at every rate, and stored as what they are."""

from __future__ import annotations

import numpy as np
import pytest

from harken.audio.clip import Clip, Part, ScenePlan, pieces
from harken.audio.content import content_key
from harken.audio.load import load, render, require_heard
from harken.audio.notes import TIMBRES, PlayedNote, note_samples
from harken.audio.stems import channels_of
from harken.errors import AudioError

HARMONIC = [*TIMBRES][:8]


def note(timbre: str = "piano", pitch: float = 69.0, length_s: float = 0.5) -> Clip:
    return Clip("note", duration_s=length_s, note=PlayedNote(timbre, pitch))


@pytest.mark.parametrize("timbre", HARMONIC)
@pytest.mark.parametrize(("pitch", "hz"), [(57, 220.0), (69, 440.0), (76, 659.26)])
def test_a_note_is_in_tune(timbre: str, pitch: int, hz: float) -> None:
    """The strongest partial is a small multiple, or for the organ half, of the pitch."""
    sound = load(note(timbre, pitch, 1.0)).astype(np.float64)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 17))
    strongest = float(np.argmax(power)) * 16_000 / (1 << 17)
    multiple = strongest / hz
    assert any(multiple == pytest.approx(k, rel=0.01) for k in (0.5, 1, 2, 3, 4, 5)), multiple
    assert PlayedNote(timbre, pitch).hz == pytest.approx(hz, rel=1e-4)


@pytest.mark.parametrize("timbre", TIMBRES)
def test_a_note_has_its_length_and_a_peak_of_one_and_ends_softly(timbre: str) -> None:
    sound = load(note(timbre, 64, 0.37))
    assert sound.shape == (round(0.37 * 16_000),) and sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(1.0)
    assert abs(sound[-1]) < 0.01 and np.isfinite(sound).all()
    assert np.array_equal(sound, load(note(timbre, 64, 0.37)))


def test_a_note_is_the_same_at_twice_the_rate() -> None:
    low, high = load(note()), load(note(), rate_hz=32_000)
    assert len(high) == 2 * len(low)
    assert np.corrcoef(high[::2], low)[0, 1] > 0.999


def test_instruments_sound_unlike_each_other() -> None:
    spectra = [np.abs(np.fft.rfft(load(note(one, 60, 1.0)))) for one in TIMBRES]
    alike = np.corrcoef(spectra)
    assert np.max(alike - np.eye(len(spectra))) < 0.99


def test_notes_are_parts_of_scenes_of_which_any_window_is_rendered_alone() -> None:
    parts = tuple(Part(note(pitch=60 + k), 0.1 + 0.4 * k, -6.0) for k in range(4))
    plan = ScenePlan(parts, 2.0, gain_db=-3.0)
    whole = render(plan)
    assert np.array_equal(render(plan, 0.5, 0.6), whole[8000:17600])
    assert ScenePlan.from_dict(plan.to_dict()) == plan
    require_heard(Clip("plan", duration_s=2.0, plan=plan))
    assert channels_of(note()) == 1


def test_a_note_is_known_by_what_is_played() -> None:
    assert note().key == "note:piano:69:0.5" != note("organ").key
    assert Clip.from_dict(note().to_dict()) == note()
    assert content_key(note()) != content_key(note(pitch=70.0))
    assert list(pieces(note())) == [] and note().name == "piano 0.0–0.5 s"


def test_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(AudioError, match="no instrument 'kazoo'"):
        note_samples(PlayedNote("kazoo", 60), 1.0, 16_000)
