"""Checkpoints in parts: those of another number of processes in the same folder are not read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harken.files import damaged
from harken.runs import Run
from harken.train import parallel
from harken.train.checkpoint import (
    MOMENTS,
    WEIGHTS,
    _part_of,
    _read_parts,
    _suffixes,
    _write,
    open_stage,
)

WHOLE = torch.arange(24.0).reshape(12, 2)


def written(folder: Path, size: int, scale: float) -> list[str]:
    """A checkpoint by `size` processes, in parts; by none of several, as one file."""
    found = []
    for kind in (WEIGHTS, MOMENTS):
        for rank in range(max(1, size)):
            suffix = f"-{rank}-of-{size}" if size else ""
            part = (scale * WHOLE).chunk(size)[rank] if size else scale * WHOLE
            path = _part_of(folder, kind, suffix)
            _write(path, {"lm.weight": part})
            found.append(path.name)
    return found


@pytest.mark.parametrize(("before", "now"), [(2, 3), (3, 2), (0, 2), (2, 0), (12, 3)])
def test_parts_of_another_number_of_processes_are_removed(
    before: int, now: int, tmp_path: Path
) -> None:
    """A kill between the two: the older checkpoint, which was declared, is still whole."""
    with Run.open(tmp_path / "run", {}) as run:
        found = open_stage(run, "sft")
        here = found.folder / "step-000002"
        here.mkdir(parents=True)
        old = written(here, before, 1.0)
        found._declare(here, old, 2, False, "")
        new = written(here, now, 2.0)
        killed = open_stage(run, "sft")
        assert not damaged(here, killed._sums) and sorted(killed._sums) == sorted(old)
        assert torch.equal(_read_parts(here, WEIGHTS, killed._sums)["lm.weight"], WHOLE)
        killed._declare(here, new, 2, True, "")
        assert sorted(path.name for path in here.iterdir()) == sorted(new)
        for kind in (WEIGHTS, MOMENTS):
            again = open_stage(run, "sft")
            assert torch.equal(_read_parts(here, kind, again._sums)["lm.weight"], 2 * WHOLE)


def test_each_process_has_a_part_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 5):
        monkeypatch.setattr(parallel, "size", lambda size=size: size)
        assert _suffixes(False) == [""]
        assert _suffixes(True) == [f"-{rank}-of-{size}" for rank in range(size)]
