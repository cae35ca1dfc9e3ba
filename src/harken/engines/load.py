"""Engines by name: ``local``, ``ray``, ``ray:ADDRESS``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harken.engines.base import WorkEngine
from harken.engines.local import LocalEngine
from harken.errors import ConfigError

ENGINES = ("local", "ray")


@contextmanager
def open_engine(name: str, workers: int) -> Iterator[WorkEngine]:
    """The engine of a job; its workers are ended with the block.

    Args:
        name: ``local``; ``ray``, which is started here or found by ``$RAY_ADDRESS``; or
            ``ray:ADDRESS``, a cluster that runs.
        workers: units that are worked on at once.

    Raises:
        ConfigError: an unknown name, fewer than one worker, or a cluster that cannot be reached.
        MissingExtra: Ray is not installed.
    """
    kind, _, address = name.partition(":")
    if kind not in ENGINES or (kind == "local" and address):
        raise ConfigError(
            f"there is no engine {name!r}", hint="Use local, ray, or ray:ADDRESS of a cluster."
        )
    engine: WorkEngine
    if kind == "local":
        engine = LocalEngine(workers)
    else:
        from harken.engines.ray_data import RayEngine

        engine = RayEngine(workers, address)
    try:
        yield engine
    finally:
        engine.close()
