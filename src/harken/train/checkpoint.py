"""Checkpoints of a stage: complete or absent, whenever the process is killed.

::

    checkpoint/<stage>/latest.json       step, folder, and number of metrics records up to it
    checkpoint/<stage>/step-000100/      model.safetensors, optimizer.safetensors

A checkpoint is written to a new folder, then `latest.json` is replaced atomically, then the older
folder is removed. Metrics after the checkpoint are removed when the stage resumes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from harken.errors import RunError
from harken.files import checksums, damaged, sweep, write_json, write_whole
from harken.hashing import seal_fits, sealed
from harken.models.learner import Learner
from harken.parsing import load_json
from harken.runs import Run

LATEST = "latest.json"
REFERENCE = "reference.safetensors"
"""Weights at the start of a stage with a KL to them; removed when it is finished."""


class Checkpoint:
    """The checkpoints of one stage.

    Attributes:
        folder: where they are.
        step: steps done.
        finished: the stage is complete.
    """

    def __init__(self, run: Run, stage: str) -> None:
        """Use `open_stage`."""
        self.run = run
        self.stage = stage
        self.folder = run.path("checkpoint") / stage
        latest = _read(self.folder / LATEST)
        self.step = int(latest.get("step", 0))
        self.finished = bool(latest.get("finished", False))
        self._saved: str = latest.get("folder", "")
        self._metrics: int | None = latest.get("metrics")
        self._sums: dict[str, str] = latest.get("files", {})

    def restore(
        self, learner: Learner, optimiser: torch.optim.Optimizer, names: Mapping[int, str]
    ) -> int:
        """Load the latest checkpoint, if there is one; returns the next step.

        Metrics of later steps are removed.

        Raises:
            RunError: a file of the checkpoint is missing or damaged.
        """
        from safetensors.torch import load

        if not self.finished:
            count = int(self._metrics or 0) if self._saved else self._first_own()
            self.run.truncate("metrics", count)
        if not self._saved:
            return 0
        here = self.folder / self._saved
        if bad := damaged(here, self._sums):
            raise RunError(
                f"the checkpoint is damaged: {', '.join(bad)} is not what was written",
                where=str(here),
                hint="Delete the run's folder, and train again.",
            )
        learner.load_state(load((here / "model.safetensors").read_bytes()))
        if not self.finished:
            state = load((here / "optimizer.safetensors").read_bytes())
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    name = names[id(parameter)]
                    own = {k: state[f"{k}:{name}"] for k in _KINDS if f"{k}:{name}" in state}
                    if own:
                        optimiser.state[parameter] = own
        return self.step

    def save(
        self,
        learner: Learner,
        optimiser: torch.optim.Optimizer,
        names: Mapping[int, str],
        step: int,
        *,
        finished: bool,
    ) -> None:
        """Write a checkpoint; of a finished stage only the weights."""
        from safetensors.torch import save

        fresh = f"step-{step:06d}"
        here = self.folder / fresh
        if here.exists() and fresh != self._saved:
            shutil.rmtree(here)  # a kill left it half written
        here.mkdir(parents=True, exist_ok=True)
        whole = {name: t.cpu().contiguous() for name, t in sorted(learner.state().items())}
        write_whole(here / "model.safetensors", save(whole))
        if not finished:
            moments = {
                f"{kind}:{names[id(parameter)]}": value.cpu().contiguous()
                for parameter, state in optimiser.state.items()
                for kind, value in state.items()
            }
            write_whole(here / "optimizer.safetensors", save(dict(sorted(moments.items()))))
        latest = {
            "step": step,
            "folder": fresh,
            "finished": finished,
            "metrics": self.run.count("metrics"),
            "files": checksums(here, [path.name for path in here.glob("*.safetensors")]),
        }
        write_json(self.folder / LATEST, sealed(latest))
        self.step, self.finished, self._saved = step, finished, fresh
        if finished:
            (self.folder / REFERENCE).unlink(missing_ok=True)
        for old in self.folder.glob("step-*"):
            if old.name != fresh:
                shutil.rmtree(old, ignore_errors=True)

    def _first_own(self) -> int:
        """Index of this stage's first record; without a checkpoint none of its records is kept."""
        for number, record in enumerate(self.run.stream("metrics")):
            if record.get("stage") == self.stage:
                return number
        return self.run.count("metrics")


_KINDS = ("exp_avg", "exp_avg_sq", "step")


def open_stage(run: Run, stage: str) -> Checkpoint:
    """The checkpoints of `stage` in `run`.

    Raises:
        RunError: `latest.json` is damaged.
    """
    found = Checkpoint(run, stage)
    if found.folder.is_dir():
        sweep(found.folder)
    return found


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        latest: dict[str, Any] = load_json(path)
        if not isinstance(latest, dict) or not seal_fits(latest):
            raise ValueError("the content is not what was written")
        return latest
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"the checkpoint's {LATEST} is damaged", where=str(path), hint="Delete the checkpoint."
        ) from error
