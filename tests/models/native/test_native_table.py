"""docs/native.md agrees with the code, and its differences are small."""

from __future__ import annotations

from pathlib import Path

import tiny_qwen2_audio
from families import TINIES
from table import BEGIN, COLUMNS, DOC, END, about, page, row

from harken.models.native.families import FAMILIES


def written() -> dict[str, list[str]]:
    """Rows of the page by the name in their first cell."""
    text = DOC.read_text(encoding="utf-8")
    lines = text[text.index(BEGIN) : text.index(END)].splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if "| " in line
    ]
    assert rows[0] == list(COLUMNS)
    return {cells[0]: cells for cells in rows[2:]}


def test_the_page_has_every_family() -> None:
    names = {f"{FAMILIES.get(tiny.kind).name} (`{tiny.kind}`)" for tiny in TINIES}
    assert {*written()} == names
    assert about() in DOC.read_text(encoding="utf-8"), "run: python tests/models/native/table.py"


def test_its_differences_are_small() -> None:
    for cells in written().values():
        assert len(cells) == len(COLUMNS)
        for name, cell in zip(COLUMNS, cells, strict=True):
            if name.endswith(" off"):
                assert cell == "not official" or float(cell) <= 1e-4


def test_a_measured_row_equals_the_written_one(tmp_path: Path) -> None:
    found = row(tiny_qwen2_audio.TINY, tmp_path)
    expected = written()[found[0]]
    assert list(found[:4]) == expected[:4]
    assert "truncated silently" in found[4]
    for name, cell in zip(COLUMNS, found, strict=True):
        assert not name.endswith(" off") or cell == "not official" or float(cell) <= 1e-4


def test_the_page_keeps_what_is_around_the_table() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    made = page(text, [])
    assert made.startswith(f"before\n{BEGIN}\n| class") and made.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in made
