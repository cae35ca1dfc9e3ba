"""The hearing gap while a stage is trained: measured at every evaluation, shown, and watched.

Whether a stage is stopped is read from its records alone, so one that was killed and resumed is
stopped where it would have been stopped without the kill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harken import progress
from harken.item import Item
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.evaluation import Evaluation
from harken.train.hearing_causes import audio_tokens, likely_causes
from harken.train.hearing_gap import CONTROLS, TRUE, HearingSettings, measure
from harken.train.stage import LoopSettings

Json = dict[str, Any]

HEARING = "hearing"
"""Key of the numbers of `harken.train.hearing_gap.measure` in a record of an evaluation."""


@dataclass(frozen=True, slots=True, eq=False)
class HearingWatch:
    """Measures a stage at each evaluation, and ends it where it does not use its audio.

    Attributes:
        learner: what is trained.
        items: held-out items; those without clips are not asked.
        settings: of the stage.
        how: of the measurement, and when to stop.
        run: has the metrics of the steps.
    """

    learner: Learner
    items: Sequence[Item]
    settings: LoopSettings
    how: HearingSettings
    run: Run

    def __call__(self, step: int, earlier: Sequence[Mapping[str, Any]]) -> Evaluation:
        """Measure after `step` steps; see `harken.train.evaluation.Evaluate`."""
        found = measure(self.learner, self.items, self.how)
        progress.tell(line_of(self.settings.name, step, found))
        records = [*earlier, {"step": step, HEARING: found}]
        return Evaluation({HEARING: found}, self._why_stop(records))

    def _why_stop(self, records: Sequence[Mapping[str, Any]]) -> str:
        deaf = deaf_evaluations(records, self.how, self.settings.steps)
        if not self.how.min_gap or len(deaf) < self.how.patience:
            return ""
        metrics = [r for r in self.run.stream("metrics") if r.get("stage") == self.settings.name]
        tokens = audio_tokens(self.learner, self.items)
        counts = self.learner.parameter_counts()
        trained = [group for group, own in counts.items() if own["trained"]]
        causes = likely_causes(tokens, trained, metrics)
        return deaf_text(self.settings, self.how, deaf, causes)


def deaf_evaluations(
    records: Sequence[Mapping[str, Any]], how: HearingSettings, steps: int
) -> list[Mapping[str, Any]]:
    """The last evaluations in a row whose gap to swapped audio is below ``how.min_gap``.

    Evaluations within the grace period do not count. One whose gap could not be computed neither
    counts nor ends the row.
    """
    found: list[Mapping[str, Any]] = []
    for record in records:
        if HEARING not in record:
            continue
        nats = record[HEARING]["gap"][CONTROLS[0]]["nats"]
        if not how.counts(record["step"], steps) or nats is None:
            continue
        found = [*found, record] if nats < how.min_gap else []
    return found


def line_of(stage: str, step: int, record: Mapping[str, Any]) -> str:
    """The numbers of `measure` in one line for the terminal."""
    gaps = [f"{_signed(own)} over {name}" for name, own in record["gap"].items()]
    losses = [
        f"{own['nats']:.3f} {name}"
        for name, own in record["loss"].items()
        if own["nats"] is not None
    ]
    text = f"{stage} step {step}: hearing gap {', '.join(gaps)} nats a token"
    text += f"; loss {', '.join(losses)}" if losses else ""
    right = [
        f"{100 * own['share']:.0f} % {name}"
        for name, own in record["accuracy"].items()
        if own["share"] is not None
    ]
    text += f"; right {', '.join(right)}" if right else ""
    asked = record["items"]
    left = sum(record["left_out"].get(TRUE, {}).values())
    return text + f" ({asked} items{f', {left} left out' if left else ''})"


def deaf_text(
    settings: LoopSettings,
    how: HearingSettings,
    deaf: Sequence[Mapping[str, Any]],
    causes: Sequence[str],
) -> str:
    """Why a stage is stopped, for people: what was measured, and the likely causes."""
    rows = [(record["step"], record[HEARING]["gap"][CONTROLS[0]]) for record in deaf]
    gaps = "; ".join(f"step {step}: {_signed(own)}" for step, own in rows)
    listed = "\n".join(f"  - {cause}" for cause in causes)
    return (
        f"stage {settings.name} does not use the audio: it was stopped after step {rows[-1][0]} "
        f"of {settings.steps}. In {len(rows)} evaluations in a row, another item's audio cost it "
        f"less than {how.min_gap:g} nats an answer token ({gaps}; {rows[-1][1]['items']} held-out "
        f"items). The model is written as it is. Likely causes:\n{listed}"
    )


def _signed(own: Mapping[str, Any]) -> str:
    """``+0.512 (+0.401 to +0.633)``: a gap with its 95 % interval, or why there is none."""
    if own["nats"] is None:
        return "unknown (no item could be asked)"
    nats, *ends = (
        None if own[k] is None else f"{own[k]:+.3f}".replace("-0.000", "+0.000")
        for k in ("nats", "low", "high")
    )
    return f"{nats}" if None in ends else f"{nats} ({ends[0]} to {ends[1]})"
