"""The questions of `examples/spatial/among.py` are true of their scenes."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from example_module import example
from harken.corpora.base import Recording
from harken.recipes.codec import recordings_of
from tones import tones


@pytest.fixture(scope="module")
def among() -> ModuleType:
    return example("spatial/among")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    root = tmp_path_factory.mktemp("world") / "corpus"
    tones(root)
    return recordings_of([root], "", 0)


@pytest.mark.parametrize("split", ["train", "test"])
def test_two_sounds_are_where_the_answers_say(
    among: ModuleType, recordings: list[Recording], split: str
) -> None:
    made = among.two_at_once(recordings, split, 12, 0)
    assert made == among.two_at_once(recordings, split, 12, 0)
    rooms = [item.clips[0].plan.room is not None for item in made]
    assert rooms == [split == "train" and i % among.IN_ROOMS == 0 for i in range(12)]
    late = set()
    for item in made:
        first, second = item.plan["first"], item.plan["second"]
        assert first != second
        assert among.off(item.plan["azimuth"], item.plan["other"]) >= among.APART
        places = {part.path[0].azimuth_deg for part in item.clips[0].plan.parts}
        assert any(among.off(one, item.plan["azimuth"]) < 0.1 for one in places)
        late |= {part.at_s for part in item.clips[0].plan.parts}
        true = {first: among.told(item.plan["azimuth"]), second: among.told(item.plan["other"])}
        asked = {more.question: more.answer for more in among.more_of(item)}
        assert asked == {
            **{
                f"From which direction does the {name} come?": where for name, where in true.items()
            },
            **{f"What comes from {where}?": name for name, where in true.items()},
        }
    assert (late == {0.0}) == (split == "test"), "in the exam both begin at once"


def test_a_room_changes_nothing_but_the_room(among: ModuleType, recordings) -> None:
    (item,) = among.two_at_once(recordings, "test", 1, 0)
    inside, outside = among.in_a_room(item, 21).clips[0].plan, item.clips[0].plan
    assert inside.parts == outside.parts and inside.room == among.room(21)
    assert among.in_a_room(item, 21).answer == item.answer


def test_distances_are_said_and_read(among: ModuleType, recordings: list[Recording]) -> None:
    for item in among.far_away(recordings, "test", 5, 0):
        assert among.metres_in(item.answer) == pytest.approx(item.plan["distance"], abs=0.25)
        assert item.clips[0].plan.room is not None
        assert among.more_of(item) == [item]
    assert among.metres_in("2 metres") is None and among.azimuth_in("front") is None


def test_the_ratio_of_a_sound_to_the_rest(among: ModuleType, recordings) -> None:
    """By hand: half of a sound, and a rest at a right angle of a tenth of its energy: 10 dB."""
    separation = example("spatial/separation")
    true = np.array([2.0, 0.0, 0.0])
    found = np.array([1.0, np.sqrt(0.1), 0.0])
    assert separation.si_sdr(found, true) == pytest.approx(10.0, abs=1e-6)
    assert separation.si_sdr(true, true) > 100
    (item,) = among.two_at_once(recordings, "test", 1, 0)
    for mixed, apart in separation.ratios(item):
        assert apart > mixed + 15
