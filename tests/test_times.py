"""Times as text and as tokens: exact both ways, and what is no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.errors import ConfigError
from harken.times import TimeGrid, times_as_text

GRIDS = [TimeGrid(0.01, 30.0), TimeGrid(0.1, 12.5), TimeGrid(0.2, 30.0), TimeGrid(1, 600)]
grids = st.sampled_from(GRIDS)
words = st.sampled_from(["", "from ", "to ", "a dog, ", "(", "[music] ", "- ", "die Zeit: ", "\n"])


@st.composite
def timed(draw: st.DrawFn) -> tuple[TimeGrid, str, str]:
    """A text with times on a grid, and the same with tokens."""
    grid = draw(grids)
    text = tokens = draw(words)
    for place in draw(st.lists(st.integers(0, grid.count - 1), max_size=5)):
        gap = draw(st.sampled_from([" to ", "-", ", ", " ", "; ", "\n"]))
        text += f"{grid.seconds(place)}s{gap}"
        tokens += f"{grid.token(place)}{gap}"
    return grid, text, tokens


@given(timed())
def test_times_on_the_grid_survive_both_ways(case: tuple[TimeGrid, str, str]) -> None:
    grid, text, tokens = case
    assert grid.as_tokens(text) == tokens
    assert times_as_text(tokens) == text
    assert grid.beyond(text) == grid.rounded(text) == grid.beyond(tokens) == []


@given(grids, st.data())
def test_every_token_is_a_time_of_its_own(grid: TimeGrid, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, grid.count - 1))
    assert grid.place(grid.seconds(place)) == place
    assert len(set(grid.tokens())) == grid.count


@given(grids, st.decimals(0, 700, places=4, allow_nan=False))
def test_other_times_get_the_nearest_token_and_are_told(grid: TimeGrid, seconds: object) -> None:
    text = f"at {seconds}s."
    place = grid.place(str(seconds))
    if place is None:
        assert grid.beyond(text) == [f"{seconds}s"] and grid.as_tokens(text) == text
        assert float(str(seconds)) > grid.max_s
    else:
        assert abs(float(grid.seconds(place)) - float(str(seconds))) <= grid.resolution / 2 + 1e-9
        on_grid = float(grid.seconds(place)) == float(str(seconds))
        assert grid.rounded(text) == ([] if on_grid else [f"{seconds}s"])
        assert grid.as_tokens(text) == f"at {grid.token(place)}."


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1.12s", "<|1.12|>"),
        ("1.12 s", "<|1.12|>"),
        ("from 0.50 sec to 5 seconds", "from <|0.50|> to <|5.00|>"),
        ("1.5s-3.25s", "<|1.50|>-<|3.25|>"),
        ("1.5s,3.25s", "<|1.50|>,<|3.25|>"),
        ("the 80s and the 1980s", "the 80s and the 1980s"),
        ("-1.5s and at 1:02.50s", "-1.5s and at 1:02.50s"),
        ("1,234.5s", "1,234.5s"),
        ("31.00s", "31.00s"),
        ("3.5 songs, 2.0sharp", "3.5 songs, 2.0sharp"),
        ("<|1.12|> stays", "<|1.12|> stays"),
        ("v1.12s x.5s", "v1.12s x.5s"),
    ],
)
def test_what_is_a_time(text: str, tokens: str) -> None:
    assert TimeGrid().as_tokens(text) == tokens


def test_tokens_stand_apart_from_words_when_read_as_text() -> None:
    assert times_as_text("from<|1.12|>to<|3.50|>") == "from 1.12s to 3.50s"
    assert times_as_text("<|1.12|><|3.50|>") == "1.12s 3.50s"
    assert times_as_text("<|im_end|> <|1|> <|audio_2.0|>") == "<|im_end|> <|1|> <|audio_2.0|>"


@pytest.mark.parametrize(
    ("resolution", "max_s"),
    [
        (0, 30),
        (-0.1, 30),
        (0.01, 0),
        (0.3, 1.0),
        (float("nan"), 30),
        (1e-6, 30),
        (0.1, float("inf")),
    ],
)
def test_what_is_no_grid_is_refused(resolution: float, max_s: float) -> None:
    with pytest.raises(ConfigError, match="the resolution is"):
        TimeGrid(resolution, max_s)
