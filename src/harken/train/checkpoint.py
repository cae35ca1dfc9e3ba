"""Checkpoints of a stage: complete or absent, whenever the process is killed.

::

    checkpoint/<stage>/latest.json       step, folder, and number of metrics records up to it
    checkpoint/<stage>/step-000100/      model.safetensors, optimizer.safetensors

A model that is sharded over n processes has ``model-0-of-n.safetensors`` and so on instead, a part
of every tensor in each; it is resumed by any number of processes.
``model.safetensors`` holds what is trained: the weights of the trained groups and their buffers.
A checkpoint is written to a new folder, then `latest.json` is replaced atomically, then the older
folder is removed. Metrics and evaluations after the checkpoint are removed when the stage resumes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harken.errors import RunError
from harken.files import checksums, damaged, sweep, write_json, write_whole
from harken.hashing import seal_fits, sealed
from harken.listed import listed
from harken.models.learner import Learner
from harken.parsing import load_json
from harken.runs import Run
from harken.train import parallel
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
        self._load(learner, optimiser, _read_parts(here, WEIGHTS, self._sums))
        if not self.finished:
            optimiser.load_moments(_read_parts(here, MOMENTS, self._sums))
        parallel.barrier()  # process 0 will remove this checkpoint
        return self.step

    def _load(self, learner: Learner, optimiser: Optimiser, saved: Mapping[str, Tensor]) -> None:
        """Copy `saved` into the tensors of the same names."""
        own = trained_state(learner, optimiser)
        parts = {weight.name for weight in optimiser.weights if weight.sharded}
        saved = {n: parallel.part(t) if n in parts else t for n, t in saved.items()}
        wrong = sorted({*own} ^ {*saved})
        wrong += [n for n in own if n in saved and own[n].shape != saved[n].shape]
        if wrong:
            raise RunError(
                f"{len(wrong)} tensors of the checkpoint do not fit the model: {listed(wrong, 5)}",
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
        """Write a checkpoint; of a finished stage only the weights.

        Process 0 writes; where the model is sharded, all do, and process 0 says that it is whole.
        """
        fresh = f"step-{step:06d}"
        here = self.folder / fresh
        first = parallel.rank() == 0
        sharded = any(weight.sharded for weight in optimiser.weights)
        if first:
            if here.exists() and fresh != self._saved:
                shutil.rmtree(here)  # a kill left it half written
            here.mkdir(parents=True, exist_ok=True)
        parallel.barrier()
        if first or sharded:
            suffix = _suffixes(sharded)[parallel.rank() if sharded else 0]
            own = trained_state(learner, optimiser)
            if not first:  # buffers are the same in all processes
                own = {weight.name: own[weight.name] for weight in optimiser.weights}
            _write(_part_of(here, WEIGHTS, suffix), own)
            if not finished:
                _write(_part_of(here, MOMENTS, suffix), optimiser.moments())
        parallel.barrier()
        if first:
            suffixes = _suffixes(sharded)
            kinds = (WEIGHTS,) if finished else (WEIGHTS, MOMENTS)
            files = [_part_of(here, kind, suffix).name for kind in kinds for suffix in suffixes]
            self._declare(here, files, step, finished, stopped)
        parallel.barrier()
        self.step, self.finished, self.stopped, self._saved = step, finished, stopped, fresh

    def _declare(
        self, here: Path, files: Sequence[str], step: int, finished: bool, stopped: str
    ) -> None:
        """Say that a checkpoint of these files is whole, and remove the older ones.

        The folder may hold those of the same step by another number of processes.
        """
        self._sums = checksums(here, files)
        latest = {
            "step": step,
            "folder": here.name,
            "finished": finished,
            "stopped": stopped,
            "records": {name: self.run.count(name) for name in _RECORDS},
            "files": self._sums,
        }
        write_json(self.folder / LATEST, sealed(latest))
        for path in here.glob("*.safetensors"):
            if path.name not in files:
                path.unlink()
        if finished:
            (self.folder / REFERENCE).unlink(missing_ok=True)
        for old in self.folder.glob("step-*"):
            if old.name != here.name:
                shutil.rmtree(old, ignore_errors=True)

    def _first_own(self, name: str) -> int:
        """Index of this stage's first record; without a checkpoint none of its records is kept."""
        for number, record in enumerate(self.run.stream(name)):
            if record.get("stage") == self.stage:
                return number
        return self.run.count(name)


def trained_state(learner: Learner, optimiser: Optimiser) -> dict[str, Tensor]:
    """The tensors that the stage may change: trained weights, and buffers of trained groups."""
    found = {weight.name: weight.local for weight in optimiser.weights}
    for path, module in learner.net.named_modules():
        if path.split(".")[0] not in optimiser.rates:
            continue
        for name, buffer in module._buffers.items():
            if buffer is not None and name not in module._non_persistent_buffers_set:
                found[f"{path}.{name}"] = buffer
    return dict(sorted(found.items()))


def _part_of(folder: Path, name: str, suffix: str) -> Path:
    return folder / name.replace(".", f"{suffix}.")


def _suffixes(sharded: bool) -> list[str]:
    """What tells the parts of a file apart, one for each process; of a whole file empty."""
    size = parallel.size()
    return [f"-{rank}-of-{size}" for rank in range(size)] if sharded else [""]


def _read_parts(folder: Path, name: str, files: Iterable[str]) -> dict[str, Tensor]:
    """The tensors of a checkpoint's `files` of one kind, the parts of each joined."""
    from safetensors.torch import load

    stem = name.partition(".")[0]
    parts = [folder / file for file in files if file.startswith(f"{stem}-")]
    paths = sorted(parts, key=_place) or [folder / name]
    found: dict[str, list[Tensor]] = {}
    for path in paths:
        for key, tensor in load(path.read_bytes()).items():
            found.setdefault(key, []).append(tensor)
    return {key: _joined(key, parts) for key, parts in found.items()}


def _joined(name: str, parts: list[Tensor]) -> Tensor:
    """Parts of a tensor as one; the number of updates is the same in all of them."""
    if len(parts) == 1 or name.startswith("step:") or parts[0].ndim == 0:
        return parts[0]
    return torch.cat(parts)


def _place(path: Path) -> int:
    return int(path.stem.split("-")[1])


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    write_whole(path, save({name: t.cpu().contiguous() for name, t in sorted(tensors.items())}))


def open_stage(run: Run, stage: str) -> Checkpoint:
    """The checkpoints of `stage` in `run`.

    Raises:
        RunError: `latest.json` is damaged.
    """
    found = Checkpoint(run, stage)
    if found.folder.is_dir() and parallel.rank() == 0:
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
