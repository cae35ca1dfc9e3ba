"""Before a run: what the model will be given, and what the run will take.

Both are a dry run (`harken.train.dry`) of the recipe itself, so all settings count: adapters,
packing, sampled replies. Of a recipe the first stage is seen. The run's folder is thrown away, and
so are the frames of frozen audio encoders that it keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harken.errors import DataError
from harken.models.engine.feature_store import other_store
from harken.runs import read_run
from harken.train.dry import DryRun, dry_run, plan_of
from harken.train.measure import RECORDS
from harken.train.preview import Preview, preview

TIMED_STEPS = 3
"""Steps of a plan; the first one is not timed."""


def previewed(train: Callable[[Path], Any], count: int) -> list[Preview]:
    """The first `count` examples of the first step of what `train` trains, given a folder.

    Raises:
        DataError: no stage began, or its first steps have no examples.
    """
    seen = _seen(train, 0)[0]
    assert seen.learner is not None
    learner = seen.learner
    first = next((step for step in seen.examples if step), [])
    if not first:
        raise DataError(
            f"none of the first {len(seen.examples)} steps has anything to learn from",
            hint="Of grpo: sample more replies, at a higher temperature, or mend the reward.",
        )
    return [preview(learner, example) for example in first[:count]]


def planned(train: Callable[[Path], Any]) -> dict[str, Any]:
    """Sizes, memory, time and steps of what `train` trains; see `plan_of`."""
    seen, measured = _seen(train, TIMED_STEPS)
    return plan_of(seen, measured)


def _seen(train: Callable[[Path], Any], steps: int) -> tuple[DryRun, dict[str, Any]]:
    """A dry run of `steps` steps, and the sizes of the items of its stage."""
    with TemporaryDirectory(prefix="harken-") as folder:
        with other_store(Path(folder, "features")), dry_run(steps) as seen:
            train(Path(folder, "run"))
        if not seen.examples:
            raise DataError(
                "no stage began: there is nothing to show",
                hint="Give a stage, or a recipe that trains.",
            )
        assert seen.settings is not None
        found: dict[str, Any] = {}
        for path in Path(folder).rglob(f"{RECORDS}.json"):
            found |= read_run(path.parent).read_json(RECORDS)
        return seen, found.get(seen.settings.name, {})
