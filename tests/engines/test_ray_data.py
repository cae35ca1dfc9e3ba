"""Ray Data as an engine: the same outcomes and bytes, guards on, nothing heard from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import engine_work
import pytest

from harken.engines.base import UnitTask, WorkUnit
from harken.engines.run import run_units
from harken.errors import ConfigError
from harken.shards.build import Unit, build_dataset
from made_items import contents
from paths import REPO

pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'harken[ray]'")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # Ray takes long to start

UNITS = [WorkUnit(f"u{n}", n) for n in range(6)]
PLACES = [REPO / "src", REPO / "tests", REPO / "tests" / "engines"]


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    from harken.engines.ray_data import RayEngine

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, PLACES))  # of Ray's workers
    engine = RayEngine(2)
    yield engine
    engine.close()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def test_each_unit_has_one_outcome(engine: Any) -> None:
    found = sorted(
        (one.place, one.result)
        for one in engine.outcomes(UnitTask("t", engine_work.double, 10), UNITS)
    )
    assert found == [(n, 10 * n) for n in range(6)]


def test_ray_listens_on_the_loopback_interface_only(engine: Any) -> None:
    psutil = pytest.importorskip("psutil")
    list(engine.outcomes(UnitTask("t", engine_work.double, 1), UNITS[:1]))
    own = psutil.Process()
    heard = [
        one.laddr.ip
        for process in (own, *own.children(recursive=True))
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert heard and set(heard) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    import ray

    assert not ray._private.worker.global_worker.node.address_info["webui_url"]


def test_the_guards_against_running_out_of_memory_are_on(engine: Any) -> None:
    import ray.data

    list(engine.outcomes(UnitTask("t", engine_work.double, 1), UNITS[:1]))
    context = ray.data.DataContext.get_current()
    assert context.default_map_logical_memory_enabled and context.isolate_read_workers


def test_a_worker_has_one_thread_and_none_of_the_model_libraries(engine: Any) -> None:
    task = UnitTask("t", engine_work.threads_and_libraries)
    for one in engine.outcomes(task, UNITS):
        blas, libraries, process = one.result
        assert set(blas) <= {1} and libraries == [] and process != os.getpid()


def test_a_killed_worker_loses_no_unit(engine: Any, tmp_path: Path) -> None:
    taken: dict[int, int] = {}
    task = UnitTask("t", engine_work.dies_once, tmp_path)
    failures = run_units(task, UNITS, engine, "x", take=taken.__setitem__)
    assert not failures.units and taken == {n: n for n in range(6)}
    task = UnitTask("t", engine_work.dies)
    taken.clear()
    failures = run_units(task, UNITS, engine, "x", take=taken.__setitem__, retries=1)
    assert list(failures.units) == ["u1"] and "lost its worker" in failures.units["u1"]
    assert sorted(taken) == [0, 2, 3, 4, 5]


def test_shards_have_the_bytes_of_one_worker_here(engine: Any, tmp_path: Path) -> None:
    units = [Unit(f"u{n}", partial(engine_work.items_of, 5 * n), 5) for n in range(4)]
    for name, own in (("here", None), ("ray", engine)):
        build_dataset(tmp_path / name, units, name="n", plan=1, engine=own, shared=(7,))
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


def test_a_cluster_that_is_not_there_is_told() -> None:
    import ray

    from harken.engines.ray_data import RayEngine

    if ray.is_initialized():
        pytest.skip("another test has started Ray")
    away = RayEngine(1, "127.0.0.1:not-a-port")
    with pytest.raises(ConfigError, match="Ray cannot be reached"):
        list(away.outcomes(UnitTask("t", engine_work.double, 1), UNITS))
