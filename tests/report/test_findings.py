"""The sections beyond right and wrong: there where results hold them, and only there."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from full_run import make_full
from hypothesis import given
from hypothesis import strategies as st

from harken.report import charts, findings, terminal
from harken.report.html import write_report

SHARE = st.floats(0, 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_full(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def page(world: dict[str, Path]) -> str:
    path = world["after"].parent / "page.html"
    return write_report(path, after=world["after"], before=world["before"]).read_text("utf-8")


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_section_is_there(page: str) -> None:
    ids = {a.get("id") for t, a in Reader(page).tags if t == "section"}
    assert ids >= {"tasks", "change", "orders", "calibration", "clips", "fragments", "checks"}
    shown = " ".join(" ".join(Reader(page).text).split())
    for text in (
        "beat over all tasks", "orders of the options and clips", "Right over confidence",
        "Right over coverage", "1 of 2", "only with the whole", "2 items shared",
        "Official score of the options chosen", "text-only floor", "transcript", "hidden",
    ):  # fmt: skip
        assert text in shown, text


def test_hostile_names_of_checks_and_floors_stay_text(page: str) -> None:
    tags = Reader(page).tags
    assert [tag for tag, _ in tags].count("script") == 2
    assert not any(tag == "img" or any(n.startswith("on") for n in a) for tag, a in tags)
    assert page.count("</script>") == 2


def test_a_page_of_older_results_without_these_sections(
    world: dict[str, Path], tmp_path: Path
) -> None:
    """Results of an older version lack the new keys; the page is made all the same."""
    path = world["before"] / "results.json"
    before = path.read_text()
    old = json.loads(before)
    sums = world["before"] / "checksums.json"  # an older version wrote none
    held = sums.read_bytes()
    sums.unlink()
    for name in ("by_clips", "fragments", "per_clip", "self_consistency", "checks", "blind"):
        del old[name]
    for row in (old["overall"], *old["tasks"]):
        for cell in row["cells"].values():
            for name in ("rates", "consistency", "calibration", "clip_position", "cluster_low"):
                del cell[name]
        for gain in row["gains"].values():
            del gain["p_holm"], gain["p_bootstrap"]
    try:
        path.write_text(json.dumps(old))
        page = write_report(tmp_path / "old.html", after=world["before"]).read_text("utf-8")
        shown = terminal.results(old)
    finally:
        path.write_text(before)
        sums.write_bytes(held)
    ids = {a.get("id") for t, a in Reader(page).tags if t == "section"}
    assert ids == {"tasks", "conditions", "contribution", "outcomes", "browse"}
    assert "all tasks" in " ".join(shown.split()) and "Vote" not in shown


def test_floors_are_ranked() -> None:
    cells = {"a": {"accuracy": 0.2}, "b": {"accuracy": 0.5, "low": 0.4, "high": 0.6}}
    found = findings.floors({"blind": {"floors": cells}})
    assert [name for name, _, _ in found] == ["b", "a"] and found[0][2] == "40.0–60.0"
    assert findings.floors({}) == [] and findings.checks({}) == []


@given(st.lists(st.tuples(SHARE, SHARE, SHARE), min_size=1, max_size=8))
def test_charts_stay_inside_and_hold_every_dot(values: list[tuple[float, float, float]]) -> None:
    dots = [charts.Dot(x, y, min(y, z), max(y, z)) for x, y, z in values]
    root = ET.fromstring(charts.chart([charts.PlotLine("audio", dots)], [(0.5, "<b>")], "says"))
    spots = list(root.iter("circle"))
    assert len(spots) == len(values)
    for spot in spots:
        assert 0 <= float((spot.get("cx") or "").rstrip("%")) <= 100
        assert charts.TOP <= float(spot.get("cy") or 0) <= charts.BASE


def test_a_dot_is_at_its_share() -> None:
    own: dict[str, Any] = {"bins": [[0.9, 0.5, 4]], "curve": [[0.5, 1.0], [1.0, 0.5]], "ece": 0.4}
    (spot,) = ET.fromstring(charts.reliability({"audio": own})).iter("circle")
    assert float(spot.get("cy") or 0) == (charts.TOP + charts.BASE) / 2
    root = ET.fromstring(charts.coverage({"audio": own}))
    assert [float(s.get("cy") or 0) for s in root.iter("circle")] == [charts.TOP, 99.0]
    assert "audio: 100.0" in (root.get("aria-label") or "")
