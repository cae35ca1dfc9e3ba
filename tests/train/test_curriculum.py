"""The curriculum scales with time, and alignment hears each clip once."""

from __future__ import annotations

import pytest

from harken.audio.clip import silence
from harken.errors import ConfigError
from harken.item import Item
from harken.train.curriculum import MEASURED_MINUTES, curriculum, naming

TWO = (silence(1.0), silence(2.0))


def test_steps_scale_with_the_minutes_and_rates_do_not() -> None:
    """Half the time is half the steps."""
    whole, half = curriculum(MEASURED_MINUTES), curriculum(MEASURED_MINUTES / 2)
    for name in ("text_warmup", "align", "sft", "grpo"):
        full, less = getattr(whole, name), getattr(half, name)
        assert less.steps == full.steps // 2
        assert less.lr == full.lr


def test_there_is_always_a_step_and_never_no_time() -> None:
    """A smoke run takes one step of everything."""
    tiny = curriculum(0.001, seed=3)
    assert {s.steps for s in (tiny.text_warmup, tiny.align, tiny.sft, tiny.grpo)} == {1}
    assert tiny.align.seed == 3
    with pytest.raises(ConfigError, match="minutes is 0"):
        curriculum(0)


def test_alignment_reads_no_answer_from_an_earlier_one() -> None:
    """One question a line where sound is to be heard."""
    plan = curriculum()
    assert plan.align.turns == 1 and plan.sft.turns == 1
    assert not plan.align.words and plan.text_warmup.words


def test_naming_keeps_what_names_each_clip_once() -> None:
    """Open questions about all that is heard; no choices, no one-of-several, nothing silent."""
    name = Item("Name each.", "rain, dog", clips=TWO, task="talk", tags=("sound", "name"))
    at_two = Item("What is in clip 2?", "dog", clips=TWO, task="talk", tags=("sound", "at"))
    at_one = Item("What is it?", "rain", clips=TWO[:1], task="talk", tags=("sound", "at"))
    order = Item("In what order?", "rain, dog", clips=TWO[:1], task="order")
    choice = Item("Which?", "rain", ("rain", "dog"), TWO[:1], task="identify")
    deaf = Item("Name each.", "rain", task="talk", tags=("name",))
    assert naming([name, at_two, at_one, order, choice, deaf]) == [name, at_one, order]
