"""Declarations are read strictly, and numbers are drawn as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harken.errors import ConfigError
from harken.synth.scenes.draws import Distribution, distribution
from harken.synth.scenes.spec import Events, spec_from

EVENTS = {"events": [{"labels": "Rain"}]}


@pytest.mark.parametrize(
    ("raw", "low", "high"),
    [
        (3, 3, 3),
        ({"choice": [1, 2.5]}, 1, 2.5),
        ({"uniform": [-2, 2]}, -2, 2),
        ({"truncated": [0, 5, -1, 1]}, -1, 1),
        ({"normal": [0, 1]}, -np.inf, np.inf),
        ({"normal": [4, 0]}, 4, 4),
    ],
)
def test_numbers_are_within_their_bounds_and_seeded(raw: Any, low: float, high: float) -> None:
    own = distribution(raw, "here")
    assert own.bounds == (low, high) or raw == {"normal": [4, 0]}
    drawn = [own.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert min(drawn) >= low and max(drawn) <= high
    assert drawn == [own.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert distribution(own.to_value(), "here") == own
    if raw == {"choice": [1, 2.5]}:
        assert 60 < drawn.count(1) < 140
    if raw == {"uniform": [-2, 2]}:
        assert abs(np.mean(drawn)) < 0.3 and np.std(drawn) == pytest.approx(4 / 12**0.5, rel=0.15)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("many", "neither a number"),
        (True, "neither a number"),
        ({"uniform": [1]}, "takes 2 numbers, not 1"),
        ({"uniform": [2, 1]}, "from 2 to 1"),
        ({"normal": [0, -1]}, "standard deviation"),
        ({"poisson": [3]}, "no distribution"),
        ({"choice": []}, "no distribution"),
        ({"choice": [1, "a"]}, "no distribution"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(raw: Any, found: str) -> None:
    with pytest.raises(ConfigError, match=found) as caught:
        spec_from({"events": [{"labels": ["rain"], "count": raw}]}, "s.yaml")
    assert "s.yaml, events 1, count" in str(caught.value)


def test_a_declaration_is_read() -> None:
    spec = spec_from({
        "duration": {"uniform": [5, 10]}, "layout": "array", "mics": [[0.1, 0, 0], [-0.1, 0, 0]],
        "background": {"labels": ["Rain"], "level": -40},
        "events": {"count": 2, "overlap": False, "place": {"azimuth": {"choice": [0, 90]}}},
        "talk": [{"speakers": 2, "turns": 4}],
    })  # fmt: skip
    assert spec.background is not None and spec.background.labels == ("rain",)
    (events,) = spec.events
    assert events.count.values == (2.0,) and not events.overlap and events.labels == ()
    assert events.place is not None and events.place.azimuth == Distribution("choice", (0.0, 90.0))
    assert spec.mics == ((0.1, 0.0, 0.0), (-0.1, 0.0, 0.0))
    assert spec_from(EVENTS).events == (Events(labels=("rain",)),)


@pytest.mark.parametrize(
    ("changed", "found", "hint"),
    [
        ({"evnts": []}, "unknown key 'evnts'", "events"),
        ({"events": [{"onsets": 1}]}, "unknown key 'onsets'", "onset"),
        ({"layout": "quad"}, "unknown layout", "foa"),
        ({"layout": "array"}, "needs some", ""),
        ({"mics": [[0, 0, 0]]}, "needs some", ""),
        ({"layout": "array", "mics": [[0, {"uniform": [0, 1]}, 0]]}, "not drawn", ""),
        ({"layout": "array", "mics": [[0, 0]]}, "three numbers", ""),
        ({"events": []}, "neither events nor talk", ""),
        ({"events": [{"snr": 3}]}, "there is none", "gain"),
        ({"background": {}, "events": [{"snr": 3, "gain": 1}]}, "both given", ""),
        ({"room": {}}, "needs a place", ""),
        ({"events": [{"to": {}}]}, "from none", ""),
        ({"events": [{"tempo": 0}]}, "tempo is drawn from 0", "0.25"),
        ({"events": [{"pitch": {"normal": [0, 1]}}]}, "pitch", "truncated"),
        ({"duration": 0}, "duration", ""),
        ({"rate": "16k"}, "no int", ""),
        ({"events": [{"overlap": 1}]}, "no overlap", "always"),
        ({"events": [{"overlap": "always"}]}, "nothing is placed before it", "before it"),
        ({"events": [{"labels": [3]}]}, "list of labels", ""),
        ({"background": 3}, "not a set of keys", ""),
    ],
)
def test_faults_are_named_with_what_to_do(changed: dict[str, Any], found: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=found) as caught:
        spec_from({**EVENTS, **changed})
    assert hint in (caught.value.hint or "")
