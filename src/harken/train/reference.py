"""The model at the start of a stage, for a KL to it or for preferences: by a switch, not a copy.

Only the tensors that the stage trains are kept, beside the checkpoints until the stage is finished:
a few megabytes with adapters. The rest of the model is the learner's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from harken.errors import ConfigError, ModelError
from harken.files import write_whole
from harken.listed import listed
from harken.models.learner import Learner
from harken.runs import Run
from harken.train import parallel
from harken.train.checkpoint import REFERENCE, open_stage
from harken.train.optimiser import rates
from harken.train.stage import LoopSettings


class Reference:
    """The learner as it was when the stage began."""

    def __init__(self, learner: Learner, tensors: dict[str, Tensor]) -> None:
        """Use `open_reference`."""
        self._learner = learner
        self._tensors = tensors
        self._caches = learner.engine.new_caches()

    @contextmanager
    def active(self) -> Iterator[Learner]:
        """The learner with the weights of the start and in evaluation mode, for a block.

        Gradients are not to be computed in it, and weights not to be changed.
        """
        with self._learner.with_tensors(self._tensors, self._caches):
            yield self._learner


def open_reference(learner: Learner, settings: LoopSettings, run: Run) -> Reference:
    """The reference of a stage: the learner as it is now, or as it was before the run was killed.

    Args:
        learner: as the stage got it; afterwards only the groups that are trained are trainable.
        settings: of the stage.
        run: its run.

    Raises:
        ConfigError: the model will be sharded.
        ModelError: the saved reference is of another model.
    """
    from safetensors.torch import load

    if parallel.sharded():
        raise ConfigError(
            "the model at the start of a stage is kept whole, and the model is sharded",
            where=settings.name,
            hint="Train with --parallel ddp, or without a reference (kl=0).",
        )
    learner.trainable(list(rates(learner, settings)))
    tensors = learner.trained_tensors()
    found = open_stage(run, settings.name)
    path = found.folder / REFERENCE
    if parallel.share(path.is_file()):
        saved = load(path.read_bytes())
        if wrong := sorted({*saved} ^ {*tensors}):
            raise ModelError(
                f"the reference holds other tensors than are trained: {listed(wrong, 5)}",
                where=str(path),
                hint="Train the same groups with the same adapters, or choose another --out.",
            )
        tensors = {name: saved[name].to(tensor) for name, tensor in tensors.items()}
    elif not found.finished:
        parallel.in_first(lambda: _write(path, tensors))
    return Reference(learner, tensors)


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: t.cpu().contiguous() for name, t in sorted(tensors.items())}
    write_whole(path, save(whole))
