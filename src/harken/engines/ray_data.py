"""Units on a Ray cluster, through Ray Data: ``map_batches`` over descriptions of units.

A row is a unit, a batch and a block are one row, and what comes back is the small outcome: no audio
passes through Ray's object store or the driver. Outputs are committed by the workers into the job's
folder, so that folder is on storage that all nodes share, under the same path. Faults are outcomes
here as on every engine: Ray retries nothing by itself, and a unit whose worker has died is counted
as one failed attempt by `harken.engines.run`.

Ray Data's guards against running out of memory are off by default (ray#64758, ray#64297); here they
are on: every unit reserves logical memory, other operators do not run in workers that read, and
batches and blocks are bounded to one unit. A Ray that is started here listens on the loopback
interface only, has no dashboard, and sends no usage statistics.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from harken.engines.base import Outcome, UnitTask, WorkUnit, attempt
from harken.errors import ConfigError, MissingExtra

UNIT_MEMORY = 1 << 30
"""Bytes of memory that a unit reserves, so that a node does not start more than it can hold."""

STORE_MEMORY = 128 << 20
"""Bytes of the object store of a Ray that is started here: it holds descriptions only."""

_STARTED_HERE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's own name: nodes are addressed as 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
}


class RayEngine:
    """A Ray cluster: one that runs, or one that is started for the job on this computer.

    Attributes:
        name: ``ray``.
        workers: units that are worked on at once.
    """

    name = "ray"

    def __init__(self, workers: int = 1, address: str = "") -> None:
        """Nothing is started before there is work.

        Args:
            workers: units at once.
            address: of a cluster; empty: that of ``$RAY_ADDRESS``, else one that is started here.

        Raises:
            ConfigError: fewer than one worker.
            MissingExtra: Ray is not installed.
        """
        if workers < 1:
            raise ConfigError(f"{workers} workers do no work", hint="Give 1 or more.")
        self.workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS", "")
        self._started = False
        if not self._address:
            for name, value in _STARTED_HERE.items():
                os.environ.setdefault(name, value)
        try:
            import ray.data
        except ImportError:
            raise MissingExtra("ray", "ray") from None
        self._ray: Any = ray

    def outcomes(self, task: UnitTask, units: Sequence[WorkUnit]) -> Iterator[Outcome]:
        """One `Outcome` for each unit, as they come.

        Raises:
            ConfigError: the cluster cannot be reached.
        """
        if not units:
            return
        self._connect()
        waiting = set(range(len(units)))
        lost = "Ray lost its worker"
        try:
            for row in self._rows(task, units):
                found: Outcome = self._ray.cloudpickle.loads(row["outcome"])
                waiting.discard(found.place)
                yield found
        except Exception as error:  # Ray gives up an execution with errors of many kinds
            said = str(error).strip().splitlines() or [type(error).__name__]
            lost += f": {said[-1][:300]}"
        for place in sorted(waiting):
            yield Outcome(place, fault=lost)

    def _rows(self, task: UnitTask, units: Sequence[WorkUnit]) -> Iterator[dict[str, Any]]:
        """Ray Data's rows, streamed: outcomes as bytes."""
        data = self._ray.data
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        context.isolate_read_workers = True
        context.default_map_logical_memory_enabled = True
        context.max_errored_blocks = -1  # what is missing is found by its place, and counted
        context.execution_options.preserve_order = False
        dumps = self._ray.cloudpickle.dumps
        rows = [{"place": place, "unit": dumps(unit)} for place, unit in enumerate(units)]
        held = [self._ray.put(task)]  # in a list: Ray resolves references that are arguments
        found = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            work_on,
            batch_size=1,
            batch_format="pyarrow",
            fn_kwargs={"held": held},
            compute=data.TaskPoolStrategy(size=self.workers),
            num_cpus=1,
            memory=UNIT_MEMORY,
            max_retries=0,
        )
        yield from found.iter_rows()

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address:
            options |= {"address": self._address}
        else:
            from ray._private import ray_constants

            # As in `_STARTED_HERE`, which is too late where Ray was imported before.
            ray_constants.ENABLE_RAY_CLUSTER = False
            options |= {
                "address": "local",
                "num_cpus": self.workers,
                "include_dashboard": False,
                "object_store_memory": STORE_MEMORY,
            }
        for again in (not self._address, False):  # a start of its own can run out of time
            try:
                self._ray.init(**options)
                break
            except Exception as error:  # of a node that does not start Ray raises just that
                self._ray.shutdown()
                if not again:
                    raise ConfigError(
                        f"Ray cannot be {'reached' if self._address else 'started'}: {error}",
                        where=self._address or "this computer",
                        hint="Check the address, or use --engine local.",
                    ) from error
        self._started = True

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._started:
            self._ray.shutdown()
            self._started = False


_held: dict[str, UnitTask] = {}
"""The task that this worker has, by its reference: a process works on many units of one task."""


def work_on(batch: Any, held: list[Any]) -> Any:
    """Work on the units of a batch, in a worker of Ray; returns their outcomes as bytes."""
    import pyarrow as pa
    import ray

    from harken.progress import quiet

    quiet()
    key = held[0].hex()
    if key not in _held:
        _held.clear()
        _held[key] = ray.get(held[0])
    found = [
        ray.cloudpickle.dumps(attempt(_held[key], row["place"], ray.cloudpickle.loads(row["unit"])))
        for row in batch.to_pylist()
    ]
    return pa.table({"outcome": pa.array(found, pa.binary())})
