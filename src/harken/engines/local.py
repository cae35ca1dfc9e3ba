"""Units in processes of this computer; with one worker, in the calling process.

Workers are spawned, not forked: they share no locks and no open files with the driver. Each has one
BLAS thread, since N processes with N threads each wait for each other. A worker that is killed is
replaced, and its unit is the one that failed (a pool of `concurrent.futures` fails all units that
are under way, and does not tell which). A worker whose driver is killed ends at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from harken.engines.base import Outcome, UnitTask, WorkUnit, attempt
from harken.errors import ConfigError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class _Worker:
    """A process and what it is working on."""

    process: Any
    pipe: Connection
    task: UnitTask | None = None
    place: int = -1


class LocalEngine:
    """Processes of this computer.

    Attributes:
        name: ``local``.
        workers: processes; 1: the calling one.
    """

    name = "local"

    def __init__(self, workers: int = 1) -> None:
        """Nothing is started before there is work.

        Raises:
            ConfigError: fewer than one worker.
        """
        if workers < 1:
            raise ConfigError(f"{workers} workers do no work", hint="Give 1 or more.")
        self.workers = workers
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __enter__(self) -> LocalEngine:
        """The engine; leaving the block ends its workers."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers."""
        self.close()

    def outcomes(self, task: UnitTask, units: Sequence[WorkUnit]) -> Iterator[Outcome]:
        """One `Outcome` for each unit, as they come.

        Raises:
            ConfigError: the task cannot be sent to other processes.
        """
        if self.workers == 1:
            for place, unit in enumerate(units):
                yield attempt(task, place, unit)
            return
        waiting = iter(enumerate(units))
        sent = _sendable(task)
        try:
            left = self._give(waiting, task, sent)
            while self._busy:
                by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in self._busy}
                for pipe in wait(list(by_pipe)):
                    yield self._taken(by_pipe[pipe])
                if left:
                    left = self._give(waiting, task, sent)
        finally:
            if self._busy:  # the caller stopped, or Ctrl-C
                self.close()

    def _give(self, waiting: Iterator[tuple[int, WorkUnit]], task: UnitTask, sent: bytes) -> bool:
        """Give every free worker a unit; whether there may be more."""
        while len(self._busy) < self.workers:
            found = next(waiting, None)
            if found is None:
                return False
            given = _sendable(found)
            worker = self._idle.pop() if self._idle else _started()
            worker.place = found[0]
            self._busy.append(worker)
            with suppress(OSError):  # it has died: its pipe says so when it is read
                if worker.task is not task:
                    worker.pipe.send_bytes(sent)
                    worker.task = task
                worker.pipe.send_bytes(given)
        return True

    def _taken(self, worker: _Worker) -> Outcome:
        """The outcome of a worker that has one, or has died."""
        self._busy.remove(worker)
        try:
            found: Outcome = worker.pipe.recv()
            self._idle.append(worker)
            return found
        except (EOFError, OSError):
            worker.process.join()
            worker.pipe.close()
            return Outcome(worker.place, fault=_ended(worker.process.exitcode))

    def close(self) -> None:
        """End all workers at once; a unit that is under way is not committed."""
        for worker in (*self._busy, *self._idle):
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self._busy, self._idle = [], []


def _ended(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"its worker was killed ({signal.Signals(-code).name})"
    return f"its worker ended with exit code {code}"


def _sendable(value: object) -> bytes:
    """What `Connection.recv` reads; made before it is sent, so that nothing is sent by halves."""
    try:
        return bytes(ForkingPickler.dumps(value))
    except Exception as error:  # objects raise what they like where they cannot be pickled
        raise ConfigError(
            f"the work cannot be sent to other processes: {error}",
            hint="Define functions in a module, or use one worker.",
        ) from error


def _started() -> _Worker:
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=serve, args=(there,), name="harken-worker", daemon=True)
    with _one_thread_each():
        process.start()
    there.close()
    return _Worker(process, here)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Started within it, a process has one thread for linear algebra."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def serve(pipe: Connection) -> None:
    """What a worker does until its driver ends: take a task and units, give outcomes."""
    from harken.progress import quiet

    quiet()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the driver makes an end
    threading.Thread(target=_end_with_driver, daemon=True).start()
    task: UnitTask | None = None
    with suppress(EOFError, OSError):
        while True:
            found = pipe.recv()
            if isinstance(found, UnitTask):
                task = found
                continue
            place, unit = found
            assert task is not None
            pipe.send(attempt(task, place, unit))


def _end_with_driver() -> None:
    """A worker that outlives its driver would write beside that of the resumed job."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os._exit(1)
