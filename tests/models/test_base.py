"""Settings of sampled replies: what has a meaning, and what is refused with what is accepted."""

from __future__ import annotations

import math

import pytest

from harken.errors import ConfigError
from harken.models.base import MOST_TOKENS, Sampling


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"max_tokens": -5}, "max_tokens is -5"),
        ({"max_tokens": 10**9}, "max_tokens is 1000000000"),
        ({"thinking_tokens": -1}, "thinking_tokens is -1"),
        ({"thinking_tokens": MOST_TOKENS + 1}, "thinking_tokens"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"top_p": math.nan}, "top_p is nan"),
        ({"top_k": -1}, "top_k is -1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_has_no_meaning_is_refused_with_what_is_accepted(wrong, named):
    with pytest.raises(ConfigError) as refused:
        Sampling(**wrong)
    (name,) = wrong
    assert named in refused.value.found and f"{name} " in refused.value.hint


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as refused:
        Sampling(max_tokens=0, top_p=2.0, temperature=-1)
    assert refused.value.found == "max_tokens is 0; temperature is -1; top_p is 2.0"


def test_the_room_is_that_of_reply_and_thinking_together():
    assert Sampling().room == Sampling().max_tokens == 32
    assert Sampling(max_tokens=64, thinking_tokens=1000).room == 1064
    assert Sampling(max_tokens=MOST_TOKENS, temperature=0, top_p=1, top_k=0).room == MOST_TOKENS
