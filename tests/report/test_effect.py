"""The section of a study and its plot; the pages in the docs are what their numbers say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harken.errors import DataError
from harken.report.effect import into_page, plot_file, section, text_of
from paths import REPO

PAGE = REPO / "docs" / "effects.md"


def results(**changes: Any) -> dict[str, Any]:
    mean = {"exam": "pairs", "condition": "audio", "task": "", "by_seed": [0.5, 0.7], "n": 80}
    return {
        "study": "mallm", "title": "Pairs", "paper": "a paper", "size": "full",
        "model": "harken-tiny", "joined": True,
        "arms": [
            {"name": "start", "about": "begin", "lessons": []},
            {"name": "joint", "about": "both",
             "lessons": [{"stage": "joint", "steps": 150, "examples": 16, "items": 90}]},
        ],
        "exams": [{"name": "pairs", "items": 40, "conditions": ["audio"]}],
        "seeds": {"start": [0, 1], "joint": [0, 1]},
        "cells": [],
        "means": [
            {"arm": "start", **mean, "value": 0.5, "low": 0.4, "high": 0.6, "seeds": 2},
            {"arm": "joint", **mean, "value": 0.75, "low": 0.7, "high": 0.8, "seeds": 2},
        ],
        "claims": [
            {"text": "it is better", "source": "paper", "unit": "points", "bound": 0.2,
             "expected": "above", "seeds": [0, 1], "value": 0.25, "low": 0.21, "high": 0.3,
             "by_seed": [0.15, 0.35], "verdict": "supported"},
        ],
        **changes,
    }  # fmt: skip


def test_the_section_has_arms_means_and_verdicts() -> None:
    text = section(results(), "plot.svg")
    assert "2 seeds" in text
    assert "| `joint` | both | joint 150 x 16, of 90 | 2 |" in text
    assert "| `joint` | 75.0 (70.0 to 80.0) |" in text
    assert "+25.0 (+21.0 to +30.0) points | 1 of 2 | **supported** |" in text
    assert "![Pairs](plot.svg)" in text


def test_what_is_not_run_is_said() -> None:
    bare = results(seeds={"start": [0], "joint": []}, means=results()["means"][:1])
    text = section(bare)
    assert "0 to 1 seeds: the run is not complete" in text
    assert "| `joint` | not run |" in text
    assert "not run yet" in section(results(seeds={"start": [], "joint": []}, means=[]))
    assert "supported: it is better" in text_of(results())


def test_nats_are_no_percent() -> None:
    rows = [{**results()["means"][0], "exam": "nats", "value": 1.25, "low": 1.0, "high": 1.5}]
    assert "1.25 (1.00 to 1.50)" in section(results(means=rows))


def test_the_plot_is_a_file_with_every_arm() -> None:
    drawn = plot_file(results())
    assert drawn.startswith("<?xml")
    for name in ("start", "joint", "Pairs (a paper)", "pairs"):
        assert name in drawn
    assert drawn.count("<circle") == 2


def test_a_page_gets_the_section_where_it_belongs() -> None:
    page = "# A\n<!-- results: mallm -->\nold\n<!-- end -->\n<!-- results: time -->\n<!-- end -->\n"
    new = into_page(page, "mallm", "new \\1 text\n")
    assert "old" not in new
    assert "new \\1 text" in new
    assert new.endswith("<!-- results: time -->\n<!-- end -->\n")
    assert into_page(new, "mallm", "new \\1 text\n") == new
    with pytest.raises(DataError, match="no place for the results of deafness"):
        into_page(page, "deafness", "x")


def test_the_page_in_the_docs_is_what_its_numbers_say() -> None:
    """Nobody edits results by hand: each section is made of the numbers beside it."""
    from harken.recipes.effects.registry import STUDIES

    told: list[str] = []
    for page in (PAGE, PAGE.with_name("clap.md")):
        text = page.read_text("utf-8")
        told += re.findall(r"<!-- results: (\w+) -->", text)
        for path in sorted(page.with_suffix("").glob("*.json")):
            found = json.loads(path.read_text("utf-8"))
            own = section(found, f"{page.stem}/{path.stem}.svg")
            assert into_page(text, path.stem, own) == text, path.name
            assert path.with_suffix(".svg").read_text("utf-8") == plot_file(found)
    assert told == [*STUDIES]
