"""Processes of this computer: each unit has one outcome, also where a worker is killed."""

from __future__ import annotations

from pathlib import Path

import engine_work
import pytest

from harken.engines.base import UnitTask, WorkUnit
from harken.engines.load import open_engine
from harken.engines.local import LocalEngine
from harken.engines.run import run_units
from harken.errors import ConfigError, MissingExtra, TooManyFailures

UNITS = [WorkUnit(f"u{n}", n) for n in range(6)]


def test_two_workers_give_what_one_gives() -> None:
    for workers in (1, 2):
        with LocalEngine(workers) as engine:
            task = UnitTask("t", engine_work.double, 10)
            found = sorted((one.place, one.result) for one in engine.outcomes(task, UNITS))
            assert found == [(n, 10 * n) for n in range(6)]
            other = UnitTask("t2", engine_work.double, 2)  # the same workers, another task
            assert {one.result for one in engine.outcomes(other, UNITS)} == {0, 2, 4, 6, 8, 10}


def test_a_worker_has_one_thread_and_none_of_the_model_libraries() -> None:
    with LocalEngine(2) as engine:
        task = UnitTask("t", engine_work.threads_and_libraries)
        found = [one.result for one in engine.outcomes(task, UNITS)]
    assert len({process for _, _, process in found}) == 2
    assert all(set(blas) <= {1} and libraries == [] for blas, libraries, _ in found)


def test_a_killed_worker_is_replaced_and_its_unit_done_again(tmp_path: Path) -> None:
    taken: dict[int, int] = {}
    with LocalEngine(2) as engine:
        task = UnitTask("t", engine_work.dies_once, tmp_path)
        failures = run_units(task, UNITS, engine, "x", take=taken.__setitem__)
    assert not failures.units and taken == {n: n for n in range(6)}


def test_a_unit_that_always_kills_its_worker_is_told_and_the_others_are_done(
    tmp_path: Path,
) -> None:
    taken: dict[int, int] = {}
    with LocalEngine(2) as engine:
        task = UnitTask("t", engine_work.dies)
        failures = run_units(task, UNITS, engine, "x", take=taken.__setitem__, folder=tmp_path)
    assert failures.units == {"u1": "its worker was killed (SIGKILL)"}
    assert sorted(taken) == [0, 2, 3, 4, 5]
    with pytest.raises(TooManyFailures, match="u1: its worker was killed"):
        failures.raise_any()


def test_no_engine_without_a_worker_or_of_another_name() -> None:
    with pytest.raises(ConfigError, match="0 workers"):
        LocalEngine(0)
    for name in ("slurm", "local:here", ""):
        with pytest.raises(ConfigError, match="no engine"), open_engine(name, 1):
            pass


def test_work_that_cannot_be_sent_is_refused() -> None:
    with LocalEngine(2) as engine, pytest.raises(ConfigError, match="cannot be sent"):
        list(engine.outcomes(UnitTask("t", lambda shared, unit: None), UNITS))


def test_without_ray_it_is_said_what_to_install() -> None:
    try:
        import ray  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match=r"harken\[ray\]"), open_engine("ray", 1):
            pass
    else:
        pytest.skip("Ray is installed")
