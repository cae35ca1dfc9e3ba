"""Held-out items of a training: what is kept from it, and what its stages are measured on.

`harken.recipes.run.train` draws the items once and opens a `watching` block; every stage that a
recipe runs within it (`harken.recipes.steps.run_stage`) leaves them out of what is trained on, is
measured on them (`harken.train.hearing_watch`), and ends the training if the
model does not use its audio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harken import progress
from harken.curate.labels import LABELS
from harken.errors import HarkenError
from harken.files import write_json
from harken.item import Item, items_digest
from harken.models.learner import Learner
from harken.recipes.reading import all_items
from harken.recipes.regression_card import card, measure_skills
from harken.runs import Run
from harken.train import dry, parallel
from harken.train.determinism import deterministic
from harken.train.evaluation import RECORDS, evaluating
from harken.train.hearing_gap import HearingSettings
from harken.train.hearing_items import HeldOut, compared, draw_held_out, named_held_out, without
from harken.train.hearing_watch import HearingWatch
from harken.train.replay import measured_on
from harken.train.stage import LoopSettings
from harken.train.stages import STAGES

FOLDER = "held-out"
"""Folder of the measurements before and after, in what ``harken train -o`` writes."""

BEFORE, AFTER = "before", "after"

CARD = "card.json"
"""The regression card, in the same place."""

EVALUATIONS = 10
"""Evaluations of a stage that does not say how many steps are between them."""


UNWATCHED = ("ctc",)
"""Stages that are measured and never ended: they do not train the answers of the language model."""


class AudioUnusedError(HarkenError):
    """A stage was ended because it does not use the audio; its run is complete."""

    exit_code = 12


@dataclass(eq=False, slots=True)
class Watching:
    """One training with held-out items.

    Attributes:
        held: the items.
        how: how the hearing gap is measured, and when a stage is ended.
        out: what ``harken train -o`` was given.
        learner: what the last stage trained; None before the first.
        threads: of torch, as the last stage says: numbers depend on it.
    """

    held: HeldOut
    how: HearingSettings
    out: Path
    learner: Learner | None = None
    threads: int = 0

    def begin(self, learner: Learner, threads: int = 0) -> None:
        """Measure the skills before the first stage; in a dry run there is nothing to compare."""
        self.threads = threads
        if self.learner is None and self.held.items and dry.current() is None:
            progress.tell(self.held.said())
            self._measure(learner, BEFORE)
        self.learner = learner

    def end(self, learner: Learner) -> dict[str, Any] | None:
        """Measure the skills of the trained model; returns the card, and writes it to `CARD`."""
        if not self.held.items:
            return None
        before, after = (self.out / FOLDER / name for name in (BEFORE, AFTER))
        self._measure(learner, AFTER)
        made = parallel.share({**card(before, after, self.how.seed), "source": self.held.source})
        parallel.in_first(lambda: write_json(self.out / CARD, made))
        return made

    def _measure(self, learner: Learner, name: str) -> None:
        """In the first process, while the others wait: before and after, each has the whole."""
        folder = self.out / FOLDER / name

        def measured() -> None:
            with deterministic(self.threads):
                measure_skills(learner, self.held.items, folder, self.how.seed)

        parallel.in_first(measured)

    def trained_on(self, items: Sequence[Item]) -> list[Item]:
        """What is left of a stage's items."""
        return without(items, self.held)

    def asked(self, stage: str, settings: LoopSettings) -> list[Item]:
        """The held-out items that a stage is measured on: of the kind that it trains on.

        None for a stage that gives the model text in place of clips.
        """
        if getattr(settings, "clips_as_text", False):
            return []
        return [item for item in STAGES.get(stage).chosen(self.held.items, settings) if item.clips]

    def spec(self, asked: Sequence[Item]) -> dict[str, Any]:
        """What a run records of its evaluations."""
        if not asked:
            return {}
        held_out = items_digest(asked)
        return {"hearing": {**asdict(self.how), "held_out": held_out}}


_current: ContextVar[Watching | None] = ContextVar("watching", default=None)


@contextmanager
def watching(watch: Watching) -> Iterator[None]:
    """Measure the stages that are run within the block."""
    token = _current.set(watch)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Watching | None:
    """The training of the innermost `watching` block, if there is one."""
    return _current.get()


def held_out_items(dataset: Path, how: HearingSettings, audio_root: Path | None = None) -> HeldOut:
    """The held-out items of a training on `dataset`: those that are named, else drawn from it.

    Args:
        dataset: a dataset, anything else that `read_items` takes, or a folder written by
            `harken curate`, whose questions are those of all labels.
        how: how many, the seed, and the set that is named (whatever its splits).
        audio_root: where audio is that is not beside the sets.
    """
    labels = [dataset / label for label in LABELS if (dataset / label).is_dir()]
    items = [item for part in labels or [dataset] for item in all_items(part, audio_root)]
    if how.held_out and how.items:
        named = Path(how.held_out)
        asked = list(all_items(named, audio_root))
        return compared(named_held_out(asked, how.items, how.seed, named.name), items)
    return draw_held_out(items, how.items, how.seed, most_share=how.share)


def with_evaluations(settings: Any) -> Any:
    """Settings of a stage that is evaluated: ten times, unless they say otherwise."""
    if settings.evaluate_every:
        return settings
    return replace(settings, evaluate_every=max(1, settings.steps // EVALUATIONS))


def evaluated(
    watch: Watching | None,
    asked: Sequence[Item],
    learner: Learner,
    settings: LoopSettings,
    run: Run,
) -> Any:
    """A block in which a stage is measured on the items `asked`.

    Raises:
        ConfigError: the watch could never end the stage.
    """
    if watch is None or not asked:
        return nullcontext()
    how = watch.how
    if run.spec["stage"] in UNWATCHED:
        how = replace(how, min_gap=0.0)
    how.require_watchable(settings.name, settings.steps, settings.evaluate_every)
    if dry.current() is not None:
        return nullcontext()
    return evaluating(HearingWatch(learner, asked, settings, how, run))


def kept_apart(watch: Watching | None) -> Any:
    """A block in which replay leaves out the held-out items."""
    if watch is None:
        return nullcontext()
    return measured_on(watch.held.items, watch.held.not_trained)


def why_stopped(run: Run, stage: str) -> str:
    """Why a stage was ended before its last step; empty if it was not."""
    own = [record for record in run.stream(RECORDS) if record["stage"] == stage]
    return str(own[-1].get("stop", "")) if own else ""
