"""Story: the stages of a recipe in order, in one folder, with hand-over checks between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harken import progress
from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.models.engine.lora_settings import parse_lora
from harken.models.learner import Learner
from harken.recipes.handover import (
    Handover,
    check_before,
    check_exam,
    handover_of,
    handovers_beside,
    overlap,
    read_handover,
)
from harken.recipes.job import Job, PlannedStage
from harken.recipes.steps import divided, items_of, run_stage, save_once, start
from harken.runs import read_run
from harken.train.replay import replayed


@dataclass(frozen=True, slots=True)
class Mark:
    """What a stage must reach before the next one: a value of its last evaluation.

    Attributes:
        stage: its name within the recipe.
        value: its place in a line of ``evaluations.jsonl``, such as ``hearing.gap.swap.nats``.
        below, above: the bound that is not reached; one of them is given.
    """

    stage: str
    value: str
    below: float | None = None
    above: float | None = None


class Story:
    """A recipe that is being run.

    Attributes:
        job: what was asked for.
        items: the training items of its dataset.
        exam: the items that no stage may be trained on.
        learner: the model, once it was started.
        left: what each stage left to the next; where the recipe begins with a later stage, that of
            the runs beside the model.
    """

    def __init__(
        self, job: Job, stages: Sequence[PlannedStage], items: Sequence[Item] | None = None
    ) -> None:
        """Read the items of the job, unless they are given, and its exam.

        Raises:
            ConfigError: the recipe has no stage of the name to begin with.
        """
        self.job = job
        names, first = [stage.title for stage in stages], job.options.first
        if first and first not in names:
            raise ConfigError(
                f"the recipe has no stage {first!r}", hint=f"Its stages: {', '.join(names)}."
            )
        self._left_out = names[: names.index(first)] if first else []
        self.exam: list[Item] = []
        if items is None:
            items, self.exam = divided(job.data, job.options.audio_root)
        if job.options.exam is not None:
            self.exam = items_of(job.options.exam, "", job.options.audio_root)
        self.items = list(items)
        self.learner: Learner
        self.left: list[Handover] = []
        self._stages = {stage.title: stage for stage in stages}

    def hold_out(self, items: Sequence[Item]) -> None:
        """Let these be the exam, unless one was named."""
        if self.job.options.exam is None:
            self.exam = list(items)

    def start(self, lora: str = "") -> Learner:
        """Open the model, or make a preset; with adapters, unless it has some."""
        job = self.job
        self.learner = start(job.model, self.items, job.seed, device=job.device, dtype=job.dtype)
        if self._left_out:
            self.left = handovers_beside(job.model)
            progress.note(f"left out before {job.options.first}: {', '.join(self._left_out)}")
        if lora:
            self.adapt(lora)
        return self.learner

    def adapt(self, lora: str) -> None:
        """Add adapters (``lm:r=16,alpha=32``) to the groups that have none."""
        for group, how in parse_lora([lora]).items():
            if group not in self.learner.adapters:
                self.learner.add_lora(
                    how.rank,
                    how.alpha,
                    how.targets,
                    group=group,
                    dropout=how.dropout,
                    seed=self.job.seed,
                )

    def has(self, name: str) -> bool:
        """Whether a stage is run: not before the one that the recipe begins with."""
        return name not in self._left_out

    def stage(self, name: str, items: Sequence[Item], why: str = "") -> None:
        """Run one stage of the plan after the hand-over checks, unless it is left out.

        Args:
            name: within the recipe.
            items: what it is trained on.
            why: what kind of items it needs, for the error where there are none.

        Raises:
            DataError: there are none, or some are in the exam.
            RunError: see `harken.recipes.handover.check_before`.
        """
        if not self.has(name):
            return
        planned, settings = self._stages[name], self.job.plan[name]
        if not items:
            raise DataError(
                f"none of {len(self.items)} training items is of the kind that stage {name} needs"
                + (f": {why}" if why else ""),
                where=str(self.job.data),
                hint="Make such items (harken synth), or name another dataset.",
            )
        pretrained = not isinstance(self.learner, ComposedModel)
        check_before(planned, self.learner, self.left, pretrained=pretrained)
        folder = getattr(settings, "replay", "")
        again = replayed(folder)[0] if folder else []
        check_exam(name, [*items, *again], self.exam)
        for told in overlap(items, name, self.left):
            progress.note(f"hand-over: {told}")
        folder = self.job.out / "training"
        run_stage(planned.stage, self.learner, items, settings, folder)
        found = read_handover(folder / name)
        left = handover_of(name, self.learner, items, settings.groups)
        if found != left:
            left.write(folder / name)
        self.left.append(left)

    def end(self) -> Learner:
        """Save the model in ``out/model``, and return it."""
        save_once(self.learner, self.job.out / "model")
        return self.learner

    def require(self, mark: Mark) -> None:
        """Go on if a stage reached its mark; where nothing was measured, that is told.

        Raises:
            RunError: it did not, in full size.
        """
        if not self.has(mark.stage):
            return
        found = measured(self.job.out / "training" / mark.stage, mark.value)
        aim = f"below {mark.below:g}" if mark.above is None else f"above {mark.above:g}"
        if found is None:
            progress.note(f"{mark.stage}: {mark.value} was not measured (it should be {aim})")
            return
        fits = found < (mark.below or 0.0) if mark.above is None else found > mark.above
        if fits:
            return
        told = f"{mark.value} is {found:.3g} after stage {mark.stage}, and should be {aim}"
        if self.job.options.size == "smoke":
            progress.note(f"{told}: smoke size goes on")
            return
        raise RunError(
            told,
            where=str(self.job.out / "training" / mark.stage),
            hint=f"Train it for more steps in another --out: --set {mark.stage}.steps=N.",
        )


def measured(folder: Path, value: str) -> float | None:
    """The last such value in the evaluations of a stage's run (see `Mark`); None without."""
    if not (folder / "evaluations.jsonl").is_file():
        return None
    found = None
    for record in read_run(folder).stream("evaluations"):
        here: object = record
        for name in value.split("."):
            here = here.get(name) if isinstance(here, dict) else None
        found = float(here) if isinstance(here, int | float) else found
    return found
