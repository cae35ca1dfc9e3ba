"""Tables for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harken.evaluate.compare import compare
from harken.evaluate.results import tabulate
from harken.evaluate.run import results
from harken.item import Item
from harken.report import comparison, terminal
from scored_records import make_world, record


def test_results_and_comparison_fit_a_terminal(tmp_path: Path) -> None:
    world = make_world(tmp_path, 24, evil=True)
    shown = terminal.results(results(world["after"]), width=120)
    assert "right with the audio" in shown and "all tasks" in shown
    assert "1 abstained, 1 unparsable, 1 failed" in shown
    both = comparison.two(compare(world["before"], world["after"]), width=120)
    assert "first: before: model" in both and "p (Holm)" in both
    for text in (shown, both):
        assert all(len(line) <= 120 for line in text.splitlines())
        assert "\x1b" not in text


@pytest.fixture(scope="module")
def everything() -> str:
    """All sections, 110 columns wide."""
    return terminal.results(_everything(), width=110)


def _everything() -> dict[str, Any]:
    records = []
    for at in range(24):
        clips = 1 + at % 2
        item = Item(
            f"{at}?", "clip 1", ("clip 1", "clip 2"), task="which-clip", recordings=(f"{at}",)
        )
        own = {"heard": clips, "clips": clips}
        for turn in (0, 1):
            records += [record(item, "audio", 0.9, r, clip_rotation=turn, **own) for r in (0, 1)]
        for name in ("none", "transcript", "caption", "clip-1", "fragment-1of2", "fragment-2of2"):
            records.append(record(item, name, 0.2, **own))
        records.append(record(item, "silence", 0.9 if at < 6 else 0.2, **own))
    checks = [{"name": "selfcheck", "ok": False, "text": "2 of 8 items differ [bold]alone[/]"}]
    return {**tabulate(records), "checks": checks}


@pytest.mark.parametrize(
    "line",
    [
        "Over silence, the audio adds",
        "always the first option 50.0 %",
        "Audio gain and p: over silence, the control that is hardest to beat.",
        "Right under caption: 0.0 (0.0–",
        "In every order of the options the same answer: 100.0 % of 24 items",
        "In every order of the clips the same answer: 100.0 % of 24 items",
        "Picks by position of the option: 48 48, true ones 48 48; bias p = 1.000.",
        "Calibration, audio: ECE 10.0 %",
        "Vote of 2 passes over the orders of the clips: 100.0 %, a single pass 100.0 %",
        "Vote of 4 passes over the orders of the options and clips",
        "A cut retains 0.0 % of the score (0.0 % of 100.0 %)",
        "failed: selfcheck: 2 of 8 items differ [bold]alone[/]",
    ],
)
def test_there_is_a_line_for_each_result(everything: str, line: str) -> None:
    assert line in " ".join(everything.split())


def test_votes_about_one_recording_have_no_interval() -> None:
    records = []
    for at in range(8):
        item = Item(f"{at}?", "dog", ("dog", "cat"), task="identify", recordings=("one",))
        records += [record(item, "audio", 0.9 if r else 0.2, r) for r in (0, 1)]
    text = " ".join(terminal.results({**tabulate(records), "checks": []}, width=110).split())
    vote = text[text.index("Vote of") :]
    assert "points (of one recording, so without an interval, 8 items)" in vote


def test_the_headline_has_every_column_at_any_width() -> None:
    for width in (80, 110, 200):
        shown = terminal.results(_everything(), width=width)
        assert all(len(line) <= width for line in shown.splitlines())
        for word in ("score", "interval", "chance", "floor", "none", "swap", "script", "gain",
                     "able", "stained", "failed", "+75.0"):  # fmt: skip
            assert word in shown, (width, word)


def test_the_p_of_a_vote_is_of_its_mean_and_not_of_its_signs() -> None:
    """Eight items lose a quarter, two gain three: the signs say 0.109, the mean hardly moved."""
    found = _everything()
    gain = found["self_consistency"]["options"]["gain"]
    gain.update(items=10, difference=-0.05, low=-0.25, high=0.25, p=0.109, p_bootstrap=0.602)
    shown = " ".join(terminal.results(found, width=110).split())
    assert "−5.0 points (−25.0 to +25.0, p = 0.602" in shown and "0.109" not in shown


def test_sections_that_have_nothing_are_not_there() -> None:
    item = Item("q?", "a", ("a", "b"), recordings=("r",))
    shown = terminal.results(tabulate([record(item, "audio", 0.9, logprobs=None)]))
    for word in ("order of", "Vote", "Calibration", "cut", "clips", "bits"):
        assert word not in shown
