"""Checkpoints of a stage: complete or absent, whenever the process is killed.

::

    checkpoint/<stage>/latest.json       step, folder, and number of metrics records up to it
    checkpoint/<stage>/step-000100/      model.safetensors, optimizer.safetensors

``model.safetensors`` holds what is trained: the weights of the trained groups and their buffers.
A checkpoint is written to a new folder, then `latest.json` is replaced atomically, then the older
folder is removed. Metrics and evaluations after the checkpoint are removed when the stage resumes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harken.errors import RunError
from harken.files import checksums, damaged, sweep, write_json, write_whole
from harken.hashing import seal_fits, sealed
from harken.models.learner import Learner
from harken.parsing import load_json
from harken.runs import Run
from harken.train.evaluation import RECORDS
from harken.train.optimiser import Optimiser

LATEST = "latest.json"
WEIGHTS = "model.safetensors"
MOMENTS = "optimizer.safetensors"
_RECORDS = ("metrics", RECORDS)
REFERENCE = "reference.safetensors"
"""Weights at the start of a stage with a KL to them; removed when it is finished."""


class Checkpoint:
    """The checkpoints of one stage.

    Attributes:
        folder: where they are.
        step: steps done.
        finished: the stage is complete.
        stopped: why an evaluation ended it before its last step; empty if none did.
    """

    def __init__(self, run: Run, stage: str) -> None:
        """Use `open_stage`."""
        self.run = run
        self.stage = stage
        self.folder = run.path("checkpoint") / stage
        latest = _read(self.folder / LATEST)
        self.step = int(latest.get("step", 0))
        self.finished = bool(latest.get("finished", False))
        self.stopped: str = latest.get("stopped", "")
        self._saved: str = latest.get("folder", "")
        self._counts: dict[str, int] = latest.get("records", {})
        self._sums: dict[str, str] = latest.get("files", {})

    def restore(self, learner: Learner, optimiser: Optimiser) -> int:
        """Load the latest checkpoint, if there is one; returns the next step.

        Records of later steps are removed.

        Raises:
            RunError: a file of the checkpoint is missing or damaged, or does not fit the model.
        """
        from safetensors.torch import load

        if not self.finished:
            for name in _RECORDS:
                count = self._counts.get(name, 0) if self._saved else self._first_own(name)
                self.run.truncate(name, count)
        if not self._saved:
            return 0
        here = self.folder / self._saved
        if bad := damaged(here, self._sums):
            raise RunError(
                f"the checkpoint is damaged: {', '.join(bad)} is not what was written",
                where=str(here),
                hint="Delete the run's folder, and train again.",
            )
        self._load(trained_state(learner, optimiser), load((here / WEIGHTS).read_bytes()))
        if not self.finished:
            optimiser.load_moments(load((here / MOMENTS).read_bytes()))
        return self.step

    def _load(self, own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
        """Copy `saved` into the tensors of the same names."""
        wrong = sorted({*own} ^ {*saved})
        wrong += [n for n in own if n in saved and own[n].shape != saved[n].shape]
        if wrong:
            raise RunError(
                f"the checkpoint does not fit the model: {', '.join(wrong[:5])}",
                where=str(self.folder / self._saved),
                hint="Train the model that the run was started with.",
            )
        with torch.no_grad():
            for name, tensor in own.items():
                # Equal tensors are not written: caches and identity depend on tensor versions.
                if not torch.equal(tensor, saved[name].to(tensor)):
                    tensor.copy_(saved[name])

    def save(
        self,
        learner: Learner,
        optimiser: Optimiser,
        step: int,
        *,
        finished: bool,
        stopped: str = "",
    ) -> None:
        """Write a checkpoint; of a finished stage only the weights."""
        fresh = f"step-{step:06d}"
        here = self.folder / fresh
        if here.exists() and fresh != self._saved:
            shutil.rmtree(here)  # a kill left it half written
        here.mkdir(parents=True, exist_ok=True)
        _write(here / WEIGHTS, trained_state(learner, optimiser))
        if not finished:
            _write(here / MOMENTS, optimiser.moments())
        latest = {
            "step": step,
            "folder": fresh,
            "finished": finished,
            "stopped": stopped,
            "records": {name: self.run.count(name) for name in _RECORDS},
            "files": checksums(here, [path.name for path in here.glob("*.safetensors")]),
        }
        write_json(self.folder / LATEST, sealed(latest))
        self.step, self.finished, self.stopped, self._saved = step, finished, stopped, fresh
        if finished:
            (self.folder / REFERENCE).unlink(missing_ok=True)
        for old in self.folder.glob("step-*"):
            if old.name != fresh:
                shutil.rmtree(old, ignore_errors=True)

    def _first_own(self, name: str) -> int:
        """Index of this stage's first record; without a checkpoint none of its records is kept."""
        for number, record in enumerate(self.run.stream(name)):
            if record.get("stage") == self.stage:
                return number
        return self.run.count(name)


def trained_state(learner: Learner, optimiser: Optimiser) -> dict[str, Tensor]:
    """The tensors that the stage may change: trained weights, and buffers of trained groups."""
    trained = {weight.name for weight in optimiser.weights}
    frozen = {name for name, _ in learner.net.named_parameters()} - trained
    return {
        name: tensor
        for name, tensor in sorted(learner.state().items())
        if name.split(".")[0] in optimiser.rates and name not in frozen
    }


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    write_whole(path, save({name: t.cpu().contiguous() for name, t in sorted(tensors.items())}))


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
