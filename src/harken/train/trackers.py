"""Trackers of experiments by name: TensorBoard, Weights & Biases, Trackio, through accelerate.

Each stage is a run of its own in the tracker, with its settings; every number of ``metrics.jsonl``
and ``evaluations.jsonl`` is logged at its step. The files stay what counts: a tracker changes no
result, and steps after a checkpoint are logged again when a killed run is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, MissingExtra
from harken.files import real_path
from harken.train import parallel
from harken.train.stage import LoopSettings

TRACKERS = {
    "tensorboard": "TensorBoardTracker",
    "wandb": "WandBTracker",
    "trackio": "TrackioTracker",
}
"""Names, which are those of the packages, and accelerate's classes for them."""

_names: ContextVar[tuple[str, ...]] = ContextVar("trackers", default=())


@contextmanager
def tracked(names: Sequence[str]) -> Iterator[None]:
    """Log all stages that are trained within the block to these trackers.

    Raises:
        ConfigError: an unknown name, or a package that is not installed.
    """
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(
                f"no tracker is called {name!r}", hint=f"Known: {', '.join(TRACKERS)}."
            )
        if find_spec("accelerate") is None:
            raise MissingExtra("accelerate", "train")
        if find_spec(name) is None:
            raise ConfigError(f"{name} is not installed", hint=f"Run: pip install {name}")
    token = _names.set(tuple(names))
    try:
        yield
    finally:
        _names.reset(token)


@contextmanager
def stage_trackers(folder: Path, settings: LoopSettings) -> Iterator[StageTrackers]:
    """The trackers of one stage, open for a block; of several processes, in the first.

    Args:
        folder: of the run; TensorBoard's files go to ``FOLDER/tensorboard/STAGE``.
        settings: of the stage.
    """
    names = _names.get() if parallel.rank() == 0 else ()
    opened = StageTrackers([_opened(name, settings.name, folder) for name in names])
    opened.settings({key: _plain(value) for key, value in asdict(settings).items()})
    try:
        yield opened
    finally:
        opened.close()


class StageTrackers:
    """What one stage is logged to."""

    def __init__(self, trackers: Sequence[Any]) -> None:
        """Use `stage_trackers`."""
        self._trackers = list(trackers)

    def settings(self, values: Mapping[str, Any]) -> None:
        """Log the settings of the stage."""
        for tracker in self._trackers:
            tracker.store_init_configuration(dict(values))

    def log(self, record: Mapping[str, Any], prefix: str = "") -> None:
        """Log the numbers of a record at its ``step``."""
        if not self._trackers:
            return
        values = {
            f"{prefix}{key}": value
            for key, value in _flat(record)
            if key != "step" and isinstance(value, int | float) and not isinstance(value, bool)
        }
        for tracker in self._trackers:
            tracker.log(values, step=int(record["step"]))

    def close(self) -> None:
        """Finish all."""
        for tracker in self._trackers:
            tracker.finish()


def _opened(name: str, stage: str, folder: Path) -> Any:
    import logging

    from accelerate import tracking

    # accelerate's logger asks for its state of the processes, which would set torch's threads.
    tracking.logger = logging.getLogger(tracking.__name__)
    make = getattr(tracking, TRACKERS[name])
    if make.requires_logging_directory:
        tracker = make(stage, str(folder / name))
    else:  # the project, and the run's name in it
        tracker = make("harken", name=f"{real_path(folder).parent.name}-{stage}")
    tracker.main_process_only = False  # it is opened in process 0 alone
    tracker.start()
    return tracker


def _plain(value: Any) -> bool | int | float | str:
    """A setting as trackers take it."""
    if isinstance(value, bool | int | float | str):
        return value
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values of a record, those of inner ones as ``outer/inner``."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value
