"""Records that a stage makes before its first step, kept in the run: labels, a reference.

They are made in pieces of a fixed size, and each piece is appended as one group. A run that was
killed goes on with the piece it was in, with the same neighbours, so the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harken.errors import RunError
from harken.progress import track
from harken.runs import Run
from harken.train import parallel
from harken.train.checkpoint import open_stage


def kept_records(
    run: Run,
    stage: str,
    name: str,
    count: int,
    make: Callable[[range], list[Mapping[str, Any]]],
    size: int = 16,
) -> list[dict[str, Any]]:
    """The records ``<stage>-<name>`` of a run, made if they are not there.

    Args:
        run: of the stage.
        stage: its name.
        name: of the records.
        count: how many there are.
        make: numbers of records -> these records. It is called with the model at the start of the
            stage only.
        size: records in a piece.

    Raises:
        RunError: some are missing, and the model has been trained since.
    """
    stream = f"{stage}-{name}"

    def complete() -> None:
        found = run.count(stream)
        if found < count:
            if open_stage(run, stage).step:
                raise RunError(
                    f"{stream}.jsonl has {found} of {count} records, and the model they are made "
                    "with has been trained since",
                    where=str(run.folder),
                    hint="Delete the run's folder, and train again.",
                )
            found -= found % size
            run.truncate(stream, found)
            pieces = [range(at, min(at + size, count)) for at in range(found, count, size)]
            for piece in track(pieces, f"{name} of {stage}", total=len(pieces)):
                run.append(stream, make(piece))

    parallel.in_first(complete)  # of several processes one makes them, and all read them
    return run.records(stream)
