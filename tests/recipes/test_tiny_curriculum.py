"""harken-tiny's curriculum scales with time, and alignment names each clip once."""

from __future__ import annotations

from typing import Any

import pytest

from harken.audio.clip import silence
from harken.errors import ConfigError
from harken.item import Item
from harken.recipes.steps import plan_for
from harken.recipes.tiny_curriculum import MEASURED_MINUTES, naming, takes, tiny_plan
from harken.train.stages import STAGES

TWO = (silence(1.0), silence(2.0))


def test_steps_scale_with_the_minutes_and_rates_do_not() -> None:
    """Half the time is half the steps."""
    whole, half = tiny_plan(MEASURED_MINUTES), tiny_plan(MEASURED_MINUTES / 2)
    for name in ("text-warmup", "align", "sft", "grpo"):
        assert half[name].steps == whole[name].steps // 2
        assert half[name].lr == whole[name].lr


def test_every_stage_has_a_step_and_minutes_are_positive() -> None:
    """A smoke run has one step in each stage."""
    tiny = tiny_plan(0.001, seed=3)
    assert {settings.steps for settings in tiny.values()} == {1}
    assert tiny["align"].seed == 3
    with pytest.raises(ConfigError, match="minutes is 0"):
        tiny_plan(0)


def test_alignment_has_one_question_in_a_prompt() -> None:
    """With several, answers could be copied from earlier ones."""
    plan: dict[str, Any] = dict(tiny_plan())
    assert plan["align"].turns == 1 and plan["sft"].turns == 1
    assert not plan["align"].clips_as_text and plan["text-warmup"].clips_as_text


OWN = ("text-warmup", "align", "sft", "grpo")
"""The stages that the curriculum has settings of its own for."""


def test_the_curriculum_is_for_presets_only() -> None:
    """Every other model gets the stages' own defaults."""
    tiny, other = plan_for("harken-tiny", 0), plan_for("native:somewhere", 0)
    assert {*other} == {*STAGES} and {*tiny} == {*STAGES, "drill"}
    for name in STAGES:
        assert other[name] == STAGES.get(name).settings(seed=0)
        if name in OWN:
            assert tiny[name].lr and (other[name].lr or 2e-5) < tiny[name].lr
            assert not tiny[name].lr_audio_encoder and not tiny[name].lr_lm  # one rate for all
        else:
            assert tiny[name] == other[name]
    sft: Any = other["sft"]
    assert sft.modality_dropout == 0 and not sft.augment


def test_naming_keeps_what_names_each_clip_once() -> None:
    """Open-ended questions about all sounds; no choices, not one of several, with clips."""
    name = Item("Name each.", "rain, dog", clips=TWO, task="talk", tags=("sound", "name"))
    at_two = Item("What is in clip 2?", "dog", clips=TWO, task="talk", tags=("sound", "at"))
    at_one = Item("What is it?", "rain", clips=TWO[:1], task="talk", tags=("sound", "at"))
    order = Item("In what order?", "rain, dog", clips=TWO[:1], task="order")
    choice = Item("Which?", "rain", ("rain", "dog"), TWO[:1], task="identify")
    no_clips = Item("Name each.", "rain", task="talk", tags=("name",))
    items = [name, at_two, at_one, order, choice, no_clips]
    assert naming(items) == takes("align", items) == [name, at_one, order]
    assert takes("grpo", items) == items and choice in items
