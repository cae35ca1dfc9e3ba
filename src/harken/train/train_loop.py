"""The train loop of all stages: steps, evaluations, and checkpoints that survive a kill.

Random numbers of step s depend on (seed, s) only, the number of threads is fixed, and torch uses
deterministic algorithms: killed at any moment and called again, the loop ends with the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Container

from harken import progress
from harken.errors import RunError
from harken.listed import items_listed
from harken.models.engine.net import GROUPS
from harken.models.kept_frames import OFF, frames_kept
from harken.models.learner import Learner
from harken.progress import tell, track
from harken.runs import Run
from harken.train import dry, evaluation, parallel
from harken.train.arrival import AudioWatch
from harken.train.checkpoint import Checkpoint, open_stage
from harken.train.determinism import deterministic, seed_step
from harken.train.loader import Loader
from harken.train.objective import Objective, Prepared
from harken.train.optimiser import NotFiniteError, Optimiser, freeze
from harken.train.parameters import tell_parameters
from harken.train.recompute import recomputed
from harken.train.sharding import hold
from harken.train.stage import LoopSettings
from harken.train.step import set_modes, take_step
from harken.train.trackers import StageTrackers, stage_trackers


def train_loop(learner: Learner, settings: LoopSettings, run: Run, objective: Objective) -> str:
    """Train from the latest checkpoint to the last step.

    Args:
        learner: trained in place.
        settings: of the stage.
        run: gets metrics, records of evaluations and checkpoints.
        objective: what is trained.

    Returns:
        Why an evaluation ended the stage before its last step; empty if none did.

    Raises:
        ConfigError: nothing would be trained, or float16 weights.
        RunError: the loss, a gradient or a weight is not finite.
    """
    with deterministic(settings.threads):
        trained = freeze(learner, settings)
        features = features_of(settings, run, trained)
        with (
            recomputed(learner.net, settings.gradient_checkpointing),
            frames_kept(learner, features),
            Loader(objective, settings.steps) as loader,
        ):
            return _Loop(learner, settings, run, objective, loader).all()


def features_of(settings: LoopSettings, run: Run, trained: Container[str]) -> str:
    """The setting ``features`` that has an effect; told once where it is another than was given.

    Args:
        settings: of the stage.
        run: gets what is told.
        trained: the groups that are trained.
    """
    if not parallel.sharded():
        return settings.features
    would_keep = settings.features != OFF and "audio_encoder" not in trained
    if would_keep and parallel.rank() == 0:
        text = (
            f"features={settings.features} has no effect with --parallel fsdp: each process has a "
            "part of the model only, and the audio encoder runs in every step"
        )
        if not any(record.get("features") == text for record in run.records("log")):
            run.log({"stage": settings.name, "features": text})
            tell(f"{settings.name}: {text}")
    return OFF


class _Loop:
    """One call of `train_loop`."""

    def __init__(
        self,
        learner: Learner,
        settings: LoopSettings,
        run: Run,
        objective: Objective,
        loader: Loader,
    ) -> None:
        self.learner, self.settings, self.run, self.objective = learner, settings, run, objective
        self.loader = loader
        self.found: Checkpoint = open_stage(run, settings.name)
        if not self.found.finished:  # with the whole model, before it is sharded
            tell_parameters(learner, run, settings.name)
            if self.found.step == 0:
                freeze(learner, settings)  # what is frozen is told
                parallel.in_first(objective.check)
                if (kept := learner.engine.kept) is not None and kept.missing:
                    progress.note(f"{settings.name}: {kept.missing_text()}")
        self.held = hold(learner)
        self.optimiser = Optimiser(learner, settings)
        self.evaluate = None if dry.current() else evaluation.current()
        self.watch = AudioWatch(run, settings.name, settings.audio_faults)
        self.trackers = StageTrackers(())
        self.saved_at = time.monotonic()
        self.saving_s = 0.0

    def all(self) -> str:
        """Everything from the checkpoint on."""
        found = self.found
        first = found.restore(self.learner, self.optimiser)
        if not found.finished:
            with stage_trackers(self.run.folder, self.settings) as self.trackers:
                self._steps(first)
        self.held.close()
        self.learner.trainable(GROUPS)
        self.learner.net.eval()
        return found.stopped

    def _steps(self, first: int) -> None:
        """All steps from `first` on, with their evaluations."""
        todo = range(first, self.settings.steps)
        done, stopped = first, ""
        for step in track(todo, self.settings.name, total=len(todo)):
            if stopped := self._evaluated(step):
                break
            self._step(step)
            done = step + 1
        dry.ended()
        stopped = stopped or self._evaluated(self.settings.steps)
        self._share_buffers()
        self.found.save(self.learner, self.optimiser, done, finished=True, stopped=stopped)

    def _step(self, step: int) -> None:
        """One step with its metrics, and a checkpoint if one is due."""
        settings, start = self.settings, time.perf_counter()
        seed_step(settings.seed, settings.name, step, parallel.rank())
        set_modes(self.learner.net, self.objective.training)
        own = self.optimiser.set_rates(step)
        try:
            prepared = self._prepared(step)
            dry.prepared(self.learner, settings, prepared, lambda: self.objective.named(step))
            record = take_step(self.held, self.optimiser, self.objective, prepared)
        except NotFiniteError as error:
            raise RunError(
                f"{error} in step {step}{items_listed(self.objective.named(step))}",
                where=settings.name,
                hint="Lower the learning rate, or look at these items.",
            ) from None
        last = step + 1 == settings.steps
        due = last or self._due(step + 1)
        head = {"stage": settings.name, "step": step, "loss": record.pop("loss"), **own}
        self.run.append("metrics", [{**head, **record}], sync=due)
        self.trackers.log({**head, **record})
        times = {"s": time.perf_counter() - start, "waited_s": self.loader.waited_s}
        self.run.log({"stage": settings.name, "step": step, **times})
        self.watch.see(record, self.objective.named(step))
        dry.stepped(self.optimiser, time.perf_counter() - start)
        if due:
            self.optimiser.require_finite(step)
        if due and not last:
            before = time.monotonic()
            self._share_buffers()
            self.found.save(self.learner, self.optimiser, step + 1, finished=False)
            self.saved_at = time.monotonic()
            self.saving_s = self.saved_at - before

    def _due(self, done: int) -> bool:
        """Whether a checkpoint is due after `done` steps: by their number, or by the time.

        By the time, saving takes a tenth of it at most. Where checkpoints are changes no result.
        """
        settings = self.settings
        if done % settings.checkpoint_every == 0:
            return True
        if done % self.objective.stride or not settings.checkpoint_s:
            return False
        pause = max(settings.checkpoint_s, 10 * self.saving_s)
        return parallel.share(time.monotonic() - self.saved_at >= pause)

    def _prepared(self, step: int) -> Prepared:
        """The work of this process in a step; an error in one process ends all of them."""
        if self.objective.ahead:
            return parallel.together(lambda: self.loader.get(step))
        return parallel.together(lambda: self.held.look(lambda: self.loader.get(step)))

    def _share_buffers(self) -> None:
        """Batch norm statistics are those of process 0: each has seen other examples."""
        groups = [getattr(self.learner.net, name) for name in self.optimiser.rates]
        parallel.share_tensors([buffer for group in groups for buffer in group.buffers()])

    def _evaluated(self, done: int) -> str:
        """Evaluate after `done` steps if it is due; returns why the stage should stop."""
        settings, every = self.settings, self.settings.evaluate_every
        if self.evaluate is None or not every or (done % every and done != settings.steps):
            return ""
        earlier = [
            record
            for record in self.run.stream(evaluation.RECORDS)
            if record.get("stage") == settings.name
        ]
        self.loader.rest()
        self.learner.net.eval()
        self._share_buffers()
        evaluate = self.evaluate
        found = parallel.share(self.held.look(lambda: evaluate(done, earlier)))
        self.learner.clear_cache()  # what it kept is of weights that are about to change
        record = {"stage": settings.name, "step": done, "stop": found.stop, **found.metrics}
        self.run.append(evaluation.RECORDS, [record])
        self.trackers.log(record, "evaluation/")
        return found.stop
