"""Retries are bounded; what fails for good is kept apart with its reason, a full disk ends it."""

from __future__ import annotations

from pathlib import Path

import engine_work
import pytest

from harken.engines.base import FaultyItems, UnitTask, WorkUnit
from harken.engines.local import LocalEngine
from harken.engines.run import RETRIES, forget_failures, read_failures, run_units

UNITS = [WorkUnit(f"u{n}", n, items=4) for n in range(3)]


def test_a_unit_is_tried_as_often_as_is_said(tmp_path: Path) -> None:
    assert RETRIES == 2  # three attempts
    taken: dict[int, int] = {}
    task = UnitTask("t", engine_work.fails_twice, tmp_path)
    assert not run_units(task, UNITS, LocalEngine(), "x", take=taken.__setitem__).units
    assert taken == {0: 0, 1: 1, 2: 2} and len(list(tmp_path.iterdir())) == 9


def test_what_fails_is_kept_apart_with_its_items(tmp_path: Path) -> None:
    def work(shared: None, unit: WorkUnit) -> int:
        if unit.value == 1:
            raise FaultyItems([{"id": "a", "reason": "no sound"}])
        if unit.value == 2:
            raise ValueError("broken")
        return 0

    task = UnitTask("t", work)
    failures = run_units(task, UNITS, LocalEngine(), "x", take=lambda *_: None, folder=tmp_path)
    assert failures.items == 1 + 4  # of a unit that failed as a whole, all
    first, second = read_failures(tmp_path)
    assert first["unit"] == "u1" and first["items"] == [{"id": "a", "reason": "no sound"}]
    assert second["reason"] == "ValueError: broken" and second["of_items"] == 4
    forget_failures(tmp_path)
    assert read_failures(tmp_path) == []


def test_a_unit_is_named_by_its_job_and_its_key() -> None:
    names = {
        WorkUnit(key, 0).name(UnitTask(job, engine_work.double))
        for key in ("a", "b")
        for job in ("1", "2")
    }
    assert len(names) == 4
    task = UnitTask("1", engine_work.double)
    assert WorkUnit("a", 1).name(task) == WorkUnit("a", 2, items=9).name(task)


def test_a_full_disk_ends_the_job() -> None:
    task = UnitTask("t", engine_work.full)
    with pytest.raises(OSError, match="No space left"):
        run_units(task, UNITS, LocalEngine(), "x", take=lambda *_: None)
