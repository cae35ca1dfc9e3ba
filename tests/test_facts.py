"""What is known of a clip: absent is None, and what cannot be true is refused."""

from __future__ import annotations

import pytest

from harken.errors import DataError
from harken.facts import ClipFacts, SourceFacts, TimedWord, facts_from

DOG = SourceFacts("sound", "dog", onset_s=0.5, offset_s=1.0)
VOICE = SourceFacts("speech", speaker="anna", transcript="the red door", onset_s=0.0, offset_s=2.0)
RAIN = SourceFacts("background", "rain")


def test_what_is_not_known_is_left_out_and_comes_back_as_none() -> None:
    facts = ClipFacts((SourceFacts("sound", "dog", azimuth_deg=0.0, words=()),), 2.0)
    raw = facts.to_dict()
    assert raw == {
        "sources": [{"kind": "sound", "label": "dog", "azimuth_deg": 0.0, "words": []}],
        "duration_s": 2.0,
    }
    assert ClipFacts.from_dict(raw) == facts
    nulls = {"sources": [{**raw["sources"][0], "snr_db": None}], "duration_s": 2.0, "rt60_s": None}
    assert ClipFacts.from_dict(nulls) == facts
    assert facts_from(None) == ()


def test_names_are_of_what_is_in_front() -> None:
    facts = ClipFacts((RAIN, DOG, VOICE))
    assert facts.names == ("dog", "the red door") and facts.timed
    assert not facts.is_speech and not facts.is_sound
    assert ClipFacts((RAIN, VOICE)).is_speech and ClipFacts((RAIN, DOG)).is_sound
    assert ClipFacts((RAIN,)).names is None and not ClipFacts((RAIN,)).is_sound
    assert ClipFacts((DOG, SourceFacts("music"))).names is None
    assert not ClipFacts((DOG, SourceFacts("music", "flute"))).timed and not ClipFacts().timed
    assert SourceFacts("speech", "seven").name == "seven"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"kind": "noise"}, "kind 'noise'"),
        ({"kind": "sound", "onset_s": 2.0, "offset_s": 1.0}, "ends at 1 s, before 2 s"),
        ({"kind": "speech", "words": (TimedWord("a", 1.0, 0.5),)}, "before 1 s"),
        ({"kind": "sound", "snr_db": float("nan")}, "snr_db is nan"),
    ],
)
def test_what_cannot_be_true_is_refused(values: dict[str, object], found: str) -> None:
    with pytest.raises(DataError, match=found):
        SourceFacts(**values)  # type: ignore[arg-type]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(DataError, match="'azimuth'"):
        ClipFacts.from_dict({"sources": [{"kind": "sound", "azimuth": 3.0}]})
    with pytest.raises(DataError, match="inf"):
        ClipFacts(rt60_s=float("inf"))
