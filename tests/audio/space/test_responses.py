"""What channels hear: directions, levels and delays that can be worked out by hand, and rooms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load, render, write_wav
from harken.audio.space.decay import absorption_for, rt60_of
from harken.audio.space.head import RADIUS_M, delay_s
from harken.audio.space.layouts import gains
from harken.audio.space.place import SPEED_M_S, Place, Room, between, place_at
from harken.audio.space.responses import response, response_size
from harken.errors import AudioError, ConfigError


@pytest.fixture(scope="module")
def hiss(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("hiss") / "hiss.wav"
    rng = np.random.default_rng(1)
    write_wav(path, 0.1 * rng.standard_normal(RATE_HZ).astype(np.float32), RATE_HZ)
    return Clip(path=str(path), duration_s=1.0)


def heard(clip: Clip, layout: str, *path: Place, room: Room | None = None, mics=()) -> np.ndarray:
    part = Part(clip, 0.5, path=path)
    return render(ScenePlan((part,), 2.0, gain_db=0.0, layout=layout, room=room, mics=mics),
                  mono=False)  # fmt: skip


def direction_of(foa: np.ndarray) -> tuple[float, float]:
    """Azimuth and elevation in degrees from the active intensity."""
    y, z, x = (np.mean(foa[0] * foa[n]) for n in (1, 2, 3))
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


@pytest.mark.parametrize("layout", ["foa", "hoa2"])
@pytest.mark.parametrize("place", [(0, 0), (40, 20), (-135, -60), (180, 5), (90, 89)])
def test_the_intensity_vector_points_to_the_source(
    hiss: Clip, layout: str, place: tuple[float, float]
) -> None:
    found = direction_of(heard(hiss, layout, Place(*place, 2.0)))
    assert Place(*found).direction == pytest.approx(Place(*place).direction, abs=1e-3)


def test_ambisonics_are_sn3d_in_the_order_of_acn() -> None:
    """On the axes, and the norm that SN3D gives each order in every direction: 1."""
    rng = np.random.default_rng(0)
    away = rng.standard_normal((50, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    found = gains("hoa2", away)
    assert (found[1:4] ** 2).sum(axis=0) == pytest.approx(1.0)
    assert (found[4:9] ** 2).sum(axis=0) == pytest.approx(1.0)
    front, left, up = np.eye(3)
    assert gains("foa", np.stack([front, left, up])).T.tolist() == [
        [1, 0, 0, 1], [1, 1, 0, 0], [1, 0, 1, 0],
    ]  # fmt: skip
    half = math.sqrt(3) / 2
    assert gains("hoa2", front[None])[4:, 0] == pytest.approx([0, 0, -0.5, 0, half])
    assert gains("hoa2", up[None])[4:, 0] == pytest.approx([0, 0, 1, 0, 0])
    between_both = (front + left)[None] / math.sqrt(2)
    assert gains("hoa2", between_both)[4:, 0] == pytest.approx([half, 0, -0.5, 0, 0])


def test_mono_of_ambisonics_is_their_first_channel(hiss: Clip) -> None:
    plan = ScenePlan((Part(hiss, 0.5, path=(Place(70, 10, 3.0),)),), 2.0, gain_db=0.0, layout="foa")
    assert np.array_equal(render(plan), render(plan, mono=False)[0])
    assert np.array_equal(load(Clip("plan", plan=plan)), render(plan))


def test_levels_fall_with_the_distance_and_pan_with_constant_power(hiss: Clip) -> None:
    near, far = (heard(hiss, "mono", Place(0, 0, d)) for d in (1.0, 4.0))
    assert np.sqrt(np.mean(near**2) / np.mean(far**2)) == pytest.approx(4.0, rel=1e-5)
    power = [np.mean(heard(hiss, "stereo", Place(az)) ** 2, axis=1) for az in (0, 90, -90, 30)]
    assert [sum(both) for both in power] == pytest.approx([sum(power[0])] * 4, rel=1e-4)
    assert power[0][0] == pytest.approx(power[0][1]) and power[1][1] < 1e-6 * power[1][0]
    assert power[2][0] < 1e-6 * power[2][1] and power[3][0] > power[3][1]


def test_ears_hear_the_delay_of_a_sphere_and_the_far_one_less(hiss: Clip) -> None:
    for azimuth in (90.0, 45.0, -60.0, 0.0):
        left, right = heard(hiss, "binaural", Place(azimuth))
        angle = math.radians(abs(azimuth))
        expected = RADIUS_M / SPEED_M_S * (angle + math.sin(angle))  # Woodworth
        size = 1 << 17
        cross = np.fft.rfft(right, size) * np.conj(np.fft.rfft(left, size))
        cross /= np.abs(cross) + 1e-12  # phase alone: the shadow does not move the peak much
        fine = np.fft.irfft(np.pad(cross, (0, 8 * size // 2 - size // 2)), 8 * size)
        lag = int(np.argmax(fine))
        lag = lag - 8 * size if lag > 4 * size else lag
        found = lag / 8 / RATE_HZ * (1 if azimuth >= 0 else -1)
        assert found == pytest.approx(expected, abs=60e-6)
        loud = np.mean(left**2) / np.mean(right**2)
        assert (
            (loud > 1.5) if azimuth > 0 else (loud < 0.7) if azimuth < 0 else abs(loud - 1) < 0.01
        )
    assert delay_s(np.array([0.0, math.pi])) == pytest.approx(
        [-RADIUS_M / SPEED_M_S, RADIUS_M / SPEED_M_S * math.pi / 2]
    )


def test_microphones_hear_the_delay_of_their_places(hiss: Clip) -> None:
    mics = ((0.2, 0.0, 0.0), (-0.2, 0.0, 0.0), (0.0, 0.0, 0.0))
    front, back, middle = heard(hiss, "array", Place(0, 0, 2.0), mics=mics)
    lag = np.argmax(np.correlate(back, front, "full")) - len(front) + 1
    assert lag == round(0.4 / SPEED_M_S * RATE_HZ)
    assert np.mean(front**2) / np.mean(back**2) == pytest.approx((2.2 / 1.8) ** 2, rel=0.01)
    assert np.argmax(np.abs(middle) > 1e-3) == pytest.approx(0.5 * RATE_HZ, abs=40)


def test_a_source_moves_in_a_straight_line(hiss: Clip) -> None:
    first, last = Place(60, 0, 2.0), Place(-60, 0, 2.0)
    assert between((first, last), 0.5).metres == pytest.approx((1.0, 0.0, 0.0), abs=1e-12)
    found = heard(hiss, "foa", first, last)
    for start, azimuth in ((0.5, 60.0), (0.98, 0.0), (1.48, -60.0)):
        at = round(start * RATE_HZ)
        assert direction_of(found[:, at : at + 320])[0] == pytest.approx(azimuth, abs=8.0)
    # Between the two it is nearer.
    loud = [np.mean(found[0, round(t * RATE_HZ) :][:800] ** 2) for t in (0.52, 0.98)]
    assert loud[1] / loud[0] == pytest.approx(4.0, rel=0.35)


def test_places_are_refused_that_are_none() -> None:
    for wrong in ((0, 91, 1), (0, 0, 0.01), (float("nan"), 0, 1)):
        with pytest.raises(AudioError):
            Place(*wrong)
    assert place_at(*Place(33.0, -20.0, 1.7).metres).to_list() == pytest.approx([33.0, -20.0, 1.7])


def room_of(size: tuple[float, float, float], rt60_s: float, place: Place) -> Room:
    at = (size[0] * 0.45, size[1] * 0.4, 1.3)
    return Room(size, at, absorption_for(place, size, at, rt60_s, RATE_HZ), rt60_s)


@pytest.mark.parametrize(("size", "rt60_s"), [((4.0, 3.0, 2.5), 0.25), ((6.0, 5.0, 3.0), 0.4)])
def test_a_room_has_the_reverberation_time_that_was_asked_for(
    size: tuple[float, float, float], rt60_s: float
) -> None:
    pytest.importorskip("pyroomacoustics")
    room = room_of(size, rt60_s, Place(40, 5, 1.2))
    plan = ScenePlan((), 1.0, layout="foa", room=room)
    for place in (Place(40, 5, 1.2), Place(-100, -5, 1.0), Place(170, 10, 0.9)):
        taps = response(place, room, "foa", (), RATE_HZ, response_size(plan, "foa")).taps
        assert rt60_of(taps[0], RATE_HZ) == pytest.approx(rt60_s, rel=0.15)
        # The direct sound, before the first reflection, points to the place.
        strongest = taps[1:4, 0] / taps[0, 0]
        assert strongest[[2, 0, 1]] == pytest.approx(place.direction, abs=1e-6)


def test_rooms_give_the_same_bytes_and_onsets_are_those_of_the_plan(hiss: Clip) -> None:
    pytest.importorskip("pyroomacoustics")
    place = Place(20, 0, 1.0)
    room = room_of((4.0, 3.0, 2.5), 0.25, place)
    for layout in ("foa", "binaural", "array"):
        mics = ((0.05, 0, 0), (-0.05, 0, 0)) if layout == "array" else ()
        once = heard(hiss, layout, place, room=room, mics=mics)
        response.cache_clear()
        again = heard(hiss, layout, place, room=room, mics=mics)
        assert once.tobytes() == again.tobytes()
        assert np.argmax(np.abs(once[0]) > 0.01) == pytest.approx(0.5 * RATE_HZ, abs=160)
        # A window has the reverberation of what was before it.
        plan = ScenePlan((Part(hiss, 0.5, path=(place,)),), 2.0, gain_db=0.0, layout=layout,
                         room=room, mics=mics)  # fmt: skip
        part = render(plan, 1.45, 0.2, mono=False)
        assert part == pytest.approx(once[:, round(1.45 * RATE_HZ) :][:, : part.shape[1]], abs=1e-6)


def test_what_a_room_cannot_be() -> None:
    pytest.importorskip("pyroomacoustics")
    room = Room((4.0, 3.0, 2.5), (2.0, 1.5, 1.2), 0.3, 0.25)
    assert room.holds(Place(0, 0, 1.9)) and not room.holds(Place(0, 0, 2.1))
    assert Room.from_dict(room.to_dict()) == room
    with pytest.raises(AudioError, match="outside a room"):
        response(Place(0, 0, 2.1), room, "foa", (), RATE_HZ, (0, 4000))
    with pytest.raises(AudioError, match="impossible room"):
        Room((4.0, 3.0, 2.5), (5.0, 1.5, 1.2), 0.3, 0.25)
    with pytest.raises(ConfigError, match=r"has \d+,\d+,\d+ images"):
        absorption_for(Place(), (4.0, 3.0, 2.5), (2.0, 1.5, 1.2), 1.5, RATE_HZ)
    with pytest.raises(ConfigError, match="no absorption gives"):
        absorption_for(Place(), (9.0, 9.0, 9.0), (4.0, 4.0, 4.0), 0.005, RATE_HZ)


def test_decays_are_measured_as_they_are() -> None:
    time = np.arange(RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal(RATE_HZ)
    assert rt60_of(noise * 10 ** (-3 * time / 0.5), RATE_HZ) == pytest.approx(0.5, rel=0.05)
    with pytest.raises(ConfigError, match="decays by"):
        rt60_of(np.ones(100), RATE_HZ)
    with pytest.raises(ConfigError, match="silence"):
        rt60_of(np.zeros(100), RATE_HZ)
