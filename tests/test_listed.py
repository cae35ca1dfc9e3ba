"""Names in messages: none is left out without being counted."""

from __future__ import annotations

import re

import pytest
import torch

from harken.errors import ModelError
from harken.listed import in_lines, items_listed, listed
from paths import REPO
from tiny_audio import mini


@pytest.mark.parametrize("most", [1, 3, 10])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 10, 11, 40])
def test_names_shown_and_counted_are_all(count: int, most: int) -> None:
    names = [f"i{n}" for n in range(count)]
    shown, _, more = listed(names, most).partition(" … ")
    known = [name for name in shown.split(", ") if name]
    assert known == names[:most]
    assert len(known) + int(more.removesuffix(" more") or 0) == count


def test_by_hand() -> None:
    assert listed(["a", "b", "c"], 2) == "a, b … 1 more"
    assert listed(["a, b", "c"], between="; ") == "a, b; c"
    assert items_listed(["a", "b"]) == " (items a, b)" and items_listed([]) == ""
    assert items_listed(["a", "b"], 1) == " (items a … 1 more)"


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (3, 3), (4, 4), (9, 4)])
def test_faults_in_lines_are_all_counted(count: int, lines: int) -> None:
    text = in_lines([f"fault {n}" for n in range(count)], 3)
    assert text.startswith("\n  fault 0") and text.endswith("\n")
    assert len(text.strip().splitlines()) == lines
    assert ("and 6 more" in text) is (count == 9) and ("and 1 more" in text) is (count == 4)


def test_no_message_cuts_a_list_without_saying_how_many_there_are() -> None:
    """Cut lists are written by `listed`, which says it."""
    cut = re.compile(r"""["'][,;] ["']\.join\([^\n]*\[:\w+\]""")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted((REPO / "src" / "harken").rglob("*.py"))
        for line in path.read_text().splitlines()
        if cut.search(line)
    ]
    assert not found


@pytest.mark.parametrize(("count", "told"), [(5, "n0, n1, n2, n3, n4"), (7, "n4 … 2 more")])
def test_tensors_that_do_not_fit_are_counted(count: int, told: str) -> None:
    learner = mini()
    extra = {f"n{number}": torch.zeros(1) for number in range(count)}
    with pytest.raises(ModelError, match=f"^{count} tensors do not fit .*{told}"):
        learner.load_state({**learner.state(), **extra})
