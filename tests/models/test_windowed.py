"""An hour is heard window by window: what is found is where it is, at constant memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.target import read_wrapper
from harken.models.windowed import Windowed, WindowSettings, combined

CHOICES = ("dog", "rain", "bell", "horn")


class Needle:
    """Hears choice 2 where a second is within the clip; else it is undecided."""

    name = "needle"
    max_clips = 2
    style = PromptStyle()

    def __init__(self, at_s: float, silent: bool = False) -> None:
        self.at_s, self.silent = at_s, silent
        self.asked: list[tuple[float, float]] = []
        self.most = self.cleared = 0

    def choice_logprobs(self, prompts):  # type: ignore[no-untyped-def]
        self.most = max(self.most, len(prompts))
        found = []
        for prompt in prompts:
            clip = prompt.clips[0]
            self.asked.append((clip.start_s, clip.duration_s))
            inside = clip.start_s <= self.at_s < clip.start_s + clip.duration_s - 1
            chances = [0.05, 0.05, 0.85, 0.05] if inside else [0.4, 0.2, 0.2, 0.2]
            found.append(None if self.silent else tuple(map(math.log, chances)))
        return found

    def generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
        return [Reply("whole") for _ in prompts]

    def clear_cache(self) -> None:
        self.cleared += 1

    def identity(self) -> str:
        return f"needle {self.at_s}"


def prompt(*lengths: float, choices: tuple[str, ...] = CHOICES) -> Prompt:
    clips = tuple(Clip(path=f"{n}.wav", duration_s=length) for n, length in enumerate(lengths))
    return Prompt(
        (*clips, "Which is heard?"), "Which is heard?", choices, tuple(range(len(choices)))
    )


@pytest.mark.parametrize("at_s", [0.0, 17.3, 1799.0, 3597.0])
def test_a_needle_in_an_hour_is_found(at_s: float) -> None:
    model = Windowed(Needle(at_s), WindowSettings(window_s=10.0))
    (found,) = model.choice_logprobs([prompt(3600.0)])
    assert found == pytest.approx(np.log([0.05, 0.05, 0.85, 0.05]))
    assert model.heard == 719 == len(model.model.asked)  # (3600 - 10) / 5 + 1
    assert model.model.asked[-1] == (3590.0, 10.0) and model.model.most <= 16
    assert model.model.cleared == 2  # after 256 and 512 windows: nothing of them is asked again
    (reply,) = model.generate([prompt(3600.0)], Sampling())
    assert (
        reply.text == "C" and reply.error is None and model.heard == 719
    )  # nothing is heard twice


def test_the_mean_is_over_all_windows() -> None:
    model = Windowed(Needle(5.0), WindowSettings(window_s=10.0, combine="mean"))
    (found,) = model.choice_logprobs([prompt(25.0)])
    # Windows at 0, 5, 10 and 15 s; the first two hear it.
    assert np.exp(found) == pytest.approx([0.225, 0.125, 0.525, 0.125])


def test_the_window_that_differs_decides() -> None:
    rows = np.array([[0.9, 0.1]] * 50 + [[0.2, 0.8]])
    assert combined(rows, "needle").tolist() == [0.2, 0.8]
    assert combined(rows[:50], "needle").tolist() == [0.9, 0.1]


def test_short_clips_are_asked_about_whole_and_what_cannot_be_asked_is_told() -> None:
    model = Windowed(Needle(1.0), WindowSettings(window_s=10.0))
    assert model.generate([prompt(8.0)], Sampling())[0].text == "whole"
    model.choice_logprobs([prompt(8.0), prompt(9.0)])
    assert model.model.asked == [(0.0, 8.0), (0.0, 9.0)] and model.heard == 0
    assert model.model.most == 2  # together
    (reply,) = model.generate([prompt(30.0, choices=())], Sampling())
    assert reply.stop == "failed" and "open" in str(reply.error)
    (reply,) = model.generate([prompt(30.0, 40.0)], Sampling())
    assert reply.stop == "failed" and "two clips" in str(reply.error)
    mute = Windowed(Needle(1.0, silent=True), WindowSettings(window_s=10.0))
    assert mute.choice_logprobs([prompt(30.0)]) == [None]
    assert "no probabilities" in str(mute.generate([prompt(30.0)], Sampling())[0].error)
    assert Windowed(Needle(1.0)).identity() != model.identity()


def test_settings_that_make_no_sense_are_refused() -> None:
    for settings in (WindowSettings(window_s=0), WindowSettings(combine="max")):
        with pytest.raises(ConfigError):
            Windowed(Needle(0.0), settings)


def test_settings_that_are_not_of_windows_are_the_models() -> None:
    inner, own = read_wrapper("windows", "asr:F?window_s=5&language=en", WindowSettings, {})
    assert (inner, own) == ("asr:F?language=en", WindowSettings(window_s=5.0))
