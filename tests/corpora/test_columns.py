"""Which of several columns for one thing is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from harken.corpora.columns import known_columns


@pytest.mark.parametrize(
    ("raw", "row", "unread"),
    [
        ({"wav": "a", "audio": "b"}, {"path": "a"}, ["audio"]),  # the first
        ({"audio": "b", "wav": "a"}, {"path": "b"}, ["wav"]),
        ({"wav": "a", "path": "b"}, {"path": "b"}, ["wav"]),  # its own name
        ({"path": "b", "wav": "a"}, {"path": "b"}, ["wav"]),
        ({"tag": "x", "label": "dog"}, {"labels": "dog"}, ["tag"]),
        ({"label": "dog", "labels": "cat"}, {"labels": "dog"}, ["labels"]),
        ({"wav": "", "audio": "b"}, {"path": "b"}, []),  # empty is absent
        ({"wav": None, "labels": []}, {}, []),
        ({"Speaker-ID": 0, "mood": "calm"}, {"speaker": 0}, ["mood"]),
        ({"plan": {"a": 1}}, {}, []),
    ],
)
def test_one_column_is_read_and_the_others_are_told(
    raw: dict[Any, Any], row: dict[str, Any], unread: list[str]
) -> None:
    told: Counter[str] = Counter()
    assert known_columns(raw, told) == row
    assert told == Counter(unread)
