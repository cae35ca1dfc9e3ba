"""The watch: which evaluations count, when a stage is stopped, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harken import progress
from harken.models.composed.model import ComposedModel
from harken.runs import Run, read_run
from harken.train.align import AlignSettings
from harken.train.evaluation import evaluating
from harken.train.hearing_gap import HearingSettings
from harken.train.hearing_watch import HEARING, HearingWatch, deaf_evaluations, line_of
from harken.train.sft import SftSettings, sft
from tiny_audio import NAMES, mini, named

STEPS = 100


def evaluation(step: int, nats: float | None) -> dict[str, Any]:
    gap = {"nats": nats, "low": nats, "high": nats, "items": 4}
    return {"step": step, HEARING: {"gap": {"swap": gap, "silence": gap}}}


@pytest.mark.parametrize(
    ("gaps", "stopped_at"),
    [
        ([0.0] * 11, 50),  # 0 and 10, 20 are in the grace period: 30, 40, 50 count
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0], 80),
        ([0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.5, 0.0, 0.0, 0.5, 0.0], None),
        ([0.0, 0.0, 0.0] + [0.1] * 8, None),  # the smallest gap is enough
        ([0.0, 0.0, 0.0] + [0.0999] * 8, 50),
        ([0.0, 0.0, 0.0] + [-2.0] * 8, 50),
        ([1.0] * 8 + [0.0] * 3, 100),  # one that goes deaf at the end
        ([0.0, 0.0, 0.0, 0.0, 0.0, None, 0.0, 0.0, 0.0, 0.0, 0.0], 60),  # unknown is not 0
        ([None] * 11, None),
    ],
)
def test_the_watch_counts_evaluations_in_a_row(
    gaps: list[float | None], stopped_at: int | None
) -> None:
    how = HearingSettings(min_gap=0.1, patience=3, grace=0.25)
    records = [evaluation(10 * at, nats) for at, nats in enumerate(gaps)]
    stops = [
        own[-1]["step"]
        for own in (records[: n + 1] for n in range(len(records)))
        if len(deaf_evaluations(own, how, STEPS)) >= how.patience
    ]
    assert (stops[0] if stops else None) == stopped_at


def test_other_evaluations_between_do_not_count() -> None:
    how = HearingSettings(min_gap=0.1, patience=2, grace=0.0)
    records = [evaluation(10, 0.0), {"step": 15, "other": 1}, evaluation(20, 0.0)]
    assert [record["step"] for record in deaf_evaluations(records, how, STEPS)] == [10, 20]


def trained(
    folder: Path, sounds: Path, how: HearingSettings, *, zeroed: bool, **changes: Any
) -> tuple[ComposedModel, Run]:
    """A very short training that is measured every four steps."""
    learner = mini(3)
    if zeroed:
        learner.net.projector.register_forward_hook(lambda module, given, made: made * 0)
    items = [named(sounds, name, seed, 0.2) for name in NAMES for seed in range(3)]
    held = [named(sounds, name, seed, 0.2) for name in NAMES for seed in range(10, 12)]
    few = {"steps": 16, "batch": 8, "lr": 1e-2, "threads": 1, "evaluate_every": 4}
    settings = SftSettings(**{**few, **changes})  # type: ignore[arg-type]
    with (
        Run.open(folder, {}) as run,
        evaluating(HearingWatch(learner, held, settings, how, run)),
    ):
        sft(learner, items, settings, run)
    return learner, read_run(folder)


def test_a_stage_without_audio_tokens_is_stopped_with_its_causes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_quiet", False)
    how = HearingSettings(min_gap=0.1, patience=2, grace=0.25)
    _, run = trained(tmp_path / "deaf", tmp_path / "sounds", how, zeroed=True)
    records = run.records("evaluations")
    assert [record["step"] for record in records] == [0, 4, 8]
    assert run.count("metrics") == 8
    why = records[-1]["stop"]
    assert [record["stop"] for record in records[:-1]] == ["", ""]
    for part in ("sft does not use the audio", "after step 8 of 16", "step 4: +0.000", "all zero"):
        assert part in why
    shown = capsys.readouterr().err
    assert shown.count("hearing gap") == 3 and "sft step 8: hearing gap +0.000" in shown


def test_without_a_least_gap_nothing_is_stopped(tmp_path: Path) -> None:
    _, run = trained(tmp_path / "run", tmp_path / "sounds", HearingSettings(), zeroed=True)
    records = run.records("evaluations")
    assert [record["step"] for record in records] == [0, 4, 8, 12, 16]
    assert not any(record["stop"] for record in records)


def test_a_line_says_what_is_known() -> None:
    own = {"nats": 0.5, "low": 0.25, "high": 0.75, "items": 3, "tokens": 6}
    none = {"nats": None, "low": None, "high": None, "items": 0, "tokens": 0}
    record = {
        "items": 3,
        "loss": {"audio": own, "swap": none, "silence": own},
        "gap": {"swap": none, "silence": {**own, "low": None, "high": None}},
        "accuracy": {"audio": {"share": None}, "swap": {"share": 0.5}},
        "left_out": {"audio": {"too long": 2}, "swap": {"no donor": 3}},
    }
    line = line_of("sft", 7, record)
    assert line.startswith("sft step 7: hearing gap unknown (no item could be asked) over swap, ")
    assert "+0.500 over silence" in line and "0.500 audio, 0.500 silence" in line
    assert line.endswith("right 50 % swap (3 items, 2 left out)")


@pytest.mark.parametrize(
    ("groups", "rates", "trained_groups", "told"),
    [
        ((), {}, ("projector",), "all zero"),
        ((), {}, ("lm",), "only lm is trained"),
        (("projector", "lm"), {"lr_projector": 0.0}, ("lm",), "only lm is trained"),
        (("audio_encoder", "lm"), {"lr_audio_encoder": 0.0}, ("lm",), "only lm is trained"),
    ],
)
def test_causes_are_of_the_groups_that_are_trained(
    tmp_path: Path,
    groups: tuple[str, ...],
    rates: dict[str, float],
    trained_groups: tuple[str, ...],
    told: str,
) -> None:
    """Not of those that the settings name: `align` names none, and a rate of 0 freezes a group."""
    learner = mini(3)
    learner.net.projector.register_forward_hook(lambda module, given, made: made * 0)
    learner.trainable(trained_groups)
    held = [named(tmp_path, name, 1, 0.2) for name in NAMES]
    settings = (
        AlignSettings(steps=4) if not groups else SftSettings(steps=4, groups=groups, **rates)
    )  # type: ignore[arg-type]
    how = HearingSettings(min_gap=0.1, patience=1, grace=0.0)
    with Run.open(tmp_path / "run", {}) as run:
        why = HearingWatch(learner, held, settings, how, run)(4, []).stop
    assert told in why and "only  is" not in why
    assert ("only" in why) == (trained_groups == ("lm",))
