"""The page's table of rules, tests and results is what the rules give now."""

from __future__ import annotations

from bench_table import documented, table
from test_bench_golden import NAMES

from paths import REPO


def test_the_page_holds_the_table_as_it_is() -> None:
    page = (REPO / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert documented(page) == table(), "print it: python tests/evaluate/benchmarks/bench_table.py"
    rows = documented(page).splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [*NAMES, "own"]
