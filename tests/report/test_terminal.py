"""Tables for the terminal."""

from __future__ import annotations

from pathlib import Path

from exams import make_world
from harken.evaluate import compare, results
from harken.report import terminal


def test_results_and_comparison_fit_a_terminal(tmp_path: Path) -> None:
    world = make_world(tmp_path, 24, evil=True)
    shown = terminal.results(results(world["after"]), width=120)
    assert "right with the audio" in shown and "all tasks" in shown
    assert "1 abstained, 1 unparsable, 1 failed" in shown
    both = terminal.comparison(compare(world["before"], world["after"]), width=120)
    assert "first: model" in both and "p (Holm)" in both
    for text in (shown, both):
        assert all(len(line) <= 120 for line in text.splitlines())
        assert "\x1b" not in text
